"""Identifiers of well-known people that are the same in all languages: Путін and Putin are `wikidata:Q7747`.

Only full names have one, and no ordinary ones: `data/people_ids.tsv` holds people whom several news texts name.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from coranto_classifier.entities.name_key import cyrillic_consonants, name_key


@cache
def _people() -> dict[str, tuple[str, str]]:
    """Wikidata's identifiers and Russian names by the keys of names."""
    table = files("coranto_classifier").joinpath("data/people_ids.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines()[1:])
    return {key: (number, known) for key, number, known in rows}


def find_person_id(name: str) -> str | None:
    """The identifier of the well-known person with this full name, in Latin or Cyrillic letters; None for any other name."""
    key = name_key(name)
    found = None if key is None else _people().get(key)
    if found is None:
        return None
    number, known = found
    consonants = cyrillic_consonants(name)
    return f"wikidata:{number}" if consonants in (None, cyrillic_consonants(known)) else None
