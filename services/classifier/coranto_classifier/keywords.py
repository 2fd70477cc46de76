"""Keywords of an article: its most important names, then nouns that the text repeats, in dictionary form.

The publisher's own tags are not used: the record has them in its content.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence

from coranto_classifier.agencies import is_agency
from coranto_classifier.entities.linking import NamedEntity
from coranto_classifier.word_lists import word_list

_MOST_KEYWORDS = 10
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_NAMES_ALWAYS_KEPT = 6
_FURTHER_NAME_WEIGHT = 1.5  # a further name needs at least this
_FEWEST_KEYWORDS = 3  # nouns fill up to this
_LONGEST_NAME = 5  # words
_HOME_COUNTRY = {"ru": "RU"}
_HOME_WEIGHT = 0.3  # newspapers mention their own country in every second article
_DATELINE = 60  # characters
_DATELINE_END = re.compile(r"[—–-]\s|\. /|\(")
_TITLE_WEIGHT = 3.0
_LEAD_WEIGHT = 1.5
_LEAD_CHARACTERS = 400
_NOUN_WEIGHT = 3.0  # a noun needs at least this
_NOUNS_SOUGHT_IN = 4000  # characters
_SHORTEST_NOUN = 4  # letters
_DULL_NOUNS = word_list("dull_nouns")


def find_keywords(
    title: str,
    text: str,
    entities: Sequence[NamedEntity],
    *,
    language: str = "",
    lemmatize: Callable[[str], tuple[str, str]] | None = None,
) -> tuple[str, ...]:
    """Up to ten keywords, most important first. `lemmatize` gives a word's dictionary form and part of speech."""
    weights = {
        entity.name: sum(_weight(mention.start, len(title)) for mention in entity.mentions)
        * (_HOME_WEIGHT if entity.country is not None and entity.country == _HOME_COUNTRY.get(language) else 1.0)
        for entity in entities
        if not _is_agency_or_dateline(entity, title, text) and len(entity.name.split()) <= _LONGEST_NAME
    }
    ranked = sorted(weights, key=lambda name: -weights[name])
    names = [
        name
        for rank, name in enumerate(ranked[:_MOST_KEYWORDS])
        if rank < _NAMES_ALWAYS_KEPT or weights[name] >= _FURTHER_NAME_WEIGHT
    ]
    if lemmatize is None:
        return tuple(names)
    taken = {word.lower() for entity in entities for word in _WORD.findall(entity.name)}
    room = max(0, _FEWEST_KEYWORDS - len(names))
    return (*names, *_nouns(title, text, taken, lemmatize)[:room])


def _is_agency_or_dateline(entity: NamedEntity, title: str, text: str) -> bool:
    """True for the agency that sent the text, and for the town of the dateline unless the text mentions it again."""
    if entity.type == "organisation" and is_agency(entity.name):
        return True
    start = len(title) + 1 if title else 0
    head = text[: text.find("\n") if 0 <= text.find("\n") < _DATELINE else _DATELINE]
    is_dated = bool(_DATELINE_END.search(head))
    return entity.type == "place" and is_dated and entity.count == 1 and entity.mentions[0].start - start < 3


def _weight(start: int, title_length: int) -> float:
    """Weight of a mention by its position: in the title, in the lead, or further down."""
    if start <= title_length:
        return _TITLE_WEIGHT
    return _LEAD_WEIGHT if start <= title_length + _LEAD_CHARACTERS else 1.0


def _nouns(title: str, text: str, taken: set[str], lemmatize: Callable[[str], tuple[str, str]]) -> list[str]:
    """The nouns that the text repeats most, in dictionary form."""
    counts: dict[str, float] = defaultdict(float)
    for part, weight in ((title, _TITLE_WEIGHT), (text[:_NOUNS_SOUGHT_IN], 1.0)):
        for match in _WORD.finditer(part):
            word = match.group().lower()
            if len(word) < _SHORTEST_NOUN:
                continue
            form, kind = lemmatize(word)
            if kind == "NOUN" and form not in _DULL_NOUNS and form not in taken and word not in taken:
                counts[form] += weight
    return [
        form
        for form, weight in sorted(counts.items(), key=lambda item: -item[1])[:_MOST_KEYWORDS]
        if weight >= _NOUN_WEIGHT
    ]
