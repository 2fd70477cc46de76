"""Parses a text dump of a page: tells paragraphs from menus, captions, insets, tag bars, tickers and rates by their shape.

A dump is what a browser's "select all" gives: the lines of the page, in order, without HTML. No rule is about one site.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from coranto_extractor.language import phrase_lists
from coranto_extractor.language.date_parsing import parse_date_text
from coranto_extractor.language.sentences import CLOSING_MARKS, STOPS
from coranto_extractor.language.text_comparison import stems
from coranto_extractor.page.blocks import normalize_space, text_weight
from coranto_extractor.page.captions import split_caption
from coranto_extractor.text.lines import why_not_text

# Colons and semicolons count here: the lines between them belong together. So do references such as “[12]”.
_SENTENCE_OR_CLAUSE_END = re.compile(f"[{STOPS}:;](?:[{CLOSING_MARKS}]|\\[\\d+\\])*\\s*$")
_SENTENCE_INSIDE = re.compile(rf"[{STOPS}][\"'»”’)]?\s+[\"'«“„(]?[^\W\d_]|[。！？]")
_CLOCK_OR_DATE = re.compile(r"\d{1,2}[:.]\d{2}\s*$|\b\d{1,2}\.\d{1,2}\.\d{2,4}\b|\d{1,2}:\d{2}")
_TICKER = re.compile(r"(?:\d{4}-\d{2}-\d{2}|\d{1,2}\.\d{1,2}\.\d{2,4})?[\s,]{0,2}\d{1,2}:\d{2}(?::\d{2})?\s+\S")

# Scores of lines that are not prose. Prose scores its weight (length in Latin letters), up to a limit.
_COMMENT_LABEL_SCORE = -500.0
_READ_ALSO_SCORE = -250.0
_LEGAL_SCORE = -200.0
_DATED_SCORE = -50.0
_BOILERPLATE_SCORE = -40.0
_OTHER_SCORE = -30.0
_CAPTION_SCORE = -10.0
_SENTENCE_SCORE = 5.0
_MAX_PROSE_SCORE = 500.0
# A line with a higher score is a paragraph.
_MIN_PARAGRAPH_SCORE = 40.0
_MIN_PROSE_WEIGHT = 60
# A line without a full stop at its end is prose if it is this heavy and has a sentence or two commas inside.
_MIN_UNSTOPPED_PROSE_WEIGHT = 140
_MIN_SENTENCE_WEIGHT = 20
_MAX_LEGAL_WEIGHT = 200
_MAX_CAPTION_WEIGHT = 200
_MAX_CAPTION_CHARS = 300
_MAX_COMMENT_LABEL_CHARS = 50
# Each line between two paragraphs costs the run this much, and so many of them end it.
_COST_OF_A_LINE = 20.0
_MAX_LINES_BETWEEN = 7
# A single paragraph between other lines is a teaser or a comment if that happens again, and counts only this share. A
# single one behind at most so many lines is an inset.
_TEASER_SHARE = 0.3
_MAX_INSET_LINES = 2
# A run with a higher score is not ended by what would end a shorter one, except a label of comments.
_ESTABLISHED_SCORE = 300.0
# What follows a label such as “Read also” or “12 comments” within so many lines counts only this share.
_LINES_AFTER_LABEL = 6
_SHARE_AFTER_LABEL = 0.4
# Browsers put empty lines around paragraphs and hardly anything else. Where enough paragraphs have them, those without
# count only this share.
_STACKED_SHARE = 0.5
_MIN_APART = 3
# Runs below this share of the best one's score are not considered.
_MIN_SHARE_OF_BEST = 0.3

# How much a run is worth without a headline, in a scale where a perfect headline adds 1.
_RUN_WITHOUT_TITLE = 0.3
_MIN_TITLE_SCORE = 0.25
# The headline is searched this many lines above the run; a date or byline, this many below the headline.
_LINES_ABOVE_RUN = 40
_LINES_BELOW_TITLE = 4
_MIN_TITLE_WEIGHT, _LONG_TITLE_WEIGHT, _MAX_TITLE_WEIGHT = 12, 160.0, 260
_COMPARED_TEXT_CHARS = 6000
# Without a headline, so many lines above the text are searched for dates and bylines.
_LINES_ABOVE_UNTITLED_TEXT = 6
# Dates and bylines may also be this close above the headline, or below the text.
_LINES_ABOVE_TITLE = 3
_LINES_BELOW_TEXT = 4
_MAX_DATE_LINE_CHARS = 80
_MAX_BYLINE_CHARS = 50
_SECTION_LINES = 3


@dataclass(frozen=True)
class TextDump:
    """What the lines of a dump were found to be."""

    title: str | None
    section: str | None
    paragraphs: tuple[str, ...]
    caption: str | None
    credit: str | None
    between: tuple[str, ...]
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
        return self.score > _MIN_PARAGRAPH_SCORE


@dataclass(frozen=True)
class _ParagraphRun:
    """Paragraphs with little between them: the index of the first line, and the one after the last."""

    start: int
    end: int
    score: float


def parse_plain_text(text: str) -> TextDump:
    """Title, text and caption of a dump; without paragraphs when it contains no prose."""
    lines = _lines(text)
    runs = _runs(lines)
    if not runs:
        return TextDump(None, None, (), None, None, ())
    run, title_index = _best_run(lines, runs)
    start, end = run.start, run.end
    texts = [line.text for line in lines]
    title = texts[title_index] if title_index is not None else None
    paragraphs = _paragraphs(lines, start if title_index is None else max(start, title_index + 1), end, title)
    between = texts[
        (title_index + 1 if title_index is not None else max(0, start - _LINES_ABOVE_UNTITLED_TEXT)) : start
    ]
    caption, credit = _caption(between)
    section = _section(texts, title_index) if title_index is not None else None
    above = texts[max(0, title_index - _LINES_ABOVE_TITLE) : title_index] if title_index is not None else []
    return TextDump(
        title,
        section,
        tuple(paragraphs),
        caption,
        credit,
        tuple(between),
        (*reversed(above), *texts[end : end + _LINES_BELOW_TEXT]),
    )


def _lines(text: str) -> list[_Line]:
    rows = ["", *map(normalize_space, text.splitlines()), ""]
    lines = [_Line(row, _line_score(row), not rows[n - 1] and not rows[n + 1]) for n, row in enumerate(rows) if row]
    apart = [line.score for line in lines if line.is_apart and line.is_paragraph]
    if len(apart) < _MIN_APART or sum(apart) < _ESTABLISHED_SCORE:
        return lines
    return [
        _Line(line.text, line.score * _STACKED_SHARE, False) if line.is_paragraph and not line.is_apart else line
        for line in lines
    ]


def _is_prose(line: str) -> bool:
    weight = text_weight(line)
    if weight < _MIN_PROSE_WEIGHT:
        return False
    if _SENTENCE_OR_CLAUSE_END.search(line):
        return True
    return weight > _MIN_UNSTOPPED_PROSE_WEIGHT and (
        bool(_SENTENCE_INSIDE.search(line)) or line.count(",") + line.count("，") > 1
    )


def _line_score(line: str) -> float:
    """How much the line contributes to a run of paragraphs; negative for what is not part of a text."""
    weight = text_weight(line)
    if weight < _MAX_LEGAL_WEIGHT and phrase_lists.contains("legal", line):
        return _LEGAL_SCORE
    if _TICKER.match(line):
        return _DATED_SCORE
    if _labels_comments(line):
        return _COMMENT_LABEL_SCORE
    why = why_not_text(line, None)
    if why == "read_also":
        return _READ_ALSO_SCORE
    if why == "boilerplate":
        return _BOILERPLATE_SCORE
    if _is_prose(line):
        if weight < _MAX_CAPTION_WEIGHT and split_caption(line)[1]:
            return _CAPTION_SCORE
        return min(weight, _MAX_PROSE_SCORE)
    if _SENTENCE_OR_CLAUSE_END.search(line) and weight > _MIN_SENTENCE_WEIGHT:
        return _SENTENCE_SCORE
    if _CLOCK_OR_DATE.search(line):
        return _DATED_SCORE
    return _OTHER_SCORE


def _labels_comments(line: str) -> bool:
    return len(line) < _MAX_COMMENT_LABEL_CHARS and phrase_lists.any_phrase("comments").search(line) is not None


def _runs(lines: Sequence[_Line]) -> list[_ParagraphRun]:
    runs: list[_ParagraphRun] = []
    # Each run ends where its score is highest: what follows may or may not make up for the gap before it.
    run: _ParagraphRun | None = None
    score, end, trust, is_single = 0.0, 0, 1.0, False
    for first, last in _groups(lines):
        paragraphs = [line.score for line in lines[first:last] if line.is_paragraph]
        if not paragraphs:
            continue
        between = [line.score for line in lines[end:first]] if end else []
        if run is None or _ends_run(between, len(paragraphs), score):
            if run is not None:
                runs.append(run)
            labels = between[-_LINES_AFTER_LABEL:]
            is_after_label = _COMMENT_LABEL_SCORE in labels or _READ_ALSO_SCORE in labels
            trust = _SHARE_AFTER_LABEL if is_after_label else 1.0
            run, score, between = _ParagraphRun(first, last, 0.0), 0.0, []
        was_single, is_single = is_single, len(paragraphs) < 2
        is_teaser = is_single and (_DATED_SCORE in between or len(between) > (1 if was_single else _MAX_INSET_LINES))
        score += sum(paragraphs) * (_TEASER_SHARE if is_teaser else 1.0) - _COST_OF_A_LINE * len(between)
        end = last
        if score * trust > run.score:
            run = _ParagraphRun(run.start, end, score * trust)
    return [*runs, run] if run is not None else []


def _groups(lines: Sequence[_Line]) -> Iterator[tuple[int, int]]:
    """Ranges of lines with a positive score that follow each other directly."""
    first: int | None = None
    for n, line in enumerate(lines):
        if line.score > 0 and first is None:
            first = n
        elif line.score <= 0 and first is not None:
            yield first, n
            first = None
    if first is not None:
        yield first, len(lines)


def _ends_run(between: Sequence[float], paragraphs: int, score: float) -> bool:
    """True when so many paragraphs behind lines with these scores do not belong to the run above them."""
    if score <= _COST_OF_A_LINE * len(between) or (_COMMENT_LABEL_SCORE in between and score > _ESTABLISHED_SCORE):
        return True
    return paragraphs < 2 and (len(between) >= _MAX_LINES_BETWEEN or _READ_ALSO_SCORE in between)


def _best_run(lines: Sequence[_Line], runs: Sequence[_ParagraphRun]) -> tuple[_ParagraphRun, int | None]:
    """The run that is the article: the best by its text and its headline; with the index of the headline."""
    best_score = max(run.score for run in runs)
    rated = []
    for run in runs:
        if run.score >= _MIN_SHARE_OF_BEST * best_score:
            title_index, title_score = _find_title(lines, run)
            rated.append((run.score * (_RUN_WITHOUT_TITLE + title_score), run, title_index))
    _, run, title_index = max(rated, key=lambda each: each[0])
    return run, title_index


def _paragraphs(lines: Sequence[_Line], start: int, end: int, title: str | None) -> list[str]:
    kept: list[str] = []
    seen: set[str] = set()
    for n in range(start, end):
        text = lines[n].text
        if text in seen or why_not_text(text, title, is_first=not kept):
            continue
        if lines[n].score > 0 or (start < n < end - 1 and _is_subheading(lines, n)):
            kept.append(text)
            seen.add(text)
    return kept


def _is_subheading(lines: Sequence[_Line], n: int) -> bool:
    """True for a single short line between paragraphs. Two in a row are an inset: a link and its section."""
    text = lines[n].text
    return (
        8 <= text_weight(text) <= 110
        and not _CLOCK_OR_DATE.search(text)
        and lines[n - 1].is_paragraph
        and lines[n + 1].is_paragraph
        and split_caption(text)[1] is None
    )


def _find_title(lines: Sequence[_Line], run: _ParagraphRun) -> tuple[int | None, float]:
    """The index of the line above the run whose words the run repeats most, and its score."""
    body = stems(" ".join(line.text for line in lines[run.start : run.end])[:_COMPARED_TEXT_CHARS])
    scores: dict[int, float] = {}
    for n in range(max(0, run.start - _LINES_ABOVE_RUN), run.start + 1):
        score = _title_score(lines, n, run, body)
        if score is not None:
            scores[n] = score
    best = max(scores, key=scores.__getitem__, default=None)
    if best is None or scores[best] <= _MIN_TITLE_SCORE:
        return None, 0.0
    return best, scores[best]


def _title_score(lines: Sequence[_Line], n: int, run: _ParagraphRun, body: frozenset[str]) -> float | None:
    """How likely the line is the headline of the run: at most about 1; None when it cannot be."""
    line = lines[n].text
    own = stems(line)
    if not own or not _may_be_title(line):
        return None
    shared = len(own & body) / len(own)
    score = shared * min(1.0, 0.35 + 0.13 * len(own)) - 0.006 * (run.start - n)
    # The date or the author is below the headline, not above it.
    if any(_is_date_or_byline(after.text) for after in lines[n + 1 : n + 1 + _LINES_BELOW_TITLE]):
        score += 0.3
    return score - sum(
        penalty
        for penalty, applies in (
            (0.35, _CLOCK_OR_DATE.search(line) or parse_date_text(line, None)),
            (0.25, _SENTENCE_OR_CLAUSE_END.search(line) and not line.endswith(("?", "!", "»", ":"))),
            (0.15, n == run.start),
            (0.3, text_weight(line) > _LONG_TITLE_WEIGHT),
            (0.2, lines[n].is_apart),
            # Breadcrumbs.
            (0.8, line.count(" / ") + line.count(" › ") + line.count(" > ") > 1),
            # Headlines may begin with the words of a byline, but the text does not repeat a writer's name.
            (0.4, shared < 0.5 and phrase_lists.any_phrase("byline_prefixes").match(line)),
            (0.2, len(own) < 3),
        )
        if applies
    )


def _may_be_title(line: str) -> bool:
    has_length = _MIN_TITLE_WEIGHT <= text_weight(line) <= _MAX_TITLE_WEIGHT
    return has_length and not why_not_text(line, None) and not _labels_comments(line) and not split_caption(line)[1]


def _is_date_or_byline(line: str) -> bool:
    if len(line) > _MAX_DATE_LINE_CHARS:
        return False
    return parse_date_text(line, None) is not None or (
        len(line) < _MAX_BYLINE_CHARS and phrase_lists.any_phrase("byline_prefixes").match(line) is not None
    )


def _caption(between: Sequence[str]) -> tuple[str | None, str | None]:
    for line in between:
        caption, credit = split_caption(line) if len(line) < _MAX_CAPTION_CHARS else (None, None)
        if credit:
            return caption, credit
    return None, None


def _section(lines: Sequence[str], title_index: int) -> str | None:
    """The name of the section above the headline: up to three words that begin with a capital."""
    for line in reversed(lines[max(0, title_index - _SECTION_LINES) : title_index]):
        text = line.strip(" ,/|>»")
        if (
            3 < len(text) < 30
            and len(text.split()) <= 3
            and not re.search(r"\d", text)
            and text[0].isupper()
            and not why_not_text(text, None)
        ):
            return text if text.casefold() not in phrase_lists.phrases("home_labels") else None
    return None
