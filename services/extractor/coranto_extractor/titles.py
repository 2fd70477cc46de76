"""Finds the headline: what the page's own heading and its metadata agree on, without site name and section."""

from __future__ import annotations

import re
from collections.abc import Sequence

from coranto_extractor.blocks import Block
from coranto_extractor.found import Found
from coranto_extractor.metadata import PageMetadata, strings

_SEPARATOR = re.compile(r"\s+[|•·»›:/\\~]+\s+|\s+[-–—―]+\s+|\s*[|»›]\s*|\s*::\s*|\s+<\s+")
_WORD = re.compile(r"\w+")
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
_MAX_TITLE_CHARS = 400
_JOINTS = frozenset("|:-–—")


def find_title(page: PageMetadata, blocks: Sequence[Block]) -> Found[str] | None:
    """The headline, or None when the page gives none."""
    names = site_names(page)
    stated = _stated_titles(page, names)
    headings = _headings(blocks)
    parts = [(part, 0.9) for title, _ in stated for part in _SEPARATOR.split(title) if part.strip()]
    best: tuple[float, str] | None = None
    for rank, (heading, weight) in enumerate(headings):
        for title, trust in (*stated, *parts) if weight == 1.0 else stated:
            score = likeness(heading, title) * trust * weight - rank * 0.001
            if score > 0.55 and (best is None or score > best[0]):
                best = (score, heading)
    if best:
        return Found(_without_kicker(best[1], [title for title, _ in stated]), "h1", min(1.0, 0.5 + best[0] / 2))
    ones = [
        heading
        for heading, weight in headings
        if weight == 1.0 and not _is_site(heading, {_key(name) for name in names})
    ]
    if len(ones) == 1 and (len(ones[0].split()) > 3 or any(likeness(ones[0], title) > 0.2 for title, _ in stated)):
        return Found(ones[0], "h1", 0.5)
    if stated:
        title, trust = stated[0]
        return Found(title, "metadata", 0.6 * trust)
    if ones:
        return Found(ones[0], "h1", 0.4)
    return None


def _without_kicker(heading: str, stated: Sequence[str]) -> str:
    """The heading without the rubric line some pages set above the headline in the same element."""
    key = _key(heading)
    for title in stated:
        other = _key(title)
        if len(other) > 15 and len(other) > 0.4 * len(key) and key != other and key.endswith(other):
            agreeing = sum(1 for text in stated if _key(text) == other)
            # What the heading joins with a mark of its own was written as one headline.
            is_joined = heading.removesuffix(title).rstrip()[-1:] in _JOINTS
            if heading.endswith(title) and agreeing > 1 and not is_joined:
                return title
    return heading


def likeness(one: str, other: str) -> float:
    """How far two titles say the same, 0 to 1: shared words over the words of both."""
    left, right = _words(one), _words(other)
    if not left or not right:
        return 0.0
    shared = len(left & right)
    return 2 * shared / (len(left) + len(right))


def _words(text: str) -> set[str]:
    return set(_WORD.findall(_WIDE.sub(lambda match: f" {match[0]} ", text).casefold().replace("ё", "е")))


def _headings(blocks: Sequence[Block]) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for block in blocks:
        if len(block.text) > _MAX_TITLE_CHARS or len(block.text) < 4:
            continue
        if block.tag == "h1":
            found.append((block.text, 1.0))
        elif block.tag in ("h2", "h3"):
            found.append((block.text, 0.9))
        elif "itemprop" in block.element.attrib and "headline" in block.element.get("itemprop", ""):
            found.append((block.text, 1.0))
        elif len(block.text) < 250 and not block.is_prose and block.link_share < 0.5:
            found.append((block.text, 0.8))
    return found[:400]


def site_names(page: PageMetadata) -> list[str]:
    """Names the site goes by: as it states them, and its host."""
    stated = page.first("og:site_name", "application-name", "al:ios:app_name", "twitter:app:name:iphone")
    names = [stated, *strings(page.resolve(page.article.get("publisher"))), page.host, page.host.rpartition(".")[0]]
    return [name for name in names if name]


def _key(text: str) -> str:
    return re.sub(r"\W+", "", text).casefold()


def cut_site_name(title: str, names: Sequence[str], references: Sequence[str] = ()) -> str:
    """The title without leading or trailing parts that name the site, or that the other titles do not have."""
    keys = {_key(name) for name in names if len(_key(name)) > 1}
    while True:
        breaks = list(_SEPARATOR.finditer(title))
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
    key = _key(part)
    return not key or any(
        key == name
        or (len(name) > 3 and (name in key and len(key) < 2.5 * len(name) + 6))
        or (len(key) > 3 and key in name)
        for name in keys
    )


def _is_left_out(shorter: str, title: str, references: Sequence[str]) -> bool:
    short, full = _key(shorter), _key(title)
    return any(short == _key(reference) for reference in references) and not any(
        full == _key(reference) for reference in references
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
    given = [(text, trust) for text, trust in raw if text]
    texts = [text for text, _ in given]
    result: list[tuple[str, float]] = []
    for text, trust in given:
        others = [other for other in texts if other != text]
        cut = cut_site_name(text, names, others)
        if cut and _key(cut) and len(cut) <= _MAX_TITLE_CHARS:
            result.append((cut, trust))
    return result
