"""Makes the lists of names that some taggers read, from lists in base forms (`entities_more/names/LANGUAGE.json.gz`)."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

_PLACES = ("countries", "regions", "known_cities", "cities")
_SHORTEST_WORD = 4  # letters of a word of a place's name: shorter ones are articles and prepositions


def make_name_lists(data: Path, listed: str) -> dict[str, list[str]] | None:
    """The lists of a language, by the keys of `name_lists.LISTS`; None where there are none to make them from."""
    stored = _read(data, listed)
    if stored is None:
        return None
    places = _places(stored)
    places_of_one_word = {name for name in places if " " not in name}
    places_of_one_word |= {name for name in stored["world_cities"] if name[:1].isupper() and name.isalpha()}
    words = {
        word
        for name in places
        if " " in name
        for word in name.split()
        if len(word) >= _SHORTEST_WORD and word[0].isupper()
    }
    return {
        "given": sorted(name for name in stored["given"] if _is_one_word(name)),
        "surnames": sorted(name for name in stored["surnames"] if _is_one_word(name)),
        "places": sorted(places_of_one_word),
        "words_of_places": sorted(words - places_of_one_word),
    }


def read_places(data: Path, listed: str) -> set[str] | None:
    """The places of a language, also those of several words; None where there is no file of them."""
    stored = _read(data, listed)
    return None if stored is None else _places(stored)


def _read(data: Path, listed: str) -> dict[str, Any] | None:
    path = data / "entities_more" / "names" / f"{listed}.json.gz"
    if not path.exists():
        return None
    with gzip.open(path, "rt", encoding="utf-8") as file:
        stored: dict[str, Any] = json.load(file)
    return stored


def _places(stored: dict[str, Any]) -> set[str]:
    return {name for key in _PLACES for name in stored[key] if name[:1].isupper()}


def _is_one_word(name: str) -> bool:
    return " " not in name and name[:1].isupper()


def store_name_lists(lists: dict[str, list[str]], target: Path) -> None:
    """Write the lists as gzipped JSON, the same bytes each time."""
    body = json.dumps(lists, ensure_ascii=False, separators=(",", ":")).encode()
    target.write_bytes(gzip.compress(body, mtime=0))
