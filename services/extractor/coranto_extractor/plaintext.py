"""Reads a text dump of a page: tells paragraphs from menus, captions, insets, tag bars, tickers and rates by their shape.

A dump is what a browser's select-all gives: the page's lines, in order, without markup. Nothing here knows a site.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from coranto_extractor import words
from coranto_extractor.blocks import fold, weight_of
from coranto_extractor.dates import moment_in_words
from coranto_extractor.images import split_caption
from coranto_extractor.lines import why_dropped

_SENTENCE_END = re.compile(r"[.!?…。！？:;](?:[\"'»”’“)\]]|\[\d+\])*\s*$")
_SENTENCE_INSIDE = re.compile(r"[.!?。！？][\"'»”’)]?\s+[\"'«“„(]?[^\W\d_]|[。！？]")
_CLOCK_OR_DATE = re.compile(r"\d{1,2}[:.]\d{2}\s*$|\b\d{1,2}\.\d{1,2}\.\d{2,4}\b|\d{1,2}:\d{2}")
_TICKER = re.compile(r"(?:\d{4}-\d{2}-\d{2}|\d{1,2}\.\d{1,2}\.\d{2,4})?[\s,]{0,2}\d{1,2}:\d{2}(?::\d{2})?\s+\S")
# A label, perhaps with a count: what follows was written by readers.
_COMMENTS = re.compile(
    r"(?:\d+\s)?(?:comments?|комментари\w+|kommentare?|commentaires?|comentarios?|commenti|komentarze|σχόλια|评论|网友评论)\W{0,3}\d*\W{0,3}$",
    re.IGNORECASE,
)
_MIN_TITLE_SCORE = 0.25
_REACH_ABOVE = 3
_REACH_BELOW = 4
_WORD = re.compile(r"[^\W\d_]{4,}")
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")


@dataclass(frozen=True)
class Dump:
    """What a dump's lines turned out to be."""

    title: str | None
    section: str | None
    paragraphs: tuple[str, ...]
    caption: str | None
    credit: str | None
    before: tuple[str, ...]
    """Lines between headline and text: dates and bylines stand there."""
    around: tuple[str, ...] = ()
    """Lines right above the headline and right below the text, where they stand on other pages."""


def read_dump(text: str) -> Dump:
    """Title, text and caption of a dump; without paragraphs when it holds no prose."""
    lines = [folded for line in text.splitlines() if (folded := fold(line))]
    worth = [_worth(line) for line in lines]
    start, end = _best_run(worth)
    if start is None:
        return Dump(None, None, (), None, None, ())
    place = _title_place(lines, start, end)
    title = lines[place] if place is not None else None
    body = _paragraphs(lines, worth, start if place is None else max(start, place + 1), end, title)
    between = lines[(place + 1 if place is not None else max(0, start - 6)) : start]
    caption, credit = _caption(between)
    section = _section(lines, place) if place is not None else None
    above = lines[max(0, place - _REACH_ABOVE) : place] if place is not None else []
    return Dump(
        title,
        section,
        tuple(body),
        caption,
        credit,
        tuple(between),
        (*reversed(above), *lines[end : end + _REACH_BELOW]),
    )


def _is_prose(line: str) -> bool:
    weight = weight_of(line)
    if weight < 60:
        return False
    ends = bool(_SENTENCE_END.search(line))
    if ends:
        return True
    return weight > 140 and (bool(_SENTENCE_INSIDE.search(line)) or line.count(",") + line.count("，") > 1)


def _worth(line: str) -> float:
    weight = weight_of(line)
    if weight < 200 and words.has("legal", line):
        return -200.0
    if _TICKER.match(line):
        return -50.0
    why = why_dropped(line, None)
    if why == "read_also":
        return -250.0
    if why == "stock":
        return -500.0 if _COMMENTS.match(line) else -40.0
    if _is_prose(line):
        if split_caption(line)[1] and weight < 200:
            return -10.0
        return min(weight, 500.0)
    if _SENTENCE_END.search(line) and weight > 20:
        return 5.0
    if _CLOCK_OR_DATE.search(line):
        return -50.0
    return -30.0


def _best_run(worth: Sequence[float]) -> tuple[int | None, int]:
    best = 0.0
    best_start: int | None = None
    best_end = 0
    total = 0.0
    start = 0
    for n, value in enumerate(worth):
        if total <= 0:
            total, start = 0.0, n
        # A long gap ends the article however long the text before it was.
        total = min(total, 900.0) + value
        gained = sum(worth[start : n + 1]) if value > 40 else 0.0
        if gained > best:
            best, best_start, best_end = gained, start, n + 1
    return best_start, best_end


def _paragraphs(lines: Sequence[str], worth: Sequence[float], start: int, end: int, title: str | None) -> list[str]:
    kept: list[str] = []
    seen: set[str] = set()
    for n in range(start, end):
        line = lines[n]
        if line in seen or why_dropped(line, title, is_first=not kept):
            continue
        if worth[n] > 0 or _is_subheading(lines, worth, n, start, end):
            kept.append(line)
            seen.add(line)
    return kept


def _is_subheading(lines: Sequence[str], worth: Sequence[float], n: int, start: int, end: int) -> bool:
    """A lone short line between paragraphs. Two in a row are an inset: a link and its rubric."""
    if (
        not start < n < end - 1
        or _CLOCK_OR_DATE.search(lines[n])
        or weight_of(lines[n]) > 110
        or weight_of(lines[n]) < 8
    ):
        return False
    return worth[n - 1] > 40 and worth[n + 1] > 40 and split_caption(lines[n])[1] is None


def _stems(text: str) -> set[str]:
    if _WIDE.search(text):
        return {text[n : n + 2] for n in range(len(text) - 1) if _WIDE.match(text[n]) and _WIDE.match(text[n + 1])}
    return {word[:5].casefold().replace("ё", "е") for word in _WORD.findall(text)}


def _title_place(lines: Sequence[str], start: int, end: int) -> int | None:
    """The line above the text whose words the text takes up again."""
    body = _stems(" ".join(lines[start:end])[:6000])
    scores: dict[int, float] = {}
    first = max(0, start - 40)
    for n in range(first, min(start + 2, len(lines))):
        line = lines[n]
        weight = weight_of(line)
        if weight < 12 or weight > 260 or why_dropped(line, None) or split_caption(line)[1]:
            continue
        stems = _stems(line)
        if not stems:
            continue
        shared = len(stems & body) / len(stems)
        score = shared * min(1.0, 0.35 + 0.13 * len(stems)) - 0.006 * max(0, start - n)
        if _CLOCK_OR_DATE.search(line) or moment_in_words(line, None):
            score -= 0.35
        if _SENTENCE_END.search(line) and not line.endswith(("?", "!", "»", ":")):
            score -= 0.25
        if n >= start:
            score -= 0.15
        if line.count(" / ") + line.count(" › ") + line.count(" > ") > 1 or words.one_of("by").match(line):
            score -= 0.4
        # Date or author stand below the headline, not above it.
        if any(_is_date_or_byline(after) for after in lines[n + 1 : n + 4]):
            score += 0.3
        scores[n] = score
    best = max(scores, key=scores.__getitem__, default=None)
    if best is None or scores[best] <= _MIN_TITLE_SCORE:
        return None
    return best


def _is_date_or_byline(line: str) -> bool:
    if len(line) > 80:
        return False
    return moment_in_words(line, None) is not None or (len(line) < 50 and words.one_of("by").match(line) is not None)


def _caption(between: Sequence[str]) -> tuple[str | None, str | None]:
    for line in between:
        caption, credit = split_caption(line)
        if credit and len(line) < 300:
            return caption, credit
    return None, None


def _section(lines: Sequence[str], place: int) -> str | None:
    for line in reversed(lines[max(0, place - 3) : place]):
        text = line.strip(" ,/|>»")
        if (
            3 < len(text) < 30
            and len(text.split()) <= 3
            and not re.search(r"\d", text)
            and text[0].isupper()
            and not why_dropped(text, None)
        ):
            return text if text.casefold() not in words.all_of("home") else None
    return None
