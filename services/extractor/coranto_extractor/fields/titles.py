"""Finds the headline: what the page's own heading and its metadata agree on, without site name and section."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from coranto_extractor.fields.evidence import Extracted
from coranto_extractor.language.text_comparison import title_similarity, word_characters
from coranto_extractor.page.blocks import Block, normalize_space
from coranto_extractor.page.metadata import PageMetadata, strings

_SEPARATOR = re.compile(r"\s+[|•·»›:/\\~]+\s+|\s+[-–—―]+\s+|\s*[|»›ㅣ]\s*|\s*::\s*|\s+<\s+")
_MAX_TITLE_CHARS = 400
# A title with the names of section and site; what is longer is looked at no further, as parts of it are cut off one by one.
_MAX_STATED_CHARS = 1000
_JOINTS = frozenset("|:-–—")
_MIN_PART_LETTERS = 15
_CUT_OFF = ("...", "…")
# White space of the markup counts, so the element's text is longer than the heading's.
_OWN_ELEMENT = 20
# Some pages set a title for search engines as the last of the crumbs, and the headline as a heading of second rank.
_CRUMBS = frozenset({"nav", "list", "side:breadcrumb", "side:breadcrumbs"})
_CRUMB = 0.85


@dataclass(frozen=True)
class Headline:
    """The headline, and the text of the heading that holds it as the page sets it, with a rubric line or without."""

    title: Extracted[str]
    heading: str


def find_headline(page: PageMetadata, blocks: Sequence[Block]) -> Headline | None:
    """The headline, or None when the page gives none."""
    names = site_names(page)
    stated = _stated_titles(page, names)
    headings = _headings(page, blocks)
    parts = [(part, 0.9) for title, _ in stated for part in _SEPARATOR.split(title) if part.strip()]
    best: tuple[float, Block] | None = None
    for rank, (block, weight) in enumerate(headings):
        for title, trust in (*stated, *parts) if weight == 1.0 else stated:
            score = title_similarity(block.text, title) * trust * weight - rank * 0.001
            if score > 0.55 and (best is None or score > best[0]):
                best = (score, block)
    if best:
        title = _headline_in(best[1], [title for title, _ in stated])
        return Headline(Extracted(title, "h1", min(1.0, 0.5 + best[0] / 2)), best[1].text)
    ones = [
        block.text
        for block, weight in headings
        if weight == 1.0 and not _is_site(block.text, {word_characters(name) for name in names})
    ]
    if len(ones) == 1 and (
        len(ones[0].split()) > 3 or any(title_similarity(ones[0], title) > 0.2 for title, _ in stated)
    ):
        return Headline(Extracted(ones[0], "h1", 0.5), ones[0])
    if stated:
        title, trust = stated[0]
        return Headline(Extracted(title, "metadata", 0.6 * trust), title)
    if ones:
        return Headline(Extracted(ones[0], "h1", 0.4), ones[0])
    return None


def _headline_in(block: Block, stated: Sequence[str]) -> str:
    """The heading without the rubric line or the subtitle that some pages set in the same element."""
    heading, key = block.text, word_characters(block.text)
    # A heading may stand in an element that holds the whole page beside it.
    is_own = len(block.element.text_content()) <= _OWN_ELEMENT * len(heading) + _MIN_PART_LETTERS
    parts = [normalize_space(child.text_content()) for child in block.element.iterdescendants()] if is_own else []
    apart = {word_characters(part) for part in parts} - {"", key}
    for title in stated:
        other = word_characters(title)
        if other == key:
            # Markup swallows the marks and spaces between a heading's parts; the metadata keep them.
            return title if len(title) > len(heading) and not title.endswith(_CUT_OFF) else heading
        is_end, is_start = key.endswith(other), key.startswith(other)
        if len(other) <= _MIN_PART_LETTERS or not (is_end or is_start):
            continue
        rest = key.removesuffix(other) if is_end else key.removeprefix(other)
        agreeing = sum(1 for text in stated if word_characters(text) == other)
        # What the heading joins with a mark of its own was written as one headline.
        is_joined = heading.removesuffix(title).rstrip()[-1:] in _JOINTS
        is_kicker = heading.endswith(title) and len(other) > 0.4 * len(key) and agreeing > 1 and not is_joined
        if is_kicker or apart & {other, rest}:
            return title
    for part in parts:
        is_part = len(word_characters(part)) > _MIN_PART_LETTERS and part != heading and heading.endswith(part)
        # The metadata may set another line above the same headline.
        if is_part and any(title.endswith(f": {part}") for title in stated):
            return part
    return heading


def _headings(page: PageMetadata, blocks: Sequence[Block]) -> list[tuple[Block, float]]:
    """The blocks that may be the headline, and how much each looks like one."""
    found: list[tuple[Block, float]] = []
    for block in blocks:
        if len(block.text) > _MAX_TITLE_CHARS or len(block.text) < 4:
            continue
        if block.tag == "h1":
            if not _leads_home(page, block):
                found.append((block, _CRUMB if block.regions & _CRUMBS else 1.0))
        elif block.tag in ("h2", "h3"):
            found.append((block, 0.9))
        elif "itemprop" in block.element.attrib and "headline" in block.element.get("itemprop", ""):
            found.append((block, 1.0))
        elif len(block.text) < 250 and not block.is_prose and block.link_share < 0.5:
            found.append((block, 0.8))
    return found[:400]


def _leads_home(page: PageMetadata, block: Block) -> bool:
    """True for a heading that is a link to the site's front page: it names the site."""
    for href, text in block.links:
        url = page.absolute(href)
        if url and text == block.text and urlsplit(url).path in ("", "/") and not urlsplit(url).query:
            return True
    return False


def site_names(page: PageMetadata) -> list[str]:
    """Names the site goes by: as it states them, and its host."""
    stated = page.first("og:site_name", "application-name", "al:ios:app_name", "twitter:app:name:iphone")
    names = [stated, *strings(page.resolve(page.article.get("publisher"))), page.host, page.host.rpartition(".")[0]]
    return [name for name in names if name]


def cut_site_name(title: str, names: Sequence[str], references: Sequence[str] = ()) -> str:
    """The title without leading or trailing parts that name the site, or that the other titles do not have."""
    keys = {word_characters(name) for name in names if len(word_characters(name)) > 1}
    while True:
        # The second of a pair of quotation marks parts nothing.
        breaks = [found for found in _SEPARATOR.finditer(title) if "»" not in found[0] or "«" not in title]
        if not breaks:
            return title
        head, tail = title[: breaks[-1].start()], title[breaks[-1].end() :]
        first, rest = title[: breaks[0].start()], title[breaks[0].end() :]
        if head.strip() and (_is_site(tail, keys) or _is_left_out(head, title, references)):
            title = head.strip()
        elif rest.strip() and (_is_site(first, keys) or _is_left_out(rest, title, references)):
            title = rest.strip()
        else:
            return title


def _is_site(part: str, keys: set[str]) -> bool:
    key = word_characters(part)
    return not key or any(
        key == name
        or (len(name) > 3 and (name in key and len(key) < 2.5 * len(name) + 6))
        or (len(key) > 3 and key in name)
        for name in keys
    )


def _is_left_out(shorter: str, title: str, references: Sequence[str]) -> bool:
    short, full = word_characters(shorter), word_characters(title)
    return any(short == word_characters(reference) for reference in references) and not any(
        full == word_characters(reference) for reference in references
    )


def _stated_titles(page: PageMetadata, names: Sequence[str]) -> list[tuple[str, float]]:
    headline = strings(page.article.get("headline")) or strings(page.article.get("name"))
    raw = [
        (headline[0] if headline else None, 1.0),
        (page.first("og:title"), 1.0),
        (page.first("twitter:title", "twitter:text:title"), 0.98),
        (page.first("dc.title", "dcterms.title", "title", "headline", "sailthru.title", "parsely-title", "hdl"), 0.95),
        (page.page_title, 0.95),
    ]
    given = [(text[:_MAX_STATED_CHARS], trust) for text, trust in raw if text]
    texts = [text for text, _ in given]
    result: list[tuple[str, float]] = []
    for text, trust in given:
        others = [other for other in texts if other != text]
        cut = cut_site_name(text, names, others)
        if cut and word_characters(cut) and len(cut) <= _MAX_TITLE_CHARS:
            result.append((cut, trust))
    return result
