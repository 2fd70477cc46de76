"""The news agencies that services recognise, from `data/agencies.tsv`.

A line of the table has `name` (the same in every language), `aliases` (all ways of writing it, separated by |), `country`
(ISO 3166) and `languages` (ISO 639, separated by |), which may be empty, `hosts` (of the agency's own site), and two lists
of aliases that are unmistakable in one place: `names_in_texts` (anywhere in a text) and `names_in_bylines` (where an author
or a source stands). An entry of the latter may be `alias=name`, when records show another name than the page does.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Agency:
    """One news agency."""

    name: str
    aliases: tuple[str, ...]
    country: str | None
    languages: tuple[str, ...]
    hosts: tuple[str, ...]
    names_in_texts: tuple[str, ...]
    names_in_bylines: tuple[tuple[str, str], ...]
    """Each alias that counts in a byline, and the name that records show for it."""


@cache
def all_agencies() -> tuple[Agency, ...]:
    """All agencies of the table, in its order."""
    table = files("coranto").joinpath("data/agencies.tsv").read_text(encoding="utf-8")
    rows = csv.DictReader(table.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    return tuple(_agency(row) for row in rows)


@cache
def byline_names() -> dict[str, str]:
    """For each alias that counts in a byline, in lower case (`str.casefold`), the name that records show."""
    return {alias.casefold(): shown for agency in all_agencies() for alias, shown in agency.names_in_bylines}


def are_one_agency(one: str, other: str) -> bool:
    """True for two names of the same agency, such as AP and Associated Press."""
    names = _names_by_alias()
    return names.get(one.casefold(), one) == names.get(other.casefold(), other)


@cache
def _names_by_alias() -> dict[str, str]:
    return {alias.casefold(): agency.name for agency in all_agencies() for alias in (agency.name, *agency.aliases)}


def _agency(row: dict[str, str]) -> Agency:
    entries = (entry.partition("=") for entry in _list(row["names_in_bylines"]))
    return Agency(
        name=row["name"],
        aliases=_list(row["aliases"]),
        country=row["country"] or None,
        languages=_list(row["languages"]),
        hosts=_list(row["hosts"]),
        names_in_texts=_list(row["names_in_texts"]),
        names_in_bylines=tuple((alias, shown or alias) for alias, _, shown in entries),
    )


def _list(cell: str) -> tuple[str, ...]:
    return tuple(cell.split("|")) if cell else ()
