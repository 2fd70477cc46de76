"""Decides between close languages where the n-gram model cannot: by letters, common words and spelling.

The model folds some languages into a close relative, or confuses the two. Each family has a function that takes the
model's answer, the probabilities of all languages, the text, and the language that the page declares, and returns the
language. Adding a family means adding its function, its words, and a line to `_FAMILIES`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable

from coranto_classifier.word_lists import word_list

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_CANTONESE = frozenset("嘅喺咗唔冇佢哋嗰咁啲乜嘢畀睇喎㗎噉嚟咩攞搵揾瞓諗俾啦囉")
_TIGRINYA_LETTERS = frozenset("ቐቑቒቓቔቕቖኸኹኺኻኼኽኾኣ")
_TIGRINYA_WORDS = word_list("tigrinya")
_AMHARIC_WORDS = word_list("amharic")

_PIDGIN = re.compile(r"\b(?:dey|wey|dem|don|una|fit|sey|no be|go dey|di|pipo|tori|wetin|im)\b", re.IGNORECASE)

_WORDS = {
    "hr": word_list("croatian"),
    "bs": word_list("bosnian"),
    "id": word_list("indonesian"),
    "ms": word_list("malay"),
    "no": word_list("norwegian"),
    "nn": word_list("nynorsk"),
    "da": word_list("danish"),
}
"""Words of newspapers that a language has and its close relative lacks or spells differently."""
_LEAST_PROBABILITY = 1e-6
_WORD_FACTOR = 3.0  # how much more probable one such word makes its language
_BOSNIAN_PRIOR = 0.5
# Where neither the words nor the page tell, Croatian is the better guess: more newspapers are written in it.
_RWANDA_RUNDI_SPELLING: dict[str, re.Pattern[str]] = {
    # Rundi has vy and c where Kinyarwanda has by and cy.
    "rn": re.compile(r"vy|\bca\b|\bcane\b|\bivyo\b|\bubu\b|\bkugira\b|\bmuri ico\b|\bico\b|ndundi|nkuru ya"),
    "rw": re.compile(r"\bby|cy|\bcyane\b|\bibyo\b|\bkugira ngo\b|\bicyo\b|\bnk'|\bnyuma y|\bavuga ko\b|jye"),
}


def resolve_family(best: str, probabilities: dict[str, float], text: str, declared: str | None) -> str:
    """The language, or a close relative of it that the text's letters and words point to."""
    for family, choose in _FAMILIES:
        if best in family:
            return choose(best, probabilities, text, declared)
    return best


def _by_words(probabilities: dict[str, float], text: str, codes: tuple[str, ...]) -> str:
    """The most probable of the languages, by the model and by the words that only one of them has."""
    words = Counter(word.lower() for word in _WORD.findall(text))

    def likelihood(code: str) -> float:
        own = sum(count for word, count in words.items() if word in _WORDS[code])
        return math.log(max(probabilities.get(code, 0.0), _LEAST_PROBABILITY)) + own * math.log(_WORD_FACTOR)

    return max(codes, key=likelihood)


def _malay(_best: str, probabilities: dict[str, float], text: str, _declared: str | None) -> str:
    return _by_words(probabilities, text, ("id", "ms"))


def _scandinavian(_best: str, probabilities: dict[str, float], text: str, _declared: str | None) -> str:
    return _by_words(probabilities, text, ("da", "no", "nn"))


def _south_slavic(best: str, probabilities: dict[str, float], text: str, declared: str | None) -> str:
    if _CYRILLIC.search(text):
        return best
    if declared not in ("bs", "sr"):
        probabilities = {**probabilities, "bs": probabilities.get("bs", 0.0) * _BOSNIAN_PRIOR}
    found = _by_words(probabilities, text, ("hr", "bs"))
    # Serbian in Latin letters has the same words as Bosnian, so the page's declaration decides.
    return "sr" if found == "bs" and declared == "sr" else found


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


def _chinese(_best: str, _ranks: dict[str, float], text: str, _declared: str | None) -> str:
    marks = sum(letter in _CANTONESE for letter in text)
    return "yue" if marks and marks * 60 >= len(_HAN.findall(text)) else "zh"


def _pidgin(_best: str, _ranks: dict[str, float], text: str, _declared: str | None) -> str:
    return "pcm" if len(_PIDGIN.findall(text)) > 1 else "en"


_FAMILIES: tuple[tuple[frozenset[str], Callable[[str, dict[str, float], str, str | None], str]], ...] = (
    (frozenset({"hr", "bs"}), _south_slavic),
    (frozenset({"id", "ms"}), _malay),
    (frozenset({"da", "no", "nn"}), _scandinavian),
    (frozenset({"am", "ti"}), _ethiopic),
    (frozenset({"rw", "rn"}), _rwanda),
    (frozenset({"zh"}), _chinese),
    (frozenset({"pcm"}), _pidgin),
)
