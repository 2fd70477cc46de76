"""Merges the mentions of a text into entities, the same way for all languages.

A surname belongs to the fuller name in the same text, the names of a country or a city are one entity, and an acronym in
brackets belongs to the name before it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from coranto_classifier.entities.countries import find_country, may_be_elsewhere
from coranto_classifier.entities.mention import EntityType, Mention
from coranto_classifier.entities.people_ids import find_person_id
from coranto_classifier.entities.place_ids import find_place_id

_MENTIONS_KEPT = 50
_INITIAL = re.compile(r"^[^\W\d_]\.?$")
_PATRONYMIC = re.compile(r"(?:ович|евич|ьич|овна|евна|ична|инична)$")
_DATELINE = 60
_DATELINES = (
    # An agency in brackets, as in "OSLO, 5 March (Nordlys) -", and one after the date: "Ялта. 14 марта. Полярис —".
    (re.compile(r"[^\W\d_a-zа-яё][^.!?()/\n]*[.,]?\s*[(/]"), re.compile(r"[)/]\s*[.:—–-]")),
    (re.compile(r"[^\W\d_a-zа-яё][^.,!?()/\n]*[.,] \d{1,2} [^\W\d_]+[.,]? "), re.compile(r"\s*[—–-]\s")),
)
"""Patterns for the text between the start of the line and an agency's name, and for the text that follows it."""

_OPENING_BRACKET = re.compile(r"^\s*\(\s*$")


@dataclass(frozen=True, slots=True)
class NamedEntity:
    """A person, organisation or place with all its mentions."""

    type: EntityType
    name: str
    aliases: tuple[str, ...]
    country: str | None
    mentions: tuple[Mention, ...]
    id: str | None = None
    """The same in all languages, where a table has the place or the person."""

    @property
    def count(self) -> int:
        """Number of mentions."""
        return len(self.mentions)

    @property
    def kept_mentions(self) -> tuple[Mention, ...]:
        """The first fifty mentions, which are those that a record carries."""
        return self.mentions[:_MENTIONS_KEPT]


def merge_mentions(text: str, mentions: Sequence[Mention]) -> list[NamedEntity]:
    """The entities that the mentions of a text refer to, most mentioned first."""
    mentions = _with_prevailing_type([_with_dateline(text, mention) for mention in mentions])
    mentions = _team_named_by_town(mentions)
    groups: dict[tuple[EntityType, str], list[Mention]] = defaultdict(list)
    owners = _full_names([mention for mention in mentions if mention.type == "person"])
    acronyms = _acronyms(text, mentions)
    for mention in mentions:
        groups[mention.type, _group_key(mention, owners, acronyms)].append(mention)
    entities = [_entity(kind, group, text) for (kind, _), group in groups.items()]
    return sorted(entities, key=lambda entity: (-entity.count, entity.mentions[0].start))


def mentions_with_entity(entities: Iterable[NamedEntity]) -> list[tuple[Mention, NamedEntity]]:
    """Each mention with the entity it belongs to, in the order of the text."""
    pairs = [(mention, entity) for entity in entities for mention in entity.mentions]
    return sorted(pairs, key=lambda pair: pair[0].start)


def _key(name: str) -> str:
    return " ".join(name.lower().replace("ё", "е").replace("-", " ").split())


def _with_prevailing_type(mentions: Sequence[Mention]) -> list[Mention]:
    """The mentions, each name with the type it has most often in this text where one type clearly prevails."""
    types: dict[str, Counter[EntityType]] = defaultdict(Counter)
    for mention in mentions:
        types[_key(mention.normal)][mention.type] += 1
    result = []
    for mention in mentions:
        (likeliest, count), *others = types[_key(mention.normal)].most_common()
        is_clear = bool(others) and count >= 2 * others[0][1]
        kind = likeliest if is_clear else mention.type
        if kind == "organisation" and find_country(mention.normal):
            kind = "place"  # a team or a government that goes by its country's mention
        result.append(replace(mention, type=kind) if mention.type != kind else mention)
    return result


def _team_named_by_town(mentions: Sequence[Mention]) -> list[Mention]:
    """The mentions; a person's single name becomes the one organisation that begins with it: "Ashbourne" of Ashbourne Rovers."""
    people = {
        word
        for mention in mentions
        if mention.type == "person" and " " in mention.normal
        for word in mention.normal.split()
    }
    organisations: dict[str, set[str]] = defaultdict(set)
    for mention in mentions:
        if mention.type == "organisation" and " " in mention.normal:
            organisations[mention.normal.split()[0]].add(mention.normal)
    return [
        replace(mention, type="organisation", normal=next(iter(organisations[mention.normal])))
        if mention.type == "person" and len(organisations.get(mention.normal, ())) == 1 and mention.normal not in people
        else mention
        for mention in mentions
    ]


def _with_dateline(text: str, mention: Mention) -> Mention:
    """The mention, as an organisation where a dateline has the agency's name: "OSLO, 5 March (Nordlys) -"."""
    start = text.rfind("\n", 0, mention.start) + 1
    if mention.type == "organisation" or mention.start - start > _DATELINE:
        return mention
    is_agency = any(
        opening.fullmatch(text, start, mention.start) and closing.match(text, mention.end)
        for opening, closing in _DATELINES
    )
    return replace(mention, type="organisation") if is_agency else mention


def _full_names(people: Sequence[Mention]) -> dict[str, str]:
    """For each shorter form of a person's name, the key of the fuller name in this text that it belongs to."""
    full: dict[str, tuple[str, ...]] = {}
    for person in people:
        words = tuple(_key(person.normal).split())
        if len(words) > 1 and not any(_INITIAL.match(word) for word in words):
            full.setdefault(" ".join(words), words)
    owners: dict[str, str] = {}
    for person in people:
        key = _key(person.normal)
        words = tuple(key.split())
        candidates = [
            other for other, other_words in full.items() if other != key and _is_shorter_form(words, other_words)
        ]
        if len(candidates) == 1 or (
            candidates and len({full[other][-1] for other in candidates}) == 1 and len(words) > 1
        ):
            owners[key] = max(candidates, key=len)
    for key, owner in _full_names_by_patronymic(full).items():
        owners.setdefault(key, owner)
    # A form may lead to one that leads to a third: "Путин" to "Владимир Путин" to "Владимир Владимирович Путин".
    return {key: owners.get(owner, owner) for key, owner in owners.items()}


def _full_names_by_patronymic(full: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """Full names by given name and patronymic, where only one has that given name: Лев Толстой by "Лев Николаевич"."""
    owners = {}
    for key, words in full.items():
        if len(words) == 2 and _PATRONYMIC.search(words[1]):
            others = [other for other, parts in full.items() if other != key and parts[0] == words[0]]
            if len(others) == 1:
                owners[key] = others[0]
    return owners


def _is_shorter_form(words: tuple[str, ...], full: tuple[str, ...]) -> bool:
    """True when the words are a shorter form of the full name: its surname, or some of its names or initials."""
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


def _acronyms(text: str, mentions: Sequence[Mention]) -> dict[str, str]:
    """Acronyms that stand in brackets after an organisation's name, each with the key of that name."""
    pairs = {}
    for mention, following in pairwise(mentions):
        is_acronym = following.normal.isupper() and 1 < len(following.normal) < 9
        if (
            mention.type == following.type == "organisation"
            and is_acronym
            and _OPENING_BRACKET.match(text[mention.end : following.start])
        ):
            pairs[_key(following.normal)] = _key(mention.normal)
    return pairs


def _group_key(mention: Mention, owners: dict[str, str], acronyms: dict[str, str]) -> str:
    key = _key(mention.normal)
    if mention.type == "person":
        return owners.get(key, key)
    if mention.type == "organisation":
        return acronyms.get(key, key)
    return find_place_id(mention.normal) or key


def _entity(kind: EntityType, mentions: Sequence[Mention], text: str) -> NamedEntity:
    """One entity. A person gets the fullest form of the name, a place or organisation the most frequent one."""
    forms = Counter(mention.normal for mention in mentions)
    first_seen = {form: position for position, form in enumerate(forms)}
    if kind == "person":
        name = max(forms, key=lambda form: (len(_without_initials(form)), forms[form], -first_seen[form]))
        name = _with_patronymic(name, forms)
    else:
        name = max(forms, key=lambda form: (forms[form], -first_seen[form]))
    aliases = tuple(form for form in forms if _key(form) != _key(name))
    country, own_id = None, find_person_id(name) if kind == "person" else None
    if kind == "place" and not may_be_elsewhere(name, text):
        country, own_id = find_country(name), find_place_id(name)
    return NamedEntity(kind, name, aliases, country, tuple(mentions), own_id)


def _with_patronymic(name: str, forms: Iterable[str]) -> str:
    """The name with the patronymic that the text gives beside the given name alone."""
    pairs = [words for form in forms if len(words := form.split()) == 2]
    patronymic = next((words[1] for words in pairs if _PATRONYMIC.search(words[1])), None)
    whole = next((words for words in pairs if not _PATRONYMIC.search(words[1]) and not _INITIAL.match(words[0])), None)
    if patronymic is None or whole is None or len(name.split()) != 2:
        return name
    return f"{whole[0]} {patronymic} {whole[1]}"


def _without_initials(form: str) -> list[str]:
    return [word for word in form.split() if not _INITIAL.match(word.rstrip("."))]
