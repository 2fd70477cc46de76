"""Decides whether a page is an article. If not, says what it is instead, and on what evidence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod

from coranto.records.sections import Doubt
from coranto_extractor.language import phrase_lists
from coranto_extractor.page_type.entries import count_entries
from coranto_extractor.page_type.signs import Sign, find_signs
from coranto_extractor.page_type.summary import ARTICLE_TYPES, PageMetrics, PageSummary, match, measure
from coranto_extractor.refusal import NotAnArticle

_SEARCH_URL = re.compile(r"[?&](?:q|query|s|search|text|keywords?)=|/search/?(?:\?|$)", re.IGNORECASE)
_FRONT_PAGE_PATH = re.compile(r"/(?:index\.\w+|[a-z]{2}(?:-[a-z]{2})?/?|home/?)?")
_NUMBER = re.compile(r"\d[\d.,]*\s")
# Weights are lengths in Latin letters, shares are parts of the weight of the whole page.
# A page with less text than this is refused.
MIN_TEXT_WEIGHT = 90.0
# Challenges and error pages have no more text than this, and challenges no more on the whole page.
_MAX_WALL_WEIGHT = 1500
# Up to this weight, a text may be the page's own words about consent, payment or an error.
_BRIEF_TEXT_WEIGHT = 300
# Pages of videos and pages to log in on have no more than this, menus and all.
_MAX_PAGE_WEIGHT_WITHOUT_TEXT = 3000
# In the title of an error page, “not found” takes up this share; the site's name may be the rest.
_MIN_TOPIC_SHARE_OF_TITLE = 0.3
# A front page with at least this share of text may be everything the site has.
_MIN_TEXT_SHARE_OF_FRONT_PAGE = 0.4
_MANY_TEASERS = 5
_MIN_LINK_SHARE_WITHOUT_TEXT = 0.5
_MIN_PAGE_WEIGHT_WITHOUT_TEXT = 600
# So many results are a list, and on a page without text so many linked lines outside the menus; so many pictures are a gallery.
_MIN_ENTRIES = 3
_MIN_PICTURES = 5
_MIN_LETTER_SHARE = 0.3
_MAX_EVIDENCE_CHARS = 300
_MIN_DOUBT = 0.5


def classify_page(summary: PageSummary) -> NotAnArticle | Doubt | None:
    """Why the page is certainly not an article, or why that is likely; None when it is one."""
    metrics = measure(summary)
    for check in (
        _check_walls,
        _check_error_page,
        _check_front_page,
        _check_search_results,
        _check_length,
        _check_letters,
    ):
        result = check(summary, metrics)
        if result:
            return result
    return _weigh(find_signs(summary, metrics))


def _weigh(signs: Sequence[Sign]) -> Doubt | None:
    """What the signs say together: each kind of them counts once, whichever of its signs are there."""
    if not signs:
        return None
    by_kind = {sign.kind: sign.probability for sign in signs}
    if "statement" in by_kind:
        by_kind.pop("markup", None)  # the page says the same once more
    if {"structure", "last-resort"} <= by_kind.keys():
        # Both say that the text stands where lists have it.
        by_kind["last-resort"] = max(by_kind["last-resort"], by_kind.pop("structure"))
    certainty = 1.0 - prod(1.0 - probability for probability in by_kind.values())
    if certainty < _MIN_DOUBT:
        return None
    evidence = ", ".join(dict.fromkeys(sign.evidence for sign in signs))
    reason = next(sign.reason for sign in signs if sign.reason)
    return Doubt(reason=reason, evidence=evidence[:_MAX_EVIDENCE_CHARS], probability=round(certainty, 2))


def _beginning_below_headline(summary: PageSummary) -> str:
    beginning = " ".join(block.text for block in summary.blocks[:60])[:3000]
    return beginning.replace(summary.title or "\n", " ")


def _titles(summary: PageSummary) -> tuple[str, str]:
    return summary.title or "", summary.page.page_title or ""


def _topic_of_title(key: str, summary: PageSummary, metrics: PageMetrics) -> str | None:
    """The phrase under the key that a title is about; above a few unsigned words it may be any part of the title.

    News is about sites that were blocked, and things that were not found, too.
    """
    is_brief = metrics.text_weight < _BRIEF_TEXT_WEIGHT and summary.is_unsigned
    for title in _titles(summary):
        found = [one.group(0) for one in phrase_lists.any_phrase(key).finditer(title)]
        if found and (is_brief or sum(map(len, found)) >= len(title) * _MIN_TOPIC_SHARE_OF_TITLE):
            return found[0]
    return None


def _check_walls(summary: PageSummary, metrics: PageMetrics) -> NotAnArticle | None:
    if metrics.text_weight > _MAX_WALL_WEIGHT:
        return None
    is_signed_article = metrics.is_stated_article and not summary.is_unsigned
    if not is_signed_article:
        phrase = _topic_of_title("bot_challenge", summary, metrics)
        if not phrase and metrics.page_weight < _MAX_WALL_WEIGHT:
            phrase = match("bot_challenge", _beginning_below_headline(summary))
        if phrase:
            return NotAnArticle("challenge_wall", f"“{phrase}”")
    if summary.is_unsigned and not metrics.is_stated_article:
        phrase = _topic_of_title("consent", summary, metrics)
        if not phrase and metrics.text_weight < _BRIEF_TEXT_WEIGHT:
            # “We and our 742 partners”
            phrase = match("consent", _NUMBER.sub("", " ".join(summary.texts)))
        if phrase:
            return NotAnArticle("consent_wall", f"“{phrase}”")
    if metrics.text_weight < _BRIEF_TEXT_WEIGHT:
        phrase = match("paywall", _beginning_below_headline(summary))
        if not phrase and metrics.page_weight < _MAX_PAGE_WEIGHT_WITHOUT_TEXT:
            phrase = _topic_of_title("login", summary, metrics)
        if phrase:
            return NotAnArticle("paywall_stub", f"“{phrase}”, {metrics.text_weight:.0f} characters of text")
    return None


def _check_error_page(summary: PageSummary, metrics: PageMetrics) -> NotAnArticle | None:
    if metrics.text_weight > _MAX_WALL_WEIGHT or metrics.is_stated_article:
        return None
    title, page_title = _titles(summary)
    for part in (title, *page_title.split("|")):
        is_error = phrase_lists.exact_phrase("error_title").fullmatch(part.casefold().strip(" .!")) is not None
        # A story may be called “Error”; a longer text of an error page says what was not found.
        if is_error and (metrics.text_weight < _BRIEF_TEXT_WEIGHT or match("not_found", " ".join(summary.texts))):
            return NotAnArticle("error_page", f"title “{part}”")
    phrase = _topic_of_title("not_found", summary, metrics)
    if not phrase and summary.is_unsigned and metrics.text_weight < _BRIEF_TEXT_WEIGHT:
        headings = [block.text for block in summary.blocks if block.tag in ("h1", "h2") and len(block.text) < 80]
        phrase = match("not_found", " ".join(headings))
    return NotAnArticle("error_page", f"“{phrase}”") if phrase else None


def _check_length(summary: PageSummary, metrics: PageMetrics) -> NotAnArticle | None:
    if metrics.text_weight >= MIN_TEXT_WEIGHT:
        return None
    if summary.has_video and metrics.page_weight < _MAX_PAGE_WEIGHT_WITHOUT_TEXT:
        return NotAnArticle("video_or_gallery", f"a video and {metrics.text_weight:.0f} characters of text")
    if metrics.link_share > _MIN_LINK_SHARE_WITHOUT_TEXT and metrics.page_weight > _MIN_PAGE_WEIGHT_WITHOUT_TEXT:
        return NotAnArticle("index_page", f"{metrics.link_share:.0%} of the words are links")
    if not metrics.is_stated_article:
        if next(summary.reading.root.iterfind(".//input[@type='password']"), None) is not None:
            return NotAnArticle("paywall_stub", f"a field for a password, {metrics.text_weight:.0f} characters of text")
        entries = count_entries(summary.page, summary.blocks)
        if entries >= _MIN_ENTRIES:
            seen = f"{entries} links to pages of the site, {metrics.text_weight:.0f} characters of text"
            return NotAnArticle("index_page", seen)
        pictures = sum(1 for _ in summary.reading.root.iter("figure"))
        if pictures >= _MIN_PICTURES:
            return NotAnArticle(
                "video_or_gallery", f"{pictures} pictures, {metrics.text_weight:.0f} characters of text"
            )
    return NotAnArticle("too_short", f"{metrics.text_weight:.0f} characters of text")


def _check_search_results(summary: PageSummary, metrics: PageMetrics) -> NotAnArticle | None:
    if metrics.is_stated_article:
        return None
    if "SearchResultsPage" in metrics.types:
        return NotAnArticle("search_result", "JSON-LD type SearchResultsPage")
    phrase = match("search", (summary.title or summary.page.page_title or "")[:80])
    # Where each paragraph has a linked heading, it is a result; of few results, their number alone says nothing.
    has_only_results = metrics.paragraphs >= _MIN_ENTRIES and metrics.teasers_between >= metrics.paragraphs - 1
    if phrase and (
        _SEARCH_URL.search(metrics.path)
        or metrics.teasers >= _MANY_TEASERS
        or (has_only_results and not summary.has_own_date)
    ):
        return NotAnArticle("search_result", f"“{phrase}”")
    return None


def _check_front_page(summary: PageSummary, metrics: PageMetrics) -> NotAnArticle | None:
    # The path is empty when the page's URL is not known.
    if not metrics.path or not _FRONT_PAGE_PATH.fullmatch(metrics.path):
        return None
    if metrics.text_share >= _MIN_TEXT_SHARE_OF_FRONT_PAGE and metrics.teasers_between < _MANY_TEASERS:
        return None
    kind = summary.og_type or "website"
    holds_articles = bool(metrics.types & ARTICLE_TYPES) and kind != "website"
    if holds_articles or (kind == "article" and summary.has_date):
        return None
    return NotAnArticle("home_page", f"address {metrics.path}, {metrics.text_share:.0%} of the words are text")


def _check_letters(summary: PageSummary, _: PageMetrics) -> NotAnArticle | None:
    text = " ".join(summary.texts)
    letters = sum(map(str.isalpha, text))
    if text and letters < _MIN_LETTER_SHARE * len(text):
        return NotAnArticle("no_language", f"{letters} letters in {len(text)} characters")
    return None
