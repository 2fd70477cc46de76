"""Identifiers of well-known people that are the same in all languages: Путін and Putin are `wikidata:Q7747`.

Only full names have one, and no ordinary ones: `data/people_ids.tsv` holds people whom several news texts name.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from coranto_classifier.entities.name_key import name_key


@cache
def _people() -> dict[str, str]:
    """Wikidata's identifiers by the keys of names."""
    table = files("coranto_classifier").joinpath("data/people_ids.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines()[1:])
    return {key: number for key, number, _ in rows}


def find_person_id(name: str) -> str | None:
    """The identifier of the well-known person with this full name, in Latin or Cyrillic letters; None for any other name."""
    key = name_key(name)
    number = None if key is None else _people().get(key)
    return None if number is None else f"wikidata:{number}"
