"""Finds the headline: what the page's own heading and its metadata agree on, without the names of site and section."""

from __future__ import annotations

import html as entities
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from urllib.parse import urlsplit

from coranto_extractor.fields.evidence import Extracted
from coranto_extractor.language.date_parsing import parse_date_text
from coranto_extractor.language.text_comparison import alphanumeric_key, title_similarity
from coranto_extractor.page.blocks import Block, BlockList, normalize_space, text_weight, word_count
from coranto_extractor.page.metadata import PageMetadata, strings
from coranto_extractor.page.regions import is_hidden, sidebar_names

_SEPARATOR = re.compile(r"\s+[|•·»›:/\\~⋆★●►▶▸➤→⇒＞∣│┃¦@]+\s+|\s+[-–—―]+\s+|\s*[|｜»›ㅣ]\s*|\s*::\s*|\s+<\s+")
# “Bridge opens again (The Example Post)”, “橋が開通【港新聞】”
_IN_BRACKETS = re.compile(r"\s*[(\[【（]([^()\[\]【】（）]{2,60})[)\]】）]$")
_GLUED_SECTION = re.compile(r"\s?[-|·:]\s?[^\W\d_]{1,12}")
_MAX_TITLE_CHARS = 400
# A stated title may include the names of site and section. Longer ones are cut first, because segments are removed one by one.
_MAX_STATED_CHARS = 1000
_MAX_HEADINGS = 400
_MIN_HEADING_CHARS = 4
# An ordinary block that may be the headline is shorter, and mostly not linked.
_MAX_PLAIN_HEADING_CHARS = 250
_MAX_PLAIN_HEADING_LINK_SHARE = 0.5
# Similarity with a stated title, times the trust in both, above which a heading is the headline.
_MIN_SIMILARITY = 0.55
# An h1 may be the headline if it is the only one and has more words than this, or is at least so similar to a stated title.
_LABEL_WORDS = 3
_HEADLINE_CLASS = re.compile(r"(?:^|[\s_-])(?:headline|title)(?:$|[\s_-])", re.IGNORECASE)
_MARKING_LEVELS = 4
_MAX_CHILDREN = 50
# The line above a headline, which some pages set as the heading of first rank.
_KICKER_CLASS = re.compile(
    r"(?:^|[\s_-])(?:kicker|overline|topline|strapline|roofline|eyebrow|dachzeile|supertitle|surtitle)(?:$|[\s_-])",
    re.IGNORECASE,
)
_PLAIN_TRUST = 0.8
_MIN_SIMILARITY_OF_H1 = 0.2
_SEGMENT_TRUST = 0.9
_LABEL_TRUST = 0.6
_MAX_LABEL_WEIGHT = 15
_MAX_BLOCKS_BELOW_SECTION = 4
_MIN_PIECES = 2
_MIN_SEGMENT_LETTERS = 15
_MIN_SITE_NAME_LETTERS = 3
# “5 January 2024 Harbour bridge opens again”: a date before the headline is shorter than this.
_MAX_DATE_CHARS = 40
# “Dienstag 4. März 2025”, “4 de marzo de 2025”.
_MAX_DATE_WORDS = 3
_MARKS_AT_ENDS = " |-–—:·"
_ELLIPSES = ("...", "…")
# An element with more text than this times the heading's own (white space counts) holds the page beside the heading.
_MAX_ELEMENT_TO_HEADING = 20
# Some pages put a title for search engines into the last breadcrumb, and the headline into an h2.
_BREADCRUMB_REGIONS = frozenset({"nav", "list", "side:breadcrumb", "side:breadcrumbs"})
_BREADCRUMB_TRUST = 0.85
_MAX_SITE_NAME_WORDS = 5
_PAGE_TITLE_TRUST = 0.95
_LOW_HEADINGS = frozenset({"h3", "h4", "h5", "h6"})
_REGIONS_BESIDE_ARTICLE = frozenset({"nav", "aside", "footer", "comment", "consent", "notice", "author-box"})


@dataclass(frozen=True)
class Headline:
    """The headline, and the text of the heading it is part of as the page shows it, possibly with a kicker."""

    title: Extracted[str]
    heading: str


def find_headline(page: PageMetadata, blocks: BlockList) -> Headline | None:
    """The headline; None when the page has none."""
    found = _find_headline(page, blocks)
    if found is not None and found.title.value == found.heading:
        found = replace(found, title=replace(found.title, value=_without_small(found.heading, page, blocks)))
    if found is None or "&" not in found.title.value:
        return found
    # Some pages escape twice.
    return replace(found, title=replace(found.title, value=entities.unescape(found.title.value)))


def _find_headline(page: PageMetadata, blocks: BlockList) -> Headline | None:
    names = site_names(page)
    site_keys = {alphanumeric_key(name) for name in names}
    stated = _stated_titles(page, names)
    # A page that states no more than the site's name says nothing about its headline. Some write the headline for that name.
    telling = [
        (title, trust)
        for title, trust in stated
        if word_count(title) > _MAX_SITE_NAME_WORDS
        or (alphanumeric_key(title) not in site_keys and not _is_part_of_site_name(title, site_keys))
    ]
    headings = _headings(page, blocks)
    segments = [segment for title, _ in telling for segment in _segments(title)]
    main_segments = [(segment, trust) for segment, trust in segments if trust == _SEGMENT_TRUST]
    best: tuple[float, Block] | None = None
    for block, weight in headings:
        parts = segments if weight == 1.0 else main_segments if block.tag != "h1" else ()
        for title, trust in (*telling, *parts):
            score = title_similarity(block.text, title) * trust * weight
            # Of equals the first one wins.
            if score > _MIN_SIMILARITY and (best is None or score > best[0]):
                best = (score, block)
    if best:
        best = (best[0], _headline_above(best[1], headings, [title for title, _ in telling]) or best[1])
        below = _headline_below(best[1], blocks) if _names_section(best[1], stated) else None
        if below:
            return Headline(Extracted(below.text, "h1", 0.5), below.text)
        title = _headline_in(best[1], [title for title, _ in stated], [segment for segment, _ in main_segments])
        return Headline(Extracted(title, "h1", min(1.0, 0.5 + best[0] / 2)), best[1].text)
    return _unconfirmed_headline(headings, stated, site_keys, blocks)


def _headline_above(confirmed: Block, headings: Sequence[tuple[Block, float]], stated: Sequence[str]) -> Block | None:
    """The page's only h1, if it stands above the heading that the metadata confirm and resembles them too; else None."""
    ones = [block for block, trust in headings if block.tag == "h1" and trust == 1.0]
    ones = [block for block in ones if not _is_beside_article(block)] or ones
    if confirmed.tag == "h1" or len(ones) != 1 or ones[0].index > confirmed.index:
        return None
    is_headline = text_weight(ones[0].text) > _MAX_LABEL_WEIGHT and _resembles(ones[0].text, stated)
    return ones[0] if is_headline else None


def _names_section(block: Block, stated: Sequence[tuple[str, float]]) -> bool:
    """True for a heading that only the title of the window confirms, and that is short enough to be a section: “News”."""
    return text_weight(block.text) <= _MAX_LABEL_WEIGHT and all(trust <= _PAGE_TITLE_TRUST for _, trust in stated)


def _headline_below(block: Block, blocks: Sequence[Block]) -> Block | None:
    """The heading that follows with nothing but short lines between, and with prose behind it; None when there is none."""
    following = blocks[block.index + 1 : block.index + 1 + _MAX_BLOCKS_BELOW_SECTION]
    heading = next((other for other in following if other.tag in ("h2", "h3") or other.is_prose), None)
    if heading is None or heading.is_prose or text_weight(heading.text) <= _MAX_LABEL_WEIGHT or heading.links:
        return None
    return heading if _is_above_prose(heading, blocks) else None


def _segments(title: str) -> list[tuple[str, float]]:
    """The parts of a title between separators, and the trust in each: short ones beside a longer one name sections."""
    parts = [part for part in _SEPARATOR.split(title) if part.strip()]
    longest = max(map(text_weight, parts), default=0.0)
    return [
        (part, _SEGMENT_TRUST if text_weight(part) > min(_MAX_LABEL_WEIGHT, longest - 1) else _LABEL_TRUST)
        for part in parts
    ]


def _unconfirmed_headline(
    headings: Sequence[tuple[Block, float]],
    stated: Sequence[tuple[str, float]],
    site_keys: set[str],
    blocks: Sequence[Block],
) -> Headline | None:
    """The headline of a page whose headings and stated titles do not agree."""
    named = [block for block, _ in headings if block.tag in ("h1", "h2") and not _is_site_name(block.text, site_keys)]
    # On some pages, the box with a name such as “sidebar” is the whole page.
    own = [block for block in named if not _is_beside_article(block)] or named
    first_headings = [block for block in own if block.tag == "h1"]
    # Of several, the one above the text.
    ones = [block.text for block in first_headings if _is_above_prose(block, blocks)]
    if len(ones) != 1:
        ones = [block.text for block in first_headings]
    titles = [title for title, _ in stated if not _is_site_name(title, site_keys)]
    # Only the title of the window is stated, which often is that of the section or the same on every page.
    is_weak = all(trust <= _PAGE_TITLE_TRUST for title, trust in stated if title in titles)
    if len(ones) == 1 and (is_weak or _may_be_only_headline(ones[0], titles)):
        return Headline(Extracted(ones[0], "h1", 0.5), ones[0])
    # Of several, the rest head boxes and cards.
    first = next((block.text for block in first_headings if block.link_share < _MAX_PLAIN_HEADING_LINK_SHARE), None)
    if first and _resembles(first, titles):
        return Headline(Extracted(first, "h1", 0.5), first)
    twos = [block.text for block in own if block.tag == "h2"]
    heading = next((block.text for block in own if block.tag == "h2" and not _is_label(block)), None)
    if not heading and all(text_weight(title) <= _MAX_LABEL_WEIGHT for title, _ in stated):
        heading = _lower_heading(blocks, site_keys)
    # A short heading beside a long title of the window heads a box.
    heads_box = (
        bool(heading and titles) and text_weight(heading or "") <= _MAX_LABEL_WEIGHT < text_weight(titles[0]) / 2
    )
    if heading and not ones and is_weak and not heads_box:
        return Headline(Extracted(heading, "h1", 0.4), heading)
    if titles:
        trust = next(trust for title, trust in stated if title == titles[0])
        return Headline(Extracted(titles[0], "metadata", 0.6 * trust), titles[0])
    first = next(iter([*ones, *twos, *(title for title, _ in stated)]), None)
    return Headline(Extracted(first, "h1", 0.4), first) if first else None


def _lower_heading(blocks: Sequence[Block], site_keys: set[str]) -> str | None:
    """The first heading of a low rank, or line marked as the headline, with text below it, on a page with none of a high rank."""
    headings = (block for block in blocks if not block.links and (block.tag in _LOW_HEADINGS or _is_marked(block)))
    told = (block for block in headings if not _is_label(block) and not _is_site_name(block.text, site_keys))
    return next(
        (block.text for block in told if len(block.text) <= _MAX_TITLE_CHARS and _is_above_prose(block, blocks)), None
    )


def _is_marked(block: Block) -> bool:
    """True for a line whose element, or one with nothing else in it, has a class such as “headline”."""
    if block.is_prose or _is_beside_article(block) or len(block.text) < _MIN_SEGMENT_LETTERS:
        return False
    for element in islice((block.element, *block.element.iterancestors()), _MARKING_LEVELS):
        if len("".join(element.itertext()).strip()) > 2 * len(block.text):
            return False
        if _HEADLINE_CLASS.search(element.get("class") or ""):
            return True
    return False


def _is_label(block: Block) -> bool:
    """True for one word that is short, as headings for screen readers are (“Main”), or linked."""
    return len(block.text.split()) == 1 and (text_weight(block.text) <= _MAX_LABEL_WEIGHT or bool(block.links))


def _is_above_prose(block: Block, blocks: Sequence[Block]) -> bool:
    following = blocks[block.index + 1 : block.index + 1 + _MAX_BLOCKS_BELOW_SECTION]
    return next((other.is_prose for other in following if other.is_prose or other.tag == "h1"), False)


def _is_beside_article(block: Block) -> bool:
    return bool(block.regions & _REGIONS_BESIDE_ARTICLE or sidebar_names(block.regions))


def _may_be_only_headline(heading: str, stated: Sequence[str]) -> bool:
    return word_count(heading) > _LABEL_WORDS or _resembles(heading, stated)


def _resembles(heading: str, stated: Sequence[str]) -> bool:
    return any(title_similarity(heading, title) > _MIN_SIMILARITY_OF_H1 for title in stated)


def _headline_in(block: Block, stated: Sequence[str], segments: Sequence[str]) -> str:
    """The heading without the kicker or subtitle that some pages put into the same element."""
    heading, key = block.text, alphanumeric_key(block.text)
    is_own_element = len(block.element.text_content()) <= _MAX_ELEMENT_TO_HEADING * len(heading) + _MIN_SEGMENT_LETTERS
    children = (
        [normalize_space(child.text_content()) for child in block.element.iterdescendants()] if is_own_element else []
    )
    child_keys = {alphanumeric_key(child) for child in children} - {"", key}
    for title in (*stated, *segments):
        other = alphanumeric_key(title)
        if other == key:
            # HTML often loses the marks and spaces between the parts of a heading; the metadata keep them.
            return title if len(title) > len(heading) and not title.endswith(_ELLIPSES) else heading
        is_end, is_start = key.endswith(other), key.startswith(other)
        if len(other) <= _MIN_SEGMENT_LETTERS or not (is_end or is_start):
            continue
        rest = key.removesuffix(other) if is_end else key.removeprefix(other)
        agreeing = sum(1 for text in stated if alphanumeric_key(text) == other)
        # What the page has in one run of text was written as one headline.
        is_joined = len(block.pieces) < _MIN_PIECES
        is_behind_kicker = heading.endswith(title) and agreeing > 1 and not is_joined
        if is_behind_kicker or child_keys & {other, rest}:
            return title
    for title in stated:
        for segment in _SEPARATOR.split(title):
            kicker = heading.removesuffix(segment)
            if len(kicker) < min(len(heading), _MAX_DATE_CHARS) and kicker and parse_date_text(kicker, None):
                return segment
    for child in children:
        is_headline = (
            len(alphanumeric_key(child)) > _MIN_SEGMENT_LETTERS and child != heading and heading.endswith(child)
        )
        # The metadata may have another kicker before the same headline.
        if is_headline and any(title.endswith(f": {child}") for title in stated):
            return child
    return heading


def _without_small(heading: str, page: PageMetadata, blocks: Sequence[Block]) -> str:
    """The heading without what it sets in small letters before or behind the headline, unless the metadata have that, too."""
    block = next((block for block in blocks if block.tag == "h1" and block.text == heading), None)
    small = next(block.element.iter("small"), None) if block is not None else None
    if small is None:
        return heading
    beside = small.text_content()
    for child in islice(small.iterdescendants(), _MAX_CHILDREN):
        if isinstance(child.tag, str) and is_hidden(child):
            beside = beside.replace(child.text_content(), " ", 1)
    beside = normalize_space(beside)
    rest = heading.removesuffix(beside).removeprefix(beside).strip(_MARKS_AT_ENDS)
    is_stated = any(
        alphanumeric_key(title) == alphanumeric_key(heading) for title, _ in _stated_titles(page, site_names(page))
    )
    return heading if is_stated or len(rest) <= _MIN_SEGMENT_LETTERS else rest


def _headings(page: PageMetadata, blocks: Sequence[Block]) -> list[tuple[Block, float]]:
    """The blocks that may be the headline, and how much each looks like one."""
    found: list[tuple[Block, float]] = []
    for block in blocks:
        if len(block.text) > _MAX_TITLE_CHARS or len(block.text) < _MIN_HEADING_CHARS:
            continue
        if block.tag == "h1":
            if not _links_to_front_page(page, block):
                trust = _BREADCRUMB_TRUST if block.regions & _BREADCRUMB_REGIONS else 1.0
                is_kicker = _KICKER_CLASS.search(block.element.get("class") or "")
                found.append((block, _PLAIN_TRUST if is_kicker else trust))
        elif block.tag in ("h2", "h3"):
            found.append((block, 0.9))
        elif "headline" in block.element.get("itemprop", ""):
            # Some themes give the site's name in the header this property.
            if not _links_to_front_page(page, block):
                found.append((block, 1.0))
        elif (
            len(block.text) < _MAX_PLAIN_HEADING_CHARS
            and not block.is_prose
            and block.link_share < _MAX_PLAIN_HEADING_LINK_SHARE
        ):
            found.append((block, _PLAIN_TRUST))
    return found[:_MAX_HEADINGS]


def _links_to_front_page(page: PageMetadata, block: Block) -> bool:
    """True for a heading that is, or stands in, a link to the site's front page: it shows the name of the site."""
    around = next(islice(block.element.iterancestors("a"), 1), None)
    links = [*block.links, (around.get("href") or "", block.text)] if around is not None else block.links
    for href, text in links:
        url = page.absolute(href)
        if url and text == block.text and urlsplit(url).path in ("", "/") and not urlsplit(url).query:
            return True
    return False


def site_names(page: PageMetadata) -> list[str]:
    """The names the site goes by: those it states, and its host."""
    stated = page.first("og:site_name", "application-name", "al:ios:app_name", "twitter:app:name:iphone")
    names = [stated, *strings(page.resolve(page.article.get("publisher"))), page.host, page.host.rpartition(".")[0]]
    return [name for name in names if name]


def _without_site_name(title: str, names: Sequence[str], others: Sequence[str]) -> str:
    """The title without leading or trailing segments that name the site, or that the other stated titles lack."""
    keys = {alphanumeric_key(name) for name in names if len(alphanumeric_key(name)) > 1}
    in_brackets = _IN_BRACKETS.search(title)
    if in_brackets and alphanumeric_key(in_brackets[1]) in keys and in_brackets.start():
        title = title[: in_brackets.start()]
    name, _, rest = title.partition(": ")
    if rest and alphanumeric_key(name) in keys:
        title = rest
    # Blogs once wrote “Bridge opens again « The Example Post”; elsewhere the mark opens a quotation.
    title = title if "»" in title else title.replace(" « ", " | ")
    while True:
        # The second of a pair of quotation marks is not a separator.
        breaks = [found for found in _SEPARATOR.finditer(title) if "»" not in found[0] or "«" not in title]
        if not breaks:
            return title
        head, tail = title[: breaks[-1].start()], title[breaks[-1].end() :]
        first, rest = title[: breaks[0].start()], title[breaks[0].end() :]
        if head.strip() and (
            _is_site_name(tail, keys) or _is_stated_shorter(head, title, others) or _is_date_beside(head, tail)
        ):
            title = head.strip()
        elif rest.strip() and (
            _is_site_name(first, keys) or _is_stated_shorter(rest, title, others) or _is_date_beside(rest, first)
        ):
            title = rest.strip()
        else:
            return title


def _is_site_name(segment: str, keys: set[str]) -> bool:
    key = alphanumeric_key(segment)
    return not key or any(
        key == name
        or (len(name) > 3 and (name in key and len(key) < 2.5 * len(name) + 6))
        or (len(key) > 3 and key in name)
        for name in keys
    )


def _is_part_of_site_name(title: str, keys: set[str]) -> bool:
    key = alphanumeric_key(title)
    return len(key) > _MIN_SITE_NAME_LETTERS and any(name.startswith(key) for name in keys)


def _is_date_beside(rest: str, segment: str) -> bool:
    """True for the day of an article, beside its headline; “Newsletter, 5 January 2024” is a headline with its day."""
    is_headline = text_weight(rest) > _MAX_LABEL_WEIGHT and word_count(rest) > _LABEL_WORDS
    is_short = len(segment) < _MAX_DATE_CHARS and sum(map(str.isalpha, segment.split())) <= _MAX_DATE_WORDS
    return is_headline and is_short and parse_date_text(segment, None) is not None


def _is_stated_shorter(shorter: str, title: str, others: Sequence[str]) -> bool:
    """True when another statement gives the shorter title, and none gives the full one."""
    keys = {alphanumeric_key(other) for other in others}
    return alphanumeric_key(shorter) in keys and alphanumeric_key(title) not in keys


def _stated_titles(page: PageMetadata, names: Sequence[str]) -> list[tuple[str, float]]:
    """The titles in the metadata, without the site's name, and the trust in each."""
    headline = strings(page.article.get("headline")) or strings(page.article.get("name"))
    raw = [
        (headline[0] if headline else None, 1.0),
        (page.first("og:title"), 1.0),
        (page.first("twitter:title", "twitter:text:title"), 0.98),
        (page.first("dc.title", "dcterms.title", "title", "headline", "sailthru.title", "parsely-title", "hdl"), 0.95),
        (page.page_title, _PAGE_TITLE_TRUST),
    ]
    given = [(text[:_MAX_STATED_CHARS], trust) for text, trust in raw if text]
    texts = [text for text, _ in given]
    result: list[tuple[str, float]] = []
    for text, trust in given:
        title = _without_site_name(text, names, [other for other in texts if other != text]).strip(_MARKS_AT_ENDS)
        if title and alphanumeric_key(title) and len(title) <= _MAX_TITLE_CHARS:
            result.append((title, trust))
    return [(_without_glued_section(title, result), trust) for title, trust in result]


def _without_glued_section(title: str, stated: Sequence[tuple[str, float]]) -> str:
    """The title as another statement gives it, where this one has only a section behind it: “Bridge opens again-City”."""
    for other, _ in stated:
        if (
            len(other) >= _MIN_SEGMENT_LETTERS
            and title.startswith(other)
            and _GLUED_SECTION.fullmatch(title[len(other) :])
        ):
            return other
    return title
