"""Whom and what an article names: mentions in normal form, joined into entities.

Each language has a finder (see `spans.NameFinder`); adding one is adding a line to `FINDERS`. Joining is common to
all: a surname belongs to the fuller name of the same text, countries go by their code, an acronym by the name it
stands beside.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from coranto_classifier.entities.countries import find_country
from coranto_classifier.entities.mention import Name, NameFinder, NameType
from coranto_classifier.topics.vectors import WordVectors

_MENTIONS_KEPT = 50
_INITIAL = re.compile(r"^[^\W\d_]\.?$")
_PATRONYMIC = re.compile(r"(?:ович|евич|ьич|овна|евна|ична|инична)$")
_DATELINE = 60
_DATELINES = (
    # An agency in brackets, as in "OSLO, 5 March (Nordlys) -", and one after the date: "Ялта. 14 марта. Полярис —".
    (re.compile(r"[^\W\d_a-zа-яё][^.!?()/\n]*[.,]?\s*[(/]"), re.compile(r"[)/]\s*[.:—–-]")),
    (re.compile(r"[^\W\d_a-zа-яё][^.,!?()/\n]*[.,] \d{1,2} [^\W\d_]+[.,]? "), re.compile(r"\s*[—–-]\s")),
)
"""What stands between the line's beginning and an agency's name, and what follows it."""

_ENTITY_GAP = re.compile(r"^\s*\(\s*$")


@dataclass(frozen=True, slots=True)
class NamedEntity:
    """A person, organisation or place with all its mentions."""

    type: NameType
    name: str
    aliases: tuple[str, ...]
    country: str | None
    mentions: tuple[Name, ...]

    @property
    def count(self) -> int:
        """Number of mentions."""
        return len(self.mentions)

    @property
    def kept_mentions(self) -> tuple[Name, ...]:
        """The first mentions, as many as a record carries."""
        return self.mentions[:_MENTIONS_KEPT]


def _russian(models: Path, vectors: WordVectors) -> NameFinder:
    from coranto_classifier.entities.russian.recognizer import RussianNames

    return RussianNames(models, vectors)


def _english(models: Path, _vectors: WordVectors) -> NameFinder:
    from coranto_classifier.entities.english.recognizer import EnglishNames

    return EnglishNames(models)


FINDERS: dict[str, Callable[[Path, WordVectors], NameFinder]] = {"ru": _russian, "en": _english}
"""Languages whose names are found, and what makes the finder from the models' directory and the Russian vectors."""


def find_entities(text: str, finder: NameFinder) -> list[NamedEntity]:
    """The entities of a text, most mentioned first."""
    return joined(text, finder.find(text))


def joined(text: str, names: Sequence[Name]) -> list[NamedEntity]:
    """Mentions that mean the same, put together."""
    names = _with_one_type([_with_dateline(text, name) for name in names])
    names = _clubs_by_their_town(names)
    groups: dict[tuple[NameType, str], list[Name]] = defaultdict(list)
    owners = _owners_of_parts([name for name in names if name.type == "person"])
    acronyms = _acronyms(text, names)
    for name in names:
        groups[name.type, _group_key(name, owners, acronyms)].append(name)
    entities = [_entity(kind, mentions) for (kind, _), mentions in groups.items()]
    return sorted(entities, key=lambda entity: (-entity.count, entity.mentions[0].start))


def mentions_with_entity(entities: Iterable[NamedEntity]) -> list[tuple[Name, NamedEntity]]:
    """Every mention with the entity it belongs to, in order of the text."""
    pairs = [(mention, entity) for entity in entities for mention in entity.mentions]
    return sorted(pairs, key=lambda pair: pair[0].start)


def _folded(name: str) -> str:
    return " ".join(name.lower().replace("ё", "е").replace("-", " ").split())


def _with_one_type(names: Sequence[Name]) -> list[Name]:
    """The names, each spelling with the type it has most often in this text when that is clear."""
    types: dict[str, Counter[NameType]] = defaultdict(Counter)
    for name in names:
        types[_folded(name.normal)][name.type] += 1
    result = []
    for name in names:
        (likeliest, count), *others = types[_folded(name.normal)].most_common()
        is_clear = bool(others) and count >= 2 * others[0][1]
        kind = likeliest if is_clear else name.type
        if kind == "organisation" and find_country(name.normal):
            kind = "place"  # a team or a government goes by its country's name
        result.append(replace(name, type=kind) if name.type != kind else name)
    return result


def _clubs_by_their_town(names: Sequence[Name]) -> list[Name]:
    """The names, a lone person's an organisation's when only one of that text begins so: "Ashbourne" of Ashbourne Rovers."""
    people = {word for name in names if name.type == "person" and " " in name.normal for word in name.normal.split()}
    openings: dict[str, set[str]] = defaultdict(set)
    for name in names:
        if name.type == "organisation" and " " in name.normal:
            openings[name.normal.split()[0]].add(name.normal)
    return [
        replace(name, type="organisation", normal=next(iter(openings[name.normal])))
        if name.type == "person" and len(openings.get(name.normal, ())) == 1 and name.normal not in people
        else name
        for name in names
    ]


def _with_dateline(text: str, name: Name) -> Name:
    """The name, an organisation when it stands where a dateline names the agency: "OSLO, 5 March (Nordlys) -"."""
    start = text.rfind("\n", 0, name.start) + 1
    if name.type == "organisation" or name.start - start > _DATELINE:
        return name
    is_agency = any(
        opening.fullmatch(text, start, name.start) and closing.match(text, name.end) for opening, closing in _DATELINES
    )
    return replace(name, type="organisation") if is_agency else name


def _owners_of_parts(people: Sequence[Name]) -> dict[str, str]:
    """For every shorter form of a person's name, the key of the one fuller name of this text it belongs to."""
    full: dict[str, tuple[str, ...]] = {}
    for person in people:
        words = tuple(_folded(person.normal).split())
        if len(words) > 1 and not any(_INITIAL.match(word) for word in words):
            full.setdefault(" ".join(words), words)
    owners: dict[str, str] = {}
    for person in people:
        key = _folded(person.normal)
        words = tuple(key.split())
        candidates = [other for other, other_words in full.items() if other != key and _is_shorter(words, other_words)]
        if len(candidates) == 1 or (
            candidates and len({full[other][-1] for other in candidates}) == 1 and len(words) > 1
        ):
            owners[key] = max(candidates, key=len)
    for key, owner in _patronymics(full).items():
        owners.setdefault(key, owner)
    # A form may lead to one that itself leads further: "Путин" to "Владимир Путин" to "Владимир Владимирович Путин".
    return {key: owners.get(owner, owner) for key, owner in owners.items()}


def _patronymics(full: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """Given name and patronymic, each with the one full name of that given name: "Лев Николаевич" is Лев Толстой."""
    owners = {}
    for key, words in full.items():
        if len(words) == 2 and _PATRONYMIC.search(words[1]):
            others = [other for other, parts in full.items() if other != key and parts[0] == words[0]]
            if len(others) == 1:
                owners[key] = others[0]
    return owners


def _is_shorter(words: tuple[str, ...], full: tuple[str, ...]) -> bool:
    """True when the words are a shorter form of the full name: its surname, or with initials or fewer names."""
    if len(words) == 1:
        return words[0] == full[-1] or (words[0] == full[0] and len(words[0]) > 2)
    if words[-1] != full[-1] or len(words) > len(full):
        return False
    if len(words) == len(full) and words == full:
        return False
    rest = iter(full[:-1])
    return all(any(_stands_for(word, other) for other in rest) for word in words[:-1])


def _stands_for(word: str, name: str) -> bool:
    return word == name or (bool(_INITIAL.match(word)) and name.startswith(word[0]))


def _acronyms(text: str, names: Sequence[Name]) -> dict[str, str]:
    """Acronyms that stand in brackets after the name they shorten, each with that name's key."""
    pairs = {}
    for name, following in pairwise(names):
        is_acronym = following.normal.isupper() and 1 < len(following.normal) < 9
        if (
            name.type == following.type == "organisation"
            and is_acronym
            and _ENTITY_GAP.match(text[name.end : following.start])
        ):
            pairs[_folded(following.normal)] = _folded(name.normal)
    return pairs


def _group_key(name: Name, owners: dict[str, str], acronyms: dict[str, str]) -> str:
    key = _folded(name.normal)
    if name.type == "person":
        return owners.get(key, key)
    if name.type == "organisation":
        return acronyms.get(key, key)
    return find_country(name.normal) or key


def _entity(kind: NameType, mentions: Sequence[Name]) -> NamedEntity:
    """One entity: a person by the fullest form, the others by the form the text has most."""
    forms = Counter(mention.normal for mention in mentions)
    first_seen = {form: position for position, form in enumerate(forms)}
    if kind == "person":
        name = max(forms, key=lambda form: (len(_full_words(form)), forms[form], -first_seen[form]))
        name = _with_patronymic(name, forms)
    else:
        name = max(forms, key=lambda form: (forms[form], -first_seen[form]))
    aliases = tuple(form for form in forms if _folded(form) != _folded(name))
    return NamedEntity(kind, name, aliases, find_country(name) if kind == "place" else None, tuple(mentions))


def _with_patronymic(name: str, forms: Iterable[str]) -> str:
    """Given name and surname with the patronymic that the text gives beside the given name alone."""
    pairs = [words for form in forms if len(words := form.split()) == 2]
    patronymic = next((words[1] for words in pairs if _PATRONYMIC.search(words[1])), None)
    whole = next((words for words in pairs if not _PATRONYMIC.search(words[1]) and not _INITIAL.match(words[0])), None)
    if patronymic is None or whole is None or len(name.split()) != 2:
        return name
    return f"{whole[0]} {patronymic} {whole[1]}"


def _full_words(form: str) -> list[str]:
    return [word for word in form.split() if not _INITIAL.match(word.rstrip("."))]
