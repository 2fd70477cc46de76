"""Removes lines that are not part of the article from a text: the repeated headline, "read also", buttons, counts, credits."""

from __future__ import annotations

import re
from collections.abc import Sequence

from coranto.agencies import byline_names
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.date_parsing import parse_date_text
from coranto_extractor.language.phrase_lists import alternatives, cached_per_languages, starting_phrase
from coranto_extractor.language.scripts import is_east_asian
from coranto_extractor.language.sentences import ends_with_sentence
from coranto_extractor.language.text_comparison import alphanumeric_key, title_similarity
from coranto_extractor.page.blocks import text_weight

_WITHOUT_LETTERS = re.compile(r"^[\W\d_]*$")
_URL_OR_MAIL = re.compile(r"^(?:https?://|www\.)\S+$|^[^\s@]+@[^\s@]+\.\w+$")
_COPYRIGHT = re.compile(r"^\W*(?:copyright\b|©|\(c\))", re.IGNORECASE)
_COPYRIGHT_AND_YEAR = re.compile(r"^\W*copyright\W{1,4}(?:c\W{1,2})?(?:19|20)\d\d(?!\d)", re.IGNORECASE)
_ELLIPSIS_AT_END = re.compile(r"[\[(]?(?:\.{3}|…)[\])]?\s{0,3}[→»›>]{0,3}$")
_ELLIPSIS_CHARS = 12
_CREDIT_SIGN = re.compile(r"^\s*(?:©|\(c\)|&copy;)", re.IGNORECASE)
# Seven digits or more in groups, behind a country's or a town's code.
_TELEPHONE = re.compile(r"(?<![\w.,])(?:\+|00?)[1-9]\d{1,4}[\s)/.-]{1,2}\d[\d\s/.-]{4,14}\d(?!\w)")
_MAIL_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.\w{2,}")
# The first line this similar to the headline is the headline again.
_MIN_HEADLINE_SIMILARITY = 0.9
# Weights (lengths in Latin letters) that lines of each kind do not exceed.
_MAX_BOILERPLATE_WEIGHT = 90
_MAX_NOTICE_WEIGHT = 450
_MAX_NOTE_WEIGHT = 250
_MAX_BYLINE_CHARS = 100
_MAX_LABEL_WORDS = 3
_MAX_CAPTION_CHARS = 800
# A boilerplate phrase of at least so many words is never part of an article, whatever follows it.
_WHOLE_SENTENCE_WORDS = 4
# What may follow a boilerplate phrase.
_MAX_CHARS_AFTER_BOILERPLATE = 60
_MAX_EXCESS_OVER_BOILERPLATE = 12
# More lines of numbers than this are a table of the article.
_MAX_LINES_WITHOUT_WORDS = 6
# Up to so many lines below the last paragraph that are lighter than this are labels of what follows it.
_MAX_LABEL_WEIGHT = 40
_MAX_LABELS = 2
# A pull quote is this close to its sentence; what is repeated later is meant to be.
_MAX_REPEAT_DISTANCE = 4
_MIN_REPEATED_CHARS = 40
# A line heavier than this is the article's own, so the headline is not repeated after it.
_MIN_PROSE_WEIGHT = 80
# A credit is within so many characters of the end: an agency and two names, or a label and one name.
_CREDIT_CHARS = 125
# Notes on who contributed, or where to write to, are among the last lines.
_FOOTER_LINES = 4
# A byline or an excerpt is among the first lines. An excerpt is longer than a label that ends in dots.
_FIRST_LINES = 4
_MIN_EXCERPT_LETTERS = 20


@cached_per_languages
def _counter() -> re.Pattern[str]:
    """A number, with or without what it counts: “12 shares”, “5 min read”."""
    return re.compile(rf"^\W*\d[\d\s.,KkMm]*\s?{alternatives('counted')}?\W*$", re.IGNORECASE)


def why_not_text(text: str, title: str | None, *, is_first: bool = False) -> str | None:
    """Why the line is not part of the article, in one word; None when it is."""
    if _WITHOUT_LETTERS.match(text) or _URL_OR_MAIL.match(text) or _counter().match(text):
        return "no_words"
    if title and is_first and title_similarity(text, title) > _MIN_HEADLINE_SIMILARITY:
        return "headline"
    if len(text) > _MAX_NOTICE_WEIGHT:
        return "caption" if len(text) <= _MAX_CAPTION_CHARS and _ends_with_credit(text) else None
    return _why_short_line_is_not_text(text)


@cached_per_languages  # each line of a page is examined up to five times
def _why_short_line_is_not_text(text: str) -> str | None:
    weight = text_weight(text)
    if weight > _MAX_NOTICE_WEIGHT:
        return None
    if phrase_lists.contains("publisher_notices", text):
        return "notice"
    if _ends_with_credit(text):
        return "caption"
    if weight > _MAX_NOTE_WEIGHT:
        return None
    lowered = text.casefold().lstrip(" >»›→•*-–—|[(►▶■●")
    phrase = starting_phrase("read_also", lowered)
    if phrase:
        rest = lowered[len(phrase) :]
        is_label = not rest.strip(" :.…!?>»-–—") or rest.lstrip()[:1] in (":", "|", ">", "»", "–", "—", "-", "：")
        is_several_words = len(phrase.split()) > 1 or is_east_asian(phrase)
        if is_label or (is_several_words and not ends_with_sentence(text)):
            return "read_also"
    if _is_boilerplate(text, lowered, weight):
        return "boilerplate"
    if weight <= _MAX_BOILERPLATE_WEIGHT and _is_credit(text, lowered):
        return "credit"
    return None


def _is_boilerplate(text: str, lowered: str, weight: float) -> bool:
    if _COPYRIGHT_AND_YEAR.match(text) or (_COPYRIGHT.match(text) and phrase_lists.contains("legal", text)):
        return True
    phrase = starting_phrase("boilerplate", lowered)
    is_whole_sentence = phrase is not None and len(phrase.split()) >= _WHOLE_SENTENCE_WORDS
    if phrase is None or (weight > _MAX_BOILERPLATE_WEIGHT and not is_whole_sentence):
        return False
    rest = lowered[len(phrase) :].strip(" :.…!?>»-–—|)]")
    if not rest:
        return True
    # “Share prices fell.” only begins with the word.
    is_other_sentence = ends_with_sentence(text) and len(phrase.split()) < 2
    is_short_rest = len(rest) < len(phrase) + _MAX_EXCESS_OVER_BOILERPLATE
    return len(rest) < _MAX_CHARS_AFTER_BOILERPLATE and not is_other_sentence and (is_short_rest or is_whole_sentence)


def _is_credit(text: str, lowered: str) -> bool:
    label = starting_phrase("photo_labels", lowered)
    is_labelled = label is not None and lowered[len(label) :].lstrip()[:1] in (":", "/", "©", "|", "：")
    return is_labelled or _CREDIT_SIGN.match(text) is not None


def _ends_with_credit(text: str) -> bool:
    """True for a caption: it ends in “Credit: Jane Doe”, “(AP Photo/Jane Doe)” or “Jane Doe/Getty Images”."""
    tail = text[-_CREDIT_CHARS:]
    return ("/" in tail or ":" in tail or "：" in tail) and _credit_at_end().search(tail) is not None


@cached_per_languages
def _credit_at_end() -> re.Pattern[str]:
    # Agencies sign articles too, but only in picture credits is a name joined to theirs by a slash.
    agencies = {
        spelling
        for agency in byline_names().values()
        for spelling in (agency, agency.upper())
        if not is_east_asian(agency[0])
    }
    agency = _longest_first(agencies | set(phrase_lists.markup_names("picture_agencies")))
    labels = (label for label in phrase_lists.phrases("photo_labels") if not is_east_asian(label[0]))
    label = _longest_first({label[0].upper() + label[1:] for label in labels})
    name = r"[^.!?:/()\[\]]{2,60}"
    return re.compile(
        rf"(?<!\w)(?:(?:{agency})(?:\s(?i:{alternatives('agency_photo_words')}))?\s?/\s?{name}(?:/{name})?"
        rf"|{name}/\s?(?:{agency})"
        rf"|(?:{label})\s?[:：]\s?(?=[^\W\d_])[^.!?:()]{{2,60}})[)\]]?\.?$"
    )


def _longest_first(names: set[str]) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=lambda name: (-len(name), name)))


def kept(texts: Sequence[str], title: str | None) -> list[bool]:
    """For each line, whether it is part of the article."""
    reasons = []
    seen_prose = False
    for text in texts:
        why = why_not_text(text, title, is_first=not seen_prose)
        reasons.append(why)
        seen_prose = seen_prose or (why is None and text_weight(text) > _MIN_PROSE_WEIGHT)
    if reasons.count("no_words") > _MAX_LINES_WITHOUT_WORDS:
        reasons = [None if why == "no_words" else why for why in reasons]
    for n, text in enumerate(texts):
        if len(text) > _MIN_REPEATED_CHARS and text in texts[max(0, n - _MAX_REPEAT_DISTANCE) : n]:
            reasons[n] = reasons[n] or "repeated"
        elif n < _FIRST_LINES and (_is_dated_byline(text) or _is_date_line(text)):
            reasons[n] = reasons[n] or "byline"
        elif (n < _FIRST_LINES or n >= len(texts) - _FOOTER_LINES) and _is_contact_line(text):
            reasons[n] = reasons[n] or "contact"
        elif n < _FIRST_LINES and _is_excerpt(text, texts[n + 1 : n + 1 + _FIRST_LINES]):
            reasons[n] = reasons[n] or "excerpt"
    result = [why is None for why in reasons]
    _drop_footer_notes(texts, result)
    _drop_labels_at_end(texts, result)
    return result


def _is_dated_byline(text: str) -> bool:
    """True for “By Jane Doe on Monday, January 5th, 2024”."""
    return (
        len(text) <= _MAX_BYLINE_CHARS
        and phrase_lists.any_phrase("byline_prefixes").match(text) is not None
        and parse_date_text(text, None) is not None
    )


def _is_date_line(text: str) -> bool:
    """True for “Published: April 2, 2025 at 6:30 a.m.”: a label, and nothing but a date behind it."""
    label, colon, rest = text.partition(":")
    is_label = bool(colon) and len(label.split()) <= _MAX_LABEL_WORDS and not any(map(str.isdigit, label))
    return is_label and len(text) <= _MAX_BYLINE_CHARS and parse_date_text(rest, None) is not None


def _is_contact_line(text: str) -> bool:
    """True for a line of telephone numbers, “Readers' desk: phone 0711/14-05-24”, which no sentence surrounds."""
    is_short = len(text) <= _MAX_BYLINE_CHARS and not ends_with_sentence(text)
    return is_short and _TELEPHONE.search(text) is not None and parse_date_text(text, None) is None


def _is_signature(text: str) -> bool:
    """True for “(Reporting by Jane Doe; editing by Max Roe)”. In a sentence, these words do not come first."""
    return (
        len(text) <= _MAX_NOTICE_WEIGHT and starting_phrase("signatures", text.casefold().lstrip(" (–—-*")) is not None
    )


def _drop_footer_notes(texts: Sequence[str], result: list[bool]) -> None:
    """Drop notes below the last sentences: who else contributed, where to write to, what to follow."""
    last_lines = [n for n in range(len(texts)) if result[n]][-_FOOTER_LINES:]
    for n in last_lines[1:]:
        if _is_footer_note(texts[n]) or _is_signature(texts[n]):
            result[n] = False


def _is_footer_note(text: str) -> bool:
    # The length comes first: the search for an address takes time that grows with the square of a word's length.
    return text_weight(text) <= _MAX_NOTE_WEIGHT and (
        _MAIL_ADDRESS.search(text) is not None or phrase_lists.contains("footer_notes", text)
    )


def _is_excerpt(text: str, following: Sequence[str]) -> bool:
    """True when the line breaks off, and a paragraph soon after it begins with the same words."""
    ellipsis = _ELLIPSIS_AT_END.search(text[-_ELLIPSIS_CHARS:])
    own = alphanumeric_key(text[: len(text) - len(ellipsis[0])]) if ellipsis else ""
    return len(own) >= _MIN_EXCERPT_LETTERS and any(
        # An excerpt may extend into the second paragraph.
        alphanumeric_key(" ".join(following[n : n + 2])[: 2 * len(text)]).startswith(own)
        for n in range(len(following))
    )


def _drop_labels_at_end(texts: Sequence[str], result: list[bool]) -> None:
    """Drop one or two short lines without a sentence below the last paragraph. More of them are a list of the article."""
    labels = []
    for n in range(len(texts) - 1, -1, -1):
        if result[n]:
            if text_weight(texts[n]) >= _MAX_LABEL_WEIGHT or ends_with_sentence(texts[n]):
                break
            labels.append(n)
    if len(labels) <= _MAX_LABELS:
        for n in labels:
            result[n] = False
