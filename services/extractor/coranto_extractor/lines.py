"""Takes lines out of a chosen text that are no part of it: the headline again, "read also", buttons, counts, credits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from coranto_extractor import words
from coranto_extractor.blocks import weight_of
from coranto_extractor.titles import likeness

_BARE = re.compile(r"^[\W\d_]*$")
_ADDRESS = re.compile(r"^(?:https?://|www\.)\S+$|^\S+@\S+\.\w+$")
_COUNT = re.compile(
    r"^\W*\d[\d\s.,KkMm]*\s?(?:shares?|comments?|views?|likes?|min(?:utes?)?(?: read)?"
    r"|просмотр\w*|комментари\w*|kommentare?|partages?)?\W*$",
    re.IGNORECASE,
)
_CREDIT_SIGN = re.compile(r"^\s*(?:©|\(c\)|&copy;)", re.IGNORECASE)
_SENTENCE = re.compile(r"[.!?…。！？][\"'»”’)\]]?$")
_MAX_STOCK_WEIGHT = 90
_MAX_READ_ALSO_WEIGHT = 220
# A stock phrase of so many words is said of nothing else, whatever follows it.
_WHOLE_SENTENCE_WORDS = 4
_MAX_BARE_LINES = 6
_MAX_LABEL_WEIGHT = 40
_MAX_LABELS = 2
# A pull quote stands close to its sentence; what comes again later is meant.
_REPEAT_DISTANCE = 4


def why_dropped(text: str, title: str | None, *, is_first: bool = False) -> str | None:
    """Why the line is no part of the article, in a word; None when it is."""
    if _BARE.match(text) or _ADDRESS.match(text) or _COUNT.match(text):
        return "no_words"
    if title and is_first and likeness(text, title) > 0.9:
        return "headline"
    weight = weight_of(text)
    if weight > _MAX_READ_ALSO_WEIGHT:
        return None
    lowered = text.casefold().lstrip(" >»›→•*-–—|[(►▶■●")
    phrase = _begins_with(lowered, "read_also")
    if phrase:
        rest = lowered[len(phrase) :]
        is_label = not rest.strip(" :.…!>»-–—") or rest.lstrip()[:1] in (":", "|", ">", "»", "–", "—", "-", "：")
        if is_label or (len(phrase.split()) > 1 and not _SENTENCE.search(text)):
            return "read_also"
    if weight <= _MAX_STOCK_WEIGHT:
        phrase = _begins_with(lowered, "stock")
        if phrase:
            rest = lowered[len(phrase) :].strip(" :.…!?>»-–—|)]")
            is_sentence = bool(_SENTENCE.search(text)) and len(phrase.split()) < 2
            if not rest or (
                len(rest) < 60
                and not is_sentence
                and (len(phrase) + 12 > len(rest) or len(phrase.split()) >= _WHOLE_SENTENCE_WORDS)
            ):
                return "stock"
        phrase = _begins_with(lowered, "photo")
        if phrase and lowered[len(phrase) :].lstrip()[:1] in (":", "/", "©", "|", "："):
            return "credit"
        if _CREDIT_SIGN.match(text):
            return "credit"
    if text[-1] in ")]" and _credit_in_brackets().search(text):
        return "caption"
    return None


@lru_cache(maxsize=1)
def _credit_in_brackets() -> re.Pattern[str]:
    labels = "|".join(re.escape(word) for word in words.all_of("photo"))
    return re.compile(rf"[(\[]\s?(?:{labels})\s?[:：©/][^()\[\]]{{2,80}}[)\]]$", re.IGNORECASE)


@lru_cache(maxsize=8)
def _by_first_word(kind: str) -> dict[str, tuple[str, ...]]:
    table: dict[str, list[str]] = {}
    for phrase in words.all_of(kind):
        table.setdefault(_first(phrase), []).append(phrase.casefold())
    return {first: tuple(phrases) for first, phrases in table.items()}


def _first(text: str) -> str:
    if text and text[0] > "\u3000":
        return text[0]
    return re.split(r"[\s:,.!?|]", text, maxsplit=1)[0].casefold()


def _begins_with(lowered: str, kind: str) -> str | None:
    for phrase in _by_first_word(kind).get(_first(lowered), ()):
        if lowered.startswith(phrase) and (
            phrase[-1] > "\u3000" or not lowered[len(phrase) : len(phrase) + 1].isalnum()
        ):
            return phrase
    return None


def kept(texts: Sequence[str], title: str | None) -> list[bool]:
    """For each line whether it stays."""
    reasons = []
    seen_prose = False
    for text in texts:
        why = why_dropped(text, title, is_first=not seen_prose)
        reasons.append(why)
        seen_prose = seen_prose or (why is None and weight_of(text) > 80)
    if reasons.count("no_words") > _MAX_BARE_LINES:
        # So many numbers are a table of the article.
        reasons = [None if why == "no_words" else why for why in reasons]
    for n, text in enumerate(texts):
        if len(text) > 40 and text in texts[max(0, n - _REPEAT_DISTANCE) : n]:
            reasons[n] = reasons[n] or "repeated"
    result = [why is None for why in reasons]
    _drop_tail_labels(texts, result)
    return result


def _drop_tail_labels(texts: Sequence[str], result: list[bool]) -> None:
    """A short line or two without a sentence after the last paragraph are labels of what follows; more are a list."""
    closing = []
    for n in range(len(texts) - 1, -1, -1):
        if result[n]:
            if weight_of(texts[n]) >= _MAX_LABEL_WEIGHT or _SENTENCE.search(texts[n]):
                break
            closing.append(n)
    if len(closing) <= _MAX_LABELS:
        for n in closing:
            result[n] = False
