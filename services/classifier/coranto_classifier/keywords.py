"""Keywords of an article: the names it turns on, then noun phrases in dictionary form.

The publisher's own tags are no keywords of ours: they stay in the record's content.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence

from coranto_classifier.names import NamedEntity
from coranto_classifier.words import word_list

_MOST = 10
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_TITLE_WEIGHT = 3.0
_LEAD_WEIGHT = 1.5
_LEAD_CHARACTERS = 400
_PHRASE_MINIMUM = 3.0
_DULL = word_list("dull_nouns")


def find_keywords(
    title: str, text: str, entities: Sequence[NamedEntity], *, lemma: Callable[[str], tuple[str, str]] | None = None
) -> tuple[str, ...]:
    """Up to ten keywords, weightiest first. `lemma` gives a word's dictionary form and part of speech."""
    weights: dict[str, float] = {}
    for entity in entities:
        weights[entity.name] = sum(_weight(mention.start, len(title)) for mention in entity.mentions)
    names = sorted(weights, key=lambda name: -weights[name])[:_MOST]
    if lemma is None:
        return tuple(names)
    taken = {word.lower() for name in weights for word in _WORD.findall(name)}
    room = _MOST - len(names)
    return (*names, *_nouns(title, text, taken, lemma)[: min(room, 2)])


def _weight(start: int, title_length: int) -> float:
    """What a mention counts by where it stands."""
    if start <= title_length:
        return _TITLE_WEIGHT
    return _LEAD_WEIGHT if start <= title_length + _LEAD_CHARACTERS else 1.0


def _nouns(title: str, text: str, taken: set[str], lemma: Callable[[str], tuple[str, str]]) -> list[str]:
    """Nouns that the text keeps coming back to, in dictionary form."""
    counts: dict[str, float] = defaultdict(float)
    for part, weight in ((title, _TITLE_WEIGHT), (text[:4000], 1.0)):
        for match in _WORD.finditer(part):
            word = match.group().lower()
            if len(word) < 4:
                continue
            form, kind = lemma(word)
            if kind == "NOUN" and form not in _DULL and form not in taken and word not in taken:
                counts[form] += weight
    return [
        form for form, weight in sorted(counts.items(), key=lambda item: -item[1])[:_MOST] if weight >= _PHRASE_MINIMUM
    ]
