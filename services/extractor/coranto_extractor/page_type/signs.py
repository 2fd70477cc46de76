"""Finds the signs that a page with text is a product, a list or a video rather than an article.

No sign is enough by itself: articles stand in folders named “topics”, have prices in them, or come without author and date.
Signs of one kind repeat each other, so what counts is which kinds there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from coranto_extractor.language import phrase_lists
from coranto_extractor.language.phrase_lists import cached_per_languages, class_alternatives
from coranto_extractor.language.sentences import SENTENCE_END
from coranto_extractor.language.text_comparison import alphanumeric_key
from coranto_extractor.page.blocks import normalize_space, text_weight
from coranto_extractor.page.metadata import strings, types_of
from coranto_extractor.page_type.entries import find_entries, find_linked_lines, find_repeated_link
from coranto_extractor.page_type.structure import judge_structure, measure_structure
from coranto_extractor.page_type.summary import (
    PRODUCT_TYPES,
    PageMetrics,
    PageSummary,
    article_types,
    match,
)

Kind = Literal["statement", "markup", "address", "shape", "structure", "last-resort", "offer", "words"]
# How likely each kind of sign makes it that the page is no article; kinds count as independent of each other. The shape of a
# list says enough: it is made of several measurements, and no article of the corpora has it. Of the others it takes two or three.
_PROBABILITIES: dict[Kind, float] = {
    "shape": 0.9, "statement": 0.8, "markup": 0.7, "last-resort": 0.5, "offer": 0.5, "address": 0.3, "words": 0.3,
}  # fmt: skip
# What the model says is one sign, so it does not refuse alone; and it is a sign only from where it is more likely than not.
_MIN_STRUCTURE, _MAX_STRUCTURE = 0.5, 0.89

# Sites of other kinds name their things with a prefix: “exampleshop:item”.
_LISTED_THINGS = frozenset({"item", "product", "listing", "venue", "place", "app", "playlist", "album", "song", "user"})

# What a page may be about by its structured data, beside events of all kinds.
_THINGS = frozenset({"JobPosting", "Course", "CourseInstance"})

# Weights are lengths in Latin letters, shares are parts of the weight of the whole page.
_MANY_TEASERS = 5
# A teaser has at most three sentences. Texts with only shorter paragraphs are lists, when other signs agree.
_MAX_TEASER_WEIGHT = 500.0
_MIN_TEASERS_OF_PLAIN_LIST = 4
# So many linked headings, or links of the same words, for each line of the text make a list; an entry may have two lines.
_ENTRIES_PER_LINE = 0.4
_MIN_PARAGRAPHS_OF_LONG_LIST = 15
# More than this share of the paragraphs end in dots and perhaps a link: they are the beginnings of other articles.
_MIN_EXCERPT_SHARE = 0.5
# So many lines of the text, and more than this share of it, are links. Of 1,136 articles none has a fifth; it is the text that
# is found on a front page when everything that looks like text is taken.
_MIN_LINKED_LINES = 4
_MIN_LINKED_SHARE = 0.3
_MAX_UNLINKED_SHARE = 0.5
# A list whose lines open with a link, or where the same words lead to one page after the other: so many of them at least; of the
# lines, in this share of the text.
_MIN_ENTRIES = 3
_MIN_SHARE_OF_ENTRIES = 0.5
# A text without sentences, such as a table of scores, has less than this share of its weight in lines that could be prose.
_MIN_PROSE_SHARE = 0.2
_MIN_PROSE_WEIGHT = 60.0
_SURE_PROSE_WEIGHT = 150.0
# An introduction above a list has no more text than this.
_MAX_INTRODUCTION_WEIGHT = 200.0
# Lists of teasers or goods rarely have more text of their own; articles with prices in them do.
_MAX_LIST_TEXT_WEIGHT = 4000.0
# Prices for each paragraph of a list of goods. A buyer's guide has fewer prices and longer paragraphs.
_PRICES_PER_PARAGRAPH = 0.4
_MAX_GOODS_PARAGRAPH_WEIGHT = 1500.0
_MIN_PRICES = 8
_SHOWN_URL_CHARS = 80
_MAX_SHOP_LINE_CHARS = 40
_MAX_BUTTONS = 100
# Before white space is taken out.
_MAX_BUTTON_CHARS = 400


@dataclass(frozen=True)
class Sign:
    """One sign that a page is not an article."""

    kind: Kind
    reason: str
    """The drop reason it speaks for; empty for a sign that only confirms others."""
    evidence: str
    probability: float
    """How likely it makes it that the page is none, were it the only one."""


def _sign(kind: Kind, reason: str, evidence: str) -> Sign:
    return Sign(kind, reason, evidence, _PROBABILITIES[kind])


@cached_per_languages
def _product_folder() -> re.Pattern[str]:
    folders = class_alternatives("product_url_folders")
    return re.compile(rf"/(?:products?|product-page|{folders})/[^/]+/?$", re.IGNORECASE)


def find_signs(summary: PageSummary, metrics: PageMetrics) -> list[Sign]:
    """The signs that the page is not an article; empty when nothing speaks for a reason."""
    signs = [*_product_signs(summary, metrics), *_list_signs(summary, metrics), *_video_signs(summary, metrics)]
    if summary.is_last_resort and not metrics.is_stated_article:
        # Where the page has less text outside links than what was taken for its text, that is links; with headings among them
        # they are a list, and without, they may be the paragraphs of an article.
        is_linked = metrics.page_weight - metrics.link_weight < _MAX_UNLINKED_SHARE * metrics.text_weight
        kind: Kind = "shape" if is_linked and metrics.teasers >= _MANY_TEASERS else "last-resort"
        signs.append(_sign(kind, "index_page", "no paragraphs that make a text"))
    if not metrics.is_stated_article:
        signs.extend((*_stated_things(summary, metrics), *_without_prose(summary, metrics), *_service_title(summary)))
    cart = _cart(summary) if any(sign.reason.startswith("product") for sign in signs) else None
    if cart:
        signs.append(_sign("words", "", f"“{cart}”"))
    probability, evidence = judge_structure(measure_structure(summary, metrics))
    if probability >= _MIN_STRUCTURE:
        signs.append(Sign("structure", "other_page", evidence, min(probability, _MAX_STRUCTURE)))
    return signs


def _product_signs(summary: PageSummary, metrics: PageMetrics) -> Iterator[Sign]:
    # Shops that run on blog software call their products articles.
    if _product_folder().search(metrics.path.partition("?")[0]) and not article_types(metrics.types):
        cart = _cart(summary)
        if "Product" in metrics.types or (cart and metrics.prices):
            yield _sign("address", "product_page", f"address {metrics.path[:_SHOWN_URL_CHARS]}")
    if metrics.is_stated_article:
        return
    kind = summary.og_type
    if "product" in kind or summary.page.first("product:price:amount", "og:price:amount"):
        yield _sign("statement", "product_page", f"og:type {kind or 'with a price'}")
    elif ":" in kind and kind.rpartition(":")[2] in _LISTED_THINGS:
        yield _sign("statement", "product_page", f"og:type {kind}")
    product_types = metrics.types & PRODUCT_TYPES
    if product_types & {"Product", "ProductGroup", "IndividualProduct"}:
        yield _sign("markup", "product_page", f"JSON-LD type {min(product_types)}")
    elif summary.page.itemprops.get("price") and _cart(summary):
        yield _sign("markup", "product_page", "a price in the microdata")
    is_short = metrics.text_weight < _MAX_LIST_TEXT_WEIGHT
    lists_goods = (
        metrics.prices >= _PRICES_PER_PARAGRAPH * metrics.paragraphs and metrics.longest < _MAX_GOODS_PARAGRAPH_WEIGHT
    )
    if metrics.prices >= _MIN_PRICES and is_short and not summary.has_date and _cart(summary):
        yield _sign("shape", "product_list", f"{metrics.prices} prices")
    elif metrics.prices >= _MIN_PRICES and lists_goods and summary.is_unsigned:
        yield _sign("shape", "product_list", f"{metrics.prices} prices beside {metrics.paragraphs} paragraphs")
    elif metrics.prices and is_short and summary.is_unsigned and _cart(summary):
        # A shop that says of its page in no other way what it is.
        yield _sign("offer", "product_page", "a price, no date and no author")


def _cart(summary: PageSummary) -> str | None:
    """What a shop says beside a product, such as “add to cart”, in one of the page's short blocks or on a button."""
    lines = [block.text for block in summary.blocks if len(block.text) < _MAX_SHOP_LINE_CHARS]
    return match("shop", " ".join([*islice(_buttons(summary), _MAX_BUTTONS), *lines])[:8000])


def _buttons(summary: PageSummary) -> Iterator[str]:
    """What stands on the page's buttons, which are no blocks of its text."""
    for element in summary.reading.root.iter("button", "input"):
        if element.tag == "button":
            text = normalize_space(element.text_content()[:_MAX_BUTTON_CHARS])
        else:
            text = element.get("value") or "" if element.get("type") in ("submit", "button") else ""
        if 0 < len(text) < _MAX_SHOP_LINE_CHARS:
            yield text


def _list_signs(summary: PageSummary, metrics: PageMetrics) -> Iterator[Sign]:
    if metrics.is_stated_article:
        return
    yield from _teasers(summary, metrics)
    yield from _entries(summary, metrics)
    if metrics.linked_lines >= _MIN_LINKED_LINES and metrics.linked_share > _MIN_LINKED_SHARE:
        yield _sign(
            "shape", "index_page", f"{metrics.linked_lines} of {metrics.paragraphs} lines of the text are links"
        )


def _entries(summary: PageSummary, metrics: PageMetrics) -> Iterator[Sign]:
    """Lines that open with a link, or the same link beside each of them."""
    # trafilatura sets bars between the cells of a table.
    texts = {cell.strip() for text in summary.texts for cell in (text, *text.split("|"))}
    lines = [block for block in summary.blocks if block.text in texts]
    if summary.has_stated_date or not lines:
        return
    # The date and the author shown may be those of an entry.
    kind: Kind = "shape" if summary.is_unsigned else "markup"
    entries = find_entries(lines)
    if len(entries) >= _MIN_ENTRIES and (
        sum(block.weight for block in entries) > _MIN_SHARE_OF_ENTRIES * metrics.text_weight
    ):
        yield _sign(kind, "index_page", f"{len(entries)} of {metrics.paragraphs} lines of the text open with a link")
    label, count = find_repeated_link(summary.page, summary.blocks[lines[0].index : lines[-1].index + 1])
    if count >= max(_MIN_ENTRIES, _ENTRIES_PER_LINE * metrics.paragraphs):
        yield _sign(kind, "index_page", f"{count} links “{label}” in {metrics.paragraphs} lines of the text")


def _without_prose(summary: PageSummary, metrics: PageMetrics) -> Iterator[Sign]:
    """A text without sentences, or hardly more than an introduction to what is linked below it."""
    if summary.has_stated_date or summary.has_author:
        return
    prose = sum(map(text_weight, filter(_may_be_prose, summary.texts)))
    if prose < _MIN_PROSE_SHARE * metrics.text_weight:
        yield _sign("last-resort", "other_page", "a text without sentences")
    elif metrics.text_weight < _MAX_INTRODUCTION_WEIGHT and summary.is_unsigned:
        linked = find_linked_lines(summary.blocks)
        if len(linked) >= _MIN_ENTRIES:
            yield _sign("last-resort", "index_page", f"{len(linked)} linked lines and hardly any text")


def _stated_things(summary: PageSummary, metrics: PageMetrics) -> Iterator[Sign]:
    """What the page states to be instead: a person's profile, or an event or a vacancy that has the headline for its name."""
    if summary.og_type == "profile":
        yield _sign("statement", "other_page", "og:type profile")
    elif "ProfilePage" in metrics.types:
        yield _sign("statement", "other_page", "JSON-LD type ProfilePage")
    title = alphanumeric_key(summary.title or "")
    for node in summary.page.nodes if title else ():
        kind = next((kind for kind in types_of(node) if kind in _THINGS or kind.endswith("Event")), None)
        names = (alphanumeric_key(name) for key in ("name", "title") for name in strings(node.get(key)))
        if kind and title in names:
            yield _sign("statement", "other_page", f"JSON-LD type {kind} with the headline for its name")
            return


def _service_title(summary: PageSummary) -> Iterator[Sign]:
    """A title that sites give to pages about themselves."""
    if summary.has_own_date or summary.has_author:
        return
    # The title of the window is that of the site on many pages.
    title = summary.title or ""
    if phrase_lists.exact_phrase("service_titles").fullmatch(title.casefold().strip(" .:!")):
        yield _sign("statement", "other_page", f"title “{title}”")


def _may_be_prose(text: str) -> bool:
    weight = text_weight(text)
    return weight > _SURE_PROSE_WEIGHT or (weight >= _MIN_PROSE_WEIGHT and SENTENCE_END.search(text) is not None)


def _teasers(summary: PageSummary, metrics: PageMetrics) -> Iterator[Sign]:
    """Linked headings between short paragraphs."""
    is_long_list = (
        metrics.paragraphs >= _MIN_PARAGRAPHS_OF_LONG_LIST
        and metrics.teasers_between >= _ENTRIES_PER_LINE * metrics.paragraphs
        and metrics.longest < _MAX_TEASER_WEIGHT
        and not summary.has_own_date
    )
    breaks_off = metrics.excerpts > _MIN_EXCERPT_SHARE * metrics.paragraphs
    is_plain_list = (
        (not summary.has_date or (breaks_off and not summary.has_own_date))
        and metrics.text_weight < _MAX_LIST_TEXT_WEIGHT
        and metrics.longest < _MAX_TEASER_WEIGHT
        and metrics.teasers_between >= _MIN_TEASERS_OF_PLAIN_LIST
        and metrics.teasers_between > _ENTRIES_PER_LINE * metrics.paragraphs
    )
    is_dated_list = (
        not summary.has_own_date
        and metrics.dated_teasers >= _MIN_TEASERS_OF_PLAIN_LIST
        and metrics.dated_teasers > _ENTRIES_PER_LINE * metrics.paragraphs
        and metrics.longest < _MAX_TEASER_WEIGHT
    )
    # Somebody who is named may have written about what is linked.
    kind: Kind = "markup" if summary.has_author else "shape"
    is_one_of_many = metrics.paragraphs == 1 and breaks_off and metrics.teasers >= _MANY_TEASERS
    if is_one_of_many and not summary.has_own_date:
        yield _sign(kind, "index_page", f"a text that breaks off, and {metrics.teasers} linked headings")
    elif is_dated_list:
        evidence = f"{metrics.dated_teasers} linked headings, each with a date, among {metrics.paragraphs} paragraphs"
        yield _sign(kind, "index_page", evidence)
    elif is_long_list or is_plain_list:
        evidence = f"{metrics.teasers_between} linked headings between {metrics.paragraphs} paragraphs"
        yield _sign(kind, "index_page", evidence)


def _video_signs(summary: PageSummary, metrics: PageMetrics) -> Iterator[Sign]:
    kind = summary.og_type
    if kind.startswith("video") and summary.is_unsigned and not metrics.is_stated_article:
        yield _sign("statement", "video_or_gallery", f"og:type {kind}")
