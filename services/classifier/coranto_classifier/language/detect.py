"""Detects the language of a text with a byte n-gram model (py3langid), corrected for close languages by `families`.

The language that the page declares is a prior: it decides near ties, but never against the text.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any

from coranto_classifier.language.families import Resolved, are_close, resolve_family
from coranto_classifier.language.scripts import with_script
from coranto_classifier.word_lists import word_list

UNKNOWN = "und"

_READ = 4000  # characters; enough for any text, and bounds the time that a hostile one takes
_LEAST_CONFIDENCE = 0.12
_DECLARED_PRIOR = 2.5  # how much more probable the declared language is before the text is read
_RARE_PRIOR = 0.4
_RARE = word_list("rare_languages")
# Few newspapers are written in these, and each would be found in headlines of a large neighbour.
_PART_CHARACTERS = 300  # texts are divided into parts of this length to detect further languages
_PART_SHARE = 0.2  # of the text, for a further language to be reported
_PART_CONFIDENCE = 0.9
_SHORTEST_WALL = 40  # letters

_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_NOT_TEXT = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\x00]")


@dataclass(frozen=True, slots=True)
class Language:
    """The language of a text, the confidence in it, and further languages that a good part of the text is in."""

    code: str
    confidence: float
    also: tuple[str, ...] = ()
    among: tuple[str, ...] = ()
    """The close languages among which nothing tells; the code is then their macro-language's."""


@cache
def _model() -> Any:
    """The n-gram model, loaded once per process."""
    from py3langid.langid import (  # type: ignore[import-untyped]  # ships no types
        MODEL_FILE,
        LanguageIdentifier,
    )

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def prepare() -> None:
    """Load the model, which takes some 0.4 s, before the first text needs it."""
    _model()


def version() -> str:
    """Version of the model and of our corrections."""
    from importlib.metadata import version as installed

    return f"py3langid-{installed('py3langid')}+rules-3"


def find_language(title: str, body: str, *, declared: str | None = None) -> Language:
    """The language of an article. `declared` is the language that the page states, as a BCP 47 tag."""
    text = _NOT_TEXT.sub(" ", f"{title}\n{body}"[:_READ])
    found, confidence = _identify(text, _primary(declared))
    if found.code == UNKNOWN:
        return Language(UNKNOWN, 0.0)
    return Language(with_script(found.code, text), round(confidence, 4), _also(found.code, text), found.among)


def _identify(text: str, declared: str | None) -> tuple[Resolved, float]:
    """The language by its primary code, and its probability; `und` for a text without enough letters or evidence."""
    if len(_LETTER.findall(text[:200])) < 2:
        return Resolved(UNKNOWN), 0.0
    if _repeats_one_letter(text):
        return Resolved(UNKNOWN), 0.0
    probabilities: dict[str, float] = dict(_model().rank(text))
    probabilities.pop("zxx", None)
    probabilities["zh"] = probabilities.get("zh", 0.0) + probabilities.pop("wuu", 0.0) + probabilities.pop("yue", 0.0)
    for code in _RARE & probabilities.keys():
        probabilities[code] *= _RARE_PRIOR
    if declared is not None and declared in probabilities:
        probabilities[declared] *= _DECLARED_PRIOR
    total = sum(probabilities.values()) or 1.0
    best = max(probabilities, key=lambda code: probabilities[code])
    found = resolve_family(best, probabilities, text, declared)
    confidence = sum(probabilities.get(code, 0.0) for code in found.among or (best,)) / total
    if confidence < _LEAST_CONFIDENCE and found.code != declared:
        return Resolved(UNKNOWN), confidence
    return found, confidence


def _repeats_one_letter(text: str) -> bool:
    """True for a long text of only one or two different letters, which is no language."""
    letters = _LETTER.findall(text[:2000])
    return len(letters) >= _SHORTEST_WALL and len(set(letters)) <= 2


def _also(code: str, text: str) -> tuple[str, ...]:
    """Further languages that at least a fifth of a long text is in."""
    if len(text) < 2 * _PART_CHARACTERS:
        return ()
    parts: Counter[str] = Counter()
    buffer = ""
    for line in text.split("\n"):
        buffer += f"{line}\n"
        if len(buffer) >= _PART_CHARACTERS:
            found, confidence = _identify(buffer, None)
            parts[found.code if confidence >= _PART_CONFIDENCE else UNKNOWN] += len(buffer)
            buffer = ""
    parts[UNKNOWN] += len(buffer)
    whole = sum(parts.values())
    return tuple(
        sorted(
            other
            for other, size in parts.items()
            if other not in (code, UNKNOWN) and not are_close(code, other) and size >= _PART_SHARE * whole
        )
    )


def _primary(tag: str | None) -> str | None:
    """Primary subtag of a declared language, under the model's name for it; None for anything that is no tag."""
    match = re.match(r"(?:zh-(?=yue\b))?([a-z]{2,3})(?![a-z])", (tag or "").lower())
    if match is None:
        return None
    code = match.group(1)
    return {"nb": "no", "iw": "he", "in": "id", "hbs": "sh", "cmn": "zh"}.get(code, code)
