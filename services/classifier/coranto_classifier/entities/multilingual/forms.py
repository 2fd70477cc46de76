"""Gathers the forms of a name that one text uses, without a dictionary: "Tusk", "Tuska" and "Tuskowi" are one person.

Two forms belong together when their words begin alike and differ in endings that the language's cases have; the plainest one
that the text has becomes the normal form of all, and a name that stands in one form only keeps it. The name of a country,
continent or well-known city becomes its form in the gazetteer. Slavic names are declined before (`declension`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files

from coranto_classifier.entities.countries import find_country
from coranto_classifier.entities.mention import EntityType, Mention
from coranto_classifier.entities.multilingual.articles import without_ending

ENDINGS: dict[str, str] = {
    "cs": "a á e é ě i í o u ů y ý ou ovi em em om ech ách ami ího ému ém ým ové ovou ů",
    "sk": "a á e é i í o u y ý ou ovi om och ách ami ého ému ej ej ým ovej ovú",
    "pl": "a ą e ę i o u y ego emu em ie im ym iem owi ów om ach ami ej iej ią ii ji",
    "sl": "a e i o u om em ju jem ih ima ega emu ev ov ja je jo",
    "hr": "a e i o u om em u ju jem ih ima og om oj ov ev ja je jom",
    "sr": "a e i o u om em u ju jem ih ima og om oj ov ev ja je jom а е и о у ом ем ју ог ој јем",
    "uk": "а я у ю о е є и і ї ом ем єм ою ею єю ові еві єві ій ої ого ому ими ів",
    "fi": "n a ä ssa ssä sta stä an en in on un yn än ön lla llä lta ltä lle na nä ksi tta ttä ta tä aa ää ia iä ista ista",
    "hu": "t at et ot öt ban ben ból ből nak nek val vel ra re ról ről hoz hez tól től nál nél ba be n on en ön ig ért á é",
    "de": "s es",
    "sv": "s",
    "da": "s",
    "no": "s",
    "ro": "i a ei ul ului",
}
"""Endings that a case may add. A language that is not here leaves names as they are."""

_SHORTEST_STEM = 3  # letters
_SHORTEST_LISTED_STEM = 4  # where a name is not known to be a place: "Malá" is no form of Mali
_FEMININE = ("a", "á", "а")
_WRITTEN, _SHORTEST = 1.0, 1.5  # mentions that a form counts as, for being in the text and for being the shortest
_MOST_NAMES = 300  # different ones of a kind in a text; more are left as they are, to keep the time bounded


def with_plainest_forms(mentions: Sequence[Mention], language: str, *, are_declined: bool = False) -> list[Mention]:
    """The mentions, each with the plainest form of its name that the text has as its normal form.

    With `are_declined` the normal forms are nominatives already, but not all the same: then the one of most mentions counts,
    and those that the text has or that are shortest count more.
    """
    written = {" ".join(mention.text.split()) for mention in mentions} if are_declined else None
    mentions = [replace(mention, normal=without_ending(mention.normal, language)) for mention in mentions]
    if language not in ENDINGS:
        return list(mentions)
    counts: dict[EntityType, Counter[str]] = defaultdict(Counter)
    for mention in mentions:
        counts[mention.type][mention.normal] += 1
    plain: dict[tuple[EntityType, str], str] = {}
    for kind, forms in counts.items():
        for group in grouped(list(forms), language):
            best = _plainest(group, forms) if written is None else _likeliest(group, forms, written)
            plain |= {(kind, form): best for form in group}
    return [
        replace(
            mention, normal=_place_form(mention, language) or plain.get((mention.type, mention.normal), mention.normal)
        )
        for mention in mentions
    ]


def _place_form(mention: Mention, language: str) -> str | None:
    return listed_place(mention.normal, language, shortest=_SHORTEST_STEM) if mention.type == "place" else None


def grouped(names: Sequence[str], language: str) -> Iterator[list[str]]:
    """The names in groups of forms of one name, the shortest of each first."""
    if len(names) > _MOST_NAMES:
        yield from ([name] for name in names)
        return
    groups: defaultdict[str, list[list[str]]] = defaultdict(list)
    for name in sorted(names, key=lambda name: (len(name), name)):
        alike = groups[beginning_of(name)]
        own = next((group for group in alike if are_forms(group[0], name, language)), None)
        if own is None:
            alike.append([name])
        else:
            own.append(name)
    for alike in groups.values():
        yield from alike


def beginning_of(name: str) -> str:
    """The letters that all forms of the name begin with."""
    return name[:_SHORTEST_STEM]


def are_forms(name: str, other: str, language: str, *, shortest: int = _SHORTEST_STEM) -> bool:
    """True when the names have the same words, but for endings of the language's cases behind `shortest` letters or more."""
    words, others = name.split(), other.split()
    return len(words) == len(others) and all(
        _are_word_forms(word, second, _endings(language), shortest) for word, second in zip(words, others, strict=True)
    )


@cache
def _endings(language: str) -> frozenset[str]:
    return frozenset(ENDINGS.get(language, "").split()) | {""}


def _are_word_forms(word: str, other: str, endings: frozenset[str], shortest: int) -> bool:
    """True when the words differ in nothing but endings."""
    if word == other:
        return True
    if word.isupper() or other.isupper():
        return False
    shared = 0
    while shared < min(len(word), len(other)) and word[shared] == other[shared]:
        shared += 1
    # The vowel before an ending may be part of it: "Merkel|ová" and "Merkel|ové" share more letters than the stem.
    return any(
        stem >= shortest and word[stem:] in endings and other[stem:] in endings
        for stem in range(shared, max(shared - 3, shortest - 1), -1)
    )


def _plainest(group: Sequence[str], counts: Counter[str]) -> str:
    """The form that looks most like a nominative: short, a woman's name in -a rather than -y or -e, then the most frequent."""
    if len(group) == 1:
        return group[0]
    return min(
        group,
        key=lambda name: (len(name), -sum(word.endswith(_FEMININE) for word in name.split()), -counts[name], name),
    )


def _likeliest(group: Sequence[str], counts: Counter[str], written: Collection[str]) -> str:
    """The form that most mentions were declined to, with a vote for being written somewhere, and more for being short."""
    shortest = min(map(len, group))

    def votes(name: str) -> float:
        return counts[name] + _WRITTEN * (name in written) + _SHORTEST * (len(name) == shortest)

    return max(group, key=lambda name: (votes(name), sum(word.endswith(_FEMININE) for word in name.split()), name))


def listed_place(name: str, language: str, *, shortest: int = _SHORTEST_LISTED_STEM) -> str | None:
    """The country or well-known place that the name is a form of, as the lists write it: Německu → Německo. None for others.

    Forms that have fewer letters than `shortest` in common are not taken for one name.
    """
    if find_country(name):
        return name
    found = [
        known
        for known in _known_places(language).get(beginning_of(name), ())
        if are_forms(known, name, language, shortest=shortest)
    ]
    return max(found, key=lambda known: (_shared(known, name), -len(known), known), default=None)


def known_places(language: str) -> list[str]:
    """The well-known places of a language."""
    table = files("coranto_classifier").joinpath("data/known_places.tsv").read_text(encoding="utf-8")
    rows = dict(line.split("\t") for line in table.splitlines())
    return rows.get(language, "").split("|")


@cache
def _known_places(language: str) -> dict[str, list[str]]:
    """The well-known places of a language by the letters that their forms begin with."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for name in known_places(language):
        places[beginning_of(name)].append(name)
    return dict(places)


def _shared(name: str, other: str) -> int:
    """How many letters the names begin with alike."""
    pairs = enumerate(zip(name, other, strict=False))
    return next((index for index, (letter, second) in pairs if letter != second), min(len(name), len(other)))
