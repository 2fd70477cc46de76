"""Reads a text dump of a page: tells paragraphs from menus, captions, insets, tag bars, tickers and rates by their shape.

A dump is what a browser's select-all gives: the page's lines, in order, without markup. Nothing here knows a site.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from coranto_extractor.language import phrase_lists
from coranto_extractor.language.date_parsing import parse_date_text
from coranto_extractor.language.text_comparison import stems
from coranto_extractor.page.blocks import normalize_space, text_weight
from coranto_extractor.page.captions import split_caption
from coranto_extractor.text.lines import why_dropped

_SENTENCE_END = re.compile(r"[.!?…。！？:;](?:[\"'»”’“)\]]|\[\d+\])*\s*$")
_SENTENCE_INSIDE = re.compile(r"[.!?。！？][\"'»”’)]?\s+[\"'«“„(]?[^\W\d_]|[。！？]")
_CLOCK_OR_DATE = re.compile(r"\d{1,2}[:.]\d{2}\s*$|\b\d{1,2}\.\d{1,2}\.\d{2,4}\b|\d{1,2}:\d{2}")
_TICKER = re.compile(r"(?:\d{4}-\d{2}-\d{2}|\d{1,2}\.\d{1,2}\.\d{2,4})?[\s,]{0,2}\d{1,2}:\d{2}(?::\d{2})?\s+\S")

# What lines are worth that are no prose: labels of what is no part of the text, and lines of a sentence.
_COMMENTS = -500.0
_READ_ALSO = -250.0
_LEGAL = -200.0
_DATED = -50.0
_SENTENCE = 5.0
# A line worth more is a paragraph.
_PARAGRAPH = 40.0
_MAX_COMMENT_LABEL = 50
# What stands between two paragraphs of one article costs so much a line, and ends it when there is so much of it.
_COST_OF_A_LINE = 20.0
_MAX_BETWEEN = 7
# A paragraph alone among other lines, and again, is a teaser or a comment.
_TEASER_SHARE = 0.3
_MAX_INSET = 2
_LEAD = 300.0
# What follows a label such as “Read also” or “12 comments” is rarely the article.
_LABEL_REACH = 6
_AFTER_LABEL = 0.4
# Browsers set paragraphs apart by empty lines, and mostly nothing else.
_STACKED_SHARE = 0.5
_MIN_APART = 3
_MIN_SHARE_OF_MOST = 0.3

_WITHOUT_TITLE = 0.3
_MIN_TITLE_SCORE = 0.25
_TITLE_REACH = 40
_LONG_TITLE = 160.0
_DATE_REACH = 4
_REACH_ABOVE = 3
_REACH_BELOW = 4


@dataclass(frozen=True)
class TextDump:
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


@dataclass(frozen=True)
class _Line:
    text: str
    score: float
    is_apart: bool
    """True for a line with empty lines above and below it."""

    @property
    def is_paragraph(self) -> bool:
        return self.score > _PARAGRAPH


@dataclass(frozen=True)
class _ParagraphRun:
    """Paragraphs that follow each other with little between them: places of the first line and past the last."""

    start: int
    end: int
    value: float


def parse_plain_text(text: str) -> TextDump:
    """Title, text and caption of a dump; without paragraphs when it holds no prose."""
    lines = _lines(text)
    runs = _runs(lines)
    if not runs:
        return TextDump(None, None, (), None, None, ())
    run, place = _best(lines, runs)
    start, end = run.start, run.end
    texts = [line.text for line in lines]
    title = texts[place] if place is not None else None
    body = _paragraphs(lines, start if place is None else max(start, place + 1), end, title)
    between = texts[(place + 1 if place is not None else max(0, start - 6)) : start]
    caption, credit = _caption(between)
    section = _section(texts, place) if place is not None else None
    above = texts[max(0, place - _REACH_ABOVE) : place] if place is not None else []
    return TextDump(
        title,
        section,
        tuple(body),
        caption,
        credit,
        tuple(between),
        (*reversed(above), *texts[end : end + _REACH_BELOW]),
    )


def _lines(text: str) -> list[_Line]:
    rows = ["", *map(normalize_space, text.splitlines()), ""]
    lines = [_Line(row, _line_score(row), not rows[n - 1] and not rows[n + 1]) for n, row in enumerate(rows) if row]
    apart = [line.score for line in lines if line.is_apart and line.is_paragraph]
    if len(apart) < _MIN_APART or sum(apart) < _LEAD:
        return lines
    return [
        _Line(line.text, line.score * _STACKED_SHARE, False) if line.is_paragraph and not line.is_apart else line
        for line in lines
    ]


def _is_prose(line: str) -> bool:
    weight = text_weight(line)
    if weight < 60:
        return False
    if _SENTENCE_END.search(line):
        return True
    return weight > 140 and (bool(_SENTENCE_INSIDE.search(line)) or line.count(",") + line.count("，") > 1)


def _line_score(line: str) -> float:
    weight = text_weight(line)
    if weight < 200 and phrase_lists.contains("legal", line):
        return _LEGAL
    if _TICKER.match(line):
        return _DATED
    if _labels_comments(line):
        return _COMMENTS
    why = why_dropped(line, None)
    if why == "read_also":
        return _READ_ALSO
    if why == "stock":
        return -40.0
    if _is_prose(line):
        if split_caption(line)[1] and weight < 200:
            return -10.0
        return min(weight, 500.0)
    if _SENTENCE_END.search(line) and weight > 20:
        return _SENTENCE
    if _CLOCK_OR_DATE.search(line):
        return _DATED
    return -30.0


def _labels_comments(line: str) -> bool:
    return len(line) < _MAX_COMMENT_LABEL and phrase_lists.any_phrase("comments").search(line) is not None


def _runs(lines: Sequence[_Line]) -> list[_ParagraphRun]:
    runs: list[_ParagraphRun] = []
    # Each run ends where its value is highest: what follows may make up for the gap before it, or not.
    run: _ParagraphRun | None = None
    value, end, trust, is_lone = 0.0, 0, 1.0, False
    for first, last in _groups(lines):
        paragraphs = [line.score for line in lines[first:last] if line.is_paragraph]
        if not paragraphs:
            continue
        between = [line.score for line in lines[end:first]] if end else []
        if run is None or _ends(between, len(paragraphs), value):
            if run is not None:
                runs.append(run)
            near = between[-_LABEL_REACH:]
            trust = _AFTER_LABEL if _COMMENTS in near or _READ_ALSO in near else 1.0
            run, value, between = _ParagraphRun(first, last, 0.0), 0.0, []
        was_lone, is_lone = is_lone, len(paragraphs) < 2
        is_teaser = is_lone and (_DATED in between or len(between) > (1 if was_lone else _MAX_INSET))
        value += sum(paragraphs) * (_TEASER_SHARE if is_teaser else 1.0) - _COST_OF_A_LINE * len(between)
        end = last
        if value * trust > run.value:
            run = _ParagraphRun(run.start, end, value * trust)
    return [*runs, run] if run is not None else []


def _groups(lines: Sequence[_Line]) -> Iterator[tuple[int, int]]:
    """The places, first and past the last, of lines of text that follow each other directly."""
    first: int | None = None
    for n, line in enumerate(lines):
        if line.score > 0 and first is None:
            first = n
        elif line.score <= 0 and first is not None:
            yield first, n
            first = None
    if first is not None:
        yield first, len(lines)


def _ends(between: Sequence[float], paragraphs: int, value: float) -> bool:
    """True when so many paragraphs behind these lines are no part of the text of this value above them."""
    if value <= _COST_OF_A_LINE * len(between) or (_COMMENTS in between and value > _LEAD):
        return True
    return paragraphs < 2 and (len(between) >= _MAX_BETWEEN or _READ_ALSO in between)


def _best(lines: Sequence[_Line], runs: Sequence[_ParagraphRun]) -> tuple[_ParagraphRun, int | None]:
    """The run that says most and has a headline, with the headline's place."""
    most = max(run.value for run in runs)
    rated = []
    for run in runs:
        if run.value >= _MIN_SHARE_OF_MOST * most:
            place, score = _find_title(lines, run)
            rated.append((run.value * (_WITHOUT_TITLE + score), run, place))
    _, run, place = max(rated, key=lambda each: each[0])
    return run, place


def _paragraphs(lines: Sequence[_Line], start: int, end: int, title: str | None) -> list[str]:
    kept: list[str] = []
    seen: set[str] = set()
    for n in range(start, end):
        text = lines[n].text
        if text in seen or why_dropped(text, title, is_first=not kept):
            continue
        if lines[n].score > 0 or (start < n < end - 1 and _is_subheading(lines, n)):
            kept.append(text)
            seen.add(text)
    return kept


def _is_subheading(lines: Sequence[_Line], n: int) -> bool:
    """A lone short line between paragraphs. Two in a row are an inset: a link and its rubric."""
    text = lines[n].text
    return (
        8 <= text_weight(text) <= 110
        and not _CLOCK_OR_DATE.search(text)
        and lines[n - 1].is_paragraph
        and lines[n + 1].is_paragraph
        and split_caption(text)[1] is None
    )


def _find_title(lines: Sequence[_Line], run: _ParagraphRun) -> tuple[int | None, float]:
    """Place of the line above the run whose words the run takes up again, and how sure that is."""
    topic = " ".join(line.text for line in lines[run.start : run.end])[:6000]
    body = stems(topic)
    scores: dict[int, float] = {}
    for n in range(max(0, run.start - _TITLE_REACH), run.start + 1):
        score = _title_score(lines, n, run, body)
        if score is not None:
            scores[n] = score
    best = max(scores, key=scores.__getitem__, default=None)
    if best is None or scores[best] <= _MIN_TITLE_SCORE:
        return None, 0.0
    return best, scores[best]


def _title_score(lines: Sequence[_Line], n: int, run: _ParagraphRun, body: frozenset[str]) -> float | None:
    line = lines[n].text
    weight = text_weight(line)
    if not 12 <= weight <= 260 or why_dropped(line, None) or _labels_comments(line) or split_caption(line)[1]:
        return None
    own = stems(line)
    if not own:
        return None
    shared = len(own & body) / len(own)
    score = shared * min(1.0, 0.35 + 0.13 * len(own)) - 0.006 * (run.start - n)
    if _CLOCK_OR_DATE.search(line) or parse_date_text(line, None):
        score -= 0.35
    if _SENTENCE_END.search(line) and not line.endswith(("?", "!", "»", ":")):
        score -= 0.25
    if n == run.start:
        score -= 0.15
    if weight > _LONG_TITLE:
        score -= 0.3
    if lines[n].is_apart:
        score -= 0.2
    if line.count(" / ") + line.count(" › ") + line.count(" > ") > 1:
        score -= 0.8
    # The words that open a byline open headlines too, but the text does not take up a writer's name.
    if shared < 0.5 and phrase_lists.any_phrase("byline_prefixes").match(line):
        score -= 0.4
    if len(own) < 3:
        score -= 0.2
    # Date or author stand below the headline, not above it.
    if any(_is_date_or_byline(after.text) for after in lines[n + 1 : n + 1 + _DATE_REACH]):
        score += 0.3
    return score


def _is_date_or_byline(line: str) -> bool:
    if len(line) > 80:
        return False
    return parse_date_text(line, None) is not None or (
        len(line) < 50 and phrase_lists.any_phrase("byline_prefixes").match(line) is not None
    )


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
            return text if text.casefold() not in phrase_lists.phrases("home_labels") else None
    return None
