"""Keywords of an article: the names it turns on, then noun phrases in dictionary form.

The publisher's own tags are no keywords of ours: they stay in the record's content.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence

from coranto_classifier.agencies import is_agency
from coranto_classifier.entities.linking import NamedEntity
from coranto_classifier.word_lists import word_list

_MOST = 10
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_ALWAYS = 6
_ENOUGH = 1.5
_FEW = 3
_LONGEST_NAME = 5
_HOME = {"ru": "RU"}
_HOME_WEIGHT = 0.3  # a paper's own country is in every second text of it
_DATELINE = 60
_DATELINE_END = re.compile(r"[—–-]\s|\. /|\(")
_TITLE_WEIGHT = 3.0
_LEAD_WEIGHT = 1.5
_LEAD_CHARACTERS = 400
_PHRASE_MINIMUM = 3.0
_DULL = word_list("dull_nouns")


def find_keywords(
    title: str,
    text: str,
    entities: Sequence[NamedEntity],
    *,
    language: str = "",
    lemma: Callable[[str], tuple[str, str]] | None = None,
) -> tuple[str, ...]:
    """Up to ten keywords, weightiest first. `lemma` gives a word's dictionary form and part of speech."""
    weights = {
        entity.name: sum(_weight(mention.start, len(title)) for mention in entity.mentions)
        * (_HOME_WEIGHT if entity.country is not None and entity.country == _HOME.get(language) else 1.0)
        for entity in entities
        if not _is_furniture(entity, title, text) and len(entity.name.split()) <= _LONGEST_NAME
    }
    ranked = sorted(weights, key=lambda name: -weights[name])
    names = [name for rank, name in enumerate(ranked[:_MOST]) if rank < _ALWAYS or weights[name] >= _ENOUGH]
    if lemma is None:
        return tuple(names)
    taken = {word.lower() for entity in entities for word in _WORD.findall(entity.name)}
    room = max(0, _FEW - len(names))
    return (*names, *_nouns(title, text, taken, lemma)[:room])


def _is_furniture(entity: NamedEntity, title: str, text: str) -> bool:
    """True for the agency that sends the text and the town of its dateline, unless the text speaks of them again."""
    if entity.type == "organisation" and is_agency(entity.name):
        return True
    start = len(title) + 1 if title else 0
    head = text[: text.find("\n") if 0 <= text.find("\n") < _DATELINE else _DATELINE]
    is_dated = bool(_DATELINE_END.search(head))
    return entity.type == "place" and is_dated and entity.count == 1 and entity.mentions[0].start - start < 3


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
