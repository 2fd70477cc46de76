"""Decides between close languages where the n-gram model cannot: by letters, common words and spelling.

The model folds some languages into a close relative, or confuses the two. Each family has a function that takes the
model's answer, the probabilities of all languages, the text, and the language that the page declares, and returns the
language. Where neither the text nor the page tells, it returns the macro-language and its members rather than a guess.
Adding a family means adding its function, its words, and a line to `_FAMILIES`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from coranto_classifier.word_lists import word_list

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_LETTER = re.compile(r"[^\W\d_]")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_CANTONESE = frozenset("嘅喺咗唔冇佢哋嗰咁啲乜嘢畀睇喎㗎噉嚟咩攞搵揾瞓諗俾啦囉嗌攰嘥嚿啫噃嘞")
_CANTONESE_SHARE = 0.04
# Of the Han characters. Cantonese has a sixth or more of these; standard Chinese that quotes a speaker has fewer.
_TIGRINYA_LETTERS = frozenset("ቐቑቒቓቔቕቖኸኹኺኻኼኽኾኣ")
_TIGRINYA_WORDS = word_list("tigrinya")
_AMHARIC_WORDS = word_list("amharic")

_PIDGIN = re.compile(r"\b(?:dey|wey|dem|don|una|fit|sey|no be|go dey|di|pipo|tori|wetin|im)\b", re.IGNORECASE)

_WORDS = {
    code: word_list(name)
    for code, name in (
        ("hr", "croatian"), ("bs", "bosnian"), ("sr", "serbian"), ("id", "indonesian"), ("ms", "malay"),
        ("no", "norwegian"), ("nn", "nynorsk"), ("da", "danish"),
    )
}  # fmt: skip
"""Words of newspapers that a language has and its close relatives lack or spell differently."""
_BOSNIAN_OR_SERBIAN = word_list("bosnian_serbian")
_IJEKAVIAN = word_list("ijekavian")
_EKAVIAN = word_list("ekavian")
"""Words with the old vowel yat: "vrijeme" and "gdje" in Croatian and Bosnian, "vreme" and "gde" in Serbian."""

_LEAST_PROBABILITY = 1e-6
_WORD_FACTOR = 3.0  # how much more probable one such word makes its language
_MALAY_WORD_FACTOR = 7.0
_MALAY_LEAST_ODDS = 3.0
# Below it, a quarter of the answers for short texts were wrong.
_DECLARED_AS_WORDS = 2  # what the page's declaration weighs, in words
_RWANDA_RUNDI_SPELLING: dict[str, re.Pattern[str]] = {
    # Rundi has vy and c where Kinyarwanda has by and cy.
    "rn": re.compile(r"vy|\bca\b|\bcane\b|\bivyo\b|\bubu\b|\bkugira\b|\bmuri ico\b|\bico\b|ndundi|nkuru ya"),
    "rw": re.compile(r"\bby|cy|\bcyane\b|\bibyo\b|\bkugira ngo\b|\bicyo\b|\bnk'|\bnyuma y|\bavuga ko\b|jye"),
}


@dataclass(frozen=True, slots=True)
class Resolved:
    """A language, or a macro-language with the members among which nothing tells."""

    code: str
    among: tuple[str, ...] = ()


_SOUTH_SLAVIC = ("bs", "hr", "sr")
_UNDECIDED_SOUTH_SLAVIC = Resolved("sh", _SOUTH_SLAVIC)
_UNDECIDED_MALAY = Resolved("ms", ("id", "ms"))


def resolve_family(best: str, probabilities: dict[str, float], text: str, declared: str | None) -> Resolved:
    """The language, a close relative of it that the text's letters and words point to, or their macro-language."""
    for family, choose in _FAMILIES:
        if best in family:
            found = choose(best, probabilities, text, declared)
            return found if isinstance(found, Resolved) else Resolved(found)
    return Resolved(best)


def are_close(code: str, other: str) -> bool:
    """True for two languages of one family."""
    return any(code in family and other in family for family, _ in _FAMILIES)


def _different_words(text: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(text))


def _likelihoods(probabilities: dict[str, float], text: str, codes: Iterable[str], factor: float) -> dict[str, float]:
    """Logarithms by the model's probability and by the words that only one of the languages has."""
    words = [word.lower() for word in _WORD.findall(text)]
    return {
        code: math.log(max(probabilities.get(code, 0.0), _LEAST_PROBABILITY))
        + math.log(factor) * sum(word in _WORDS[code] for word in words)
        for code in codes
    }


def _malay(_best: str, probabilities: dict[str, float], text: str, declared: str | None) -> str | Resolved:
    likelihoods = _likelihoods(probabilities, text, ("id", "ms"), _MALAY_WORD_FACTOR)
    found, other = sorted(likelihoods, key=lambda code: -likelihoods[code])
    if likelihoods[found] - likelihoods[other] >= math.log(_MALAY_LEAST_ODDS):
        return found
    return declared if declared in likelihoods else _UNDECIDED_MALAY


def _scandinavian(_best: str, probabilities: dict[str, float], text: str, _declared: str | None) -> str:
    likelihoods = _likelihoods(probabilities, text, ("da", "no", "nn"), _WORD_FACTOR)
    return max(likelihoods, key=lambda code: likelihoods[code])


def _south_slavic(best: str, _ranks: dict[str, float], text: str, declared: str | None) -> str | Resolved:
    """By words alone: between these three the model's probabilities are no better than chance."""
    letters = _LETTER.findall(text)
    if 2 * sum("\u0400" <= letter <= "\u04ff" for letter in letters) > len(letters):
        return best
    words = _different_words(text)
    ijekavian, eastern = len(words & _IJEKAVIAN), len(words & _BOSNIAN_OR_SERBIAN)
    counts = {
        "hr": len(words & _WORDS["hr"]) + ijekavian,
        "bs": len(words & _WORDS["bs"]) + ijekavian + eastern,
        "sr": len(words & _WORDS["sr"]) + len(words & _EKAVIAN) + eastern,
    }
    if declared in counts:
        counts[declared] += _DECLARED_AS_WORDS
    first, second, _ = sorted(counts, key=lambda code: -counts[code])
    return first if counts[first] > counts[second] else _UNDECIDED_SOUTH_SLAVIC


def _ethiopic(best: str, _ranks: dict[str, float], text: str, _declared: str | None) -> str:
    words = text.split()
    tigrinya = sum(letter in _TIGRINYA_LETTERS for letter in text) + sum(word in _TIGRINYA_WORDS for word in words)
    return "ti" if tigrinya > 2 * sum(word in _AMHARIC_WORDS for word in words) and tigrinya > 1 else best


def _rwanda(best: str, _ranks: dict[str, float], text: str, declared: str | None) -> str:
    lower = text.lower()
    rundi, rwanda = (len(_RWANDA_RUNDI_SPELLING[code].findall(lower)) for code in ("rn", "rw"))
    if rundi == rwanda:
        return "rn" if declared == "rn" else best
    return "rn" if rundi > rwanda else "rw"


def _chinese(_best: str, _ranks: dict[str, float], text: str, declared: str | None) -> str:
    marks, characters = sum(letter in _CANTONESE for letter in text), len(_HAN.findall(text))
    if marks and marks >= _CANTONESE_SHARE * characters:
        return "yue"
    # Formal Cantonese has no character of its own, so only the page can say.
    return "yue" if declared == "yue" and characters else "zh"


def _pidgin(_best: str, _ranks: dict[str, float], text: str, _declared: str | None) -> str:
    return "pcm" if len(_PIDGIN.findall(text)) > 1 else "en"


_FAMILIES: tuple[tuple[frozenset[str], Callable[[str, dict[str, float], str, str | None], str | Resolved]], ...] = (
    (frozenset({*_SOUTH_SLAVIC, "sh"}), _south_slavic),
    (frozenset({"id", "ms"}), _malay),
    (frozenset({"da", "no", "nn"}), _scandinavian),
    (frozenset({"am", "ti"}), _ethiopic),
    (frozenset({"rw", "rn"}), _rwanda),
    (frozenset({"zh", "yue"}), _chinese),
    (frozenset({"pcm"}), _pidgin),
)
