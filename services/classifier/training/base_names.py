"""Makes the list of names in the nominative that Slavic names are declined with, from the lists in `entities_more/names`."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from coranto_classifier.entities.multilingual.forms import known_places
from training.cities import ONE_OF_SEVERAL
from training.name_lists import make_name_lists

_ENDINGS = "aeiouyаеиіоу"
_SHARED = 5  # languages; a place that so many of them list is stored once for all
_LISTS_OF = {"sr": ("sr", "hr")}
"""Languages that take the lists of others too: there are no Serbian given names and surnames."""


def make_base_names(data: Path, languages: Iterable[str], more_given: Iterable[str], target: Path) -> bool:
    """Write the names of the languages, the same bytes each time; `more_given` are given names beside those of the files.

    Returns False, and writes nothing, where a language has no lists.
    """
    folder = data / "entities_more" / "names"
    given = set(more_given)
    for path in sorted(folder.glob("*.json.gz")):
        lists = make_name_lists(data, path.name.split(".")[0])
        given.update(lists["given"] if lists else ())
    people: dict[str, set[str]] = {}
    places: dict[str, set[str]] = {}
    for language in languages:
        for listed in _LISTS_OF.get(language, (language,)):
            lists = make_name_lists(data, listed)
            if lists is None:
                return False
            people.setdefault(language, set()).update(lists["given"], lists["surnames"])
            places.setdefault(language, set()).update(lists["places"], lists["words_of_places"])
        named = {ONE_OF_SEVERAL.get(place, place) for place in places[language]}
        without_others = _without_stems if language == "fi" else _without_forms
        places[language] = set(without_others(named, known_places(language)))
    counts = Counter(name for names in places.values() for name in names)
    shared = {name for name, count in counts.items() if count >= _SHARED}
    stored = {
        "given": sorted(name for name in given if len(name) > 1),
        "places": sorted(shared),
        "languages": {
            language: {"people": sorted(people[language]), "places": sorted(places[language] - shared)}
            for language in sorted(people)
        },
    }
    body = json.dumps(stored, ensure_ascii=False, separators=(",", ":")).encode()
    target.write_bytes(gzip.compress(body, mtime=0))
    return True


def _without_stems(places: Collection[str], known: Collection[str]) -> Iterator[str]:
    """The places without those that are another one less its last letter: "Pariis", which is Estonian, beside "Pariisi"."""
    for place in places:
        if place in known or (place + "i" not in places and place + "i" not in known):
            yield place


def _without_forms(places: Collection[str], known: Collection[str]) -> Iterator[str]:
    """The places without those that look like another one with an ending: "Zagreba", which is Latvian, beside "Zagreb"."""
    for place in places:
        if place in known or place[-1] not in _ENDINGS or place[:-1] not in places:
            yield place
