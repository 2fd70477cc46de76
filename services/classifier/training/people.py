"""Makes the table of well-known people: Wikidata's numbers by the keys of their names, from the links in NEREL (CC BY 2.5)."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from coranto_classifier.entities.name_key import name_key, word_key
from training.lists import own_list

_LINK = "Wikidata:Q"
_LEAST_SHARE = 0.9  # of the texts with a name that must mean the same person
_LEAST_NAMESAKES = 4  # people in the texts whose surname then counts as ordinary


def make_people(entities: Path, target: Path) -> int:
    """Write the table, the same bytes each time. Returns the number of people.

    Left out are people of ordinary surnames, and names that two people share.
    """
    numbers: dict[str, Counter[str]] = defaultdict(Counter)
    names: dict[str, Counter[str]] = defaultdict(Counter)
    with_surname: dict[str, set[str]] = defaultdict(set)
    for row in _rows(entities):
        for name, number in set(_people(row)):
            key = name_key(name)
            if key is not None:
                numbers[key][number] += 1
                names[key][name] += 1
                with_surname[key.split()[1]].add(number)
    surnames = own_list("ordinary_surnames.txt")
    ordinary = {word_key(name) for name in surnames}
    ordinary |= {word_key(f"{name}а") for name in surnames if name.endswith(("в", "н"))}  # a woman's: Орлова
    ordinary |= {surname for surname, found in with_surname.items() if len(found) >= _LEAST_NAMESAKES}
    lines = [
        f"{key}\tQ{number}\t{min(names[key], key=lambda name: (-names[key][name], name))}"
        for key, found in sorted(numbers.items())
        for number, count in found.items()
        if count >= _LEAST_SHARE * found.total() and key.split()[1] not in ordinary
    ]
    target.write_text("\n".join(["key\twikidata\tname", *lines]) + "\n", encoding="utf-8")
    return len(lines)


def _rows(entities: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(entities, "rt", encoding="utf-8") as lines:
        for line in lines:
            row: dict[str, Any] = json.loads(line)
            if row["source"] == "nerel":
                yield row


def _people(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The people of a text: name, the given name first, and number."""
    for span in row["spans"]:
        surname, comma, rest = (span.get("normal") or "").partition(", ")
        name = f"{rest} {surname}" if comma else surname
        link = span.get("link") or ""
        if span["type"] == "person" and link.startswith(_LINK) and name.istitle():
            yield name, link.removeprefix(_LINK)
