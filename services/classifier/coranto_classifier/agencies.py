"""News agencies: how texts name them, and which publishers are agencies. The table is `data/agencies.tsv`."""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib.resources import files
from urllib.parse import urlsplit


@cache
def _agencies() -> tuple[dict[str, str], dict[str, str]]:
    """Canonical names of agencies, by the names that texts use and by the agencies' own hosts."""
    by_name: dict[str, str] = {}
    by_host: dict[str, str] = {}
    table = files("coranto_classifier").joinpath("data/agencies.tsv").read_text(encoding="utf-8")
    for row in csv.DictReader(table.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE):
        by_name |= dict.fromkeys(row["names"].split("|"), row["name"])
        by_host |= dict.fromkeys(row["hosts"].split("|"), row["name"])
    return by_name, by_host


@cache
def _any_name() -> re.Pattern[str]:
    names = sorted(_agencies()[0], key=len, reverse=True)
    return re.compile(rf"\b({'|'.join(map(re.escape, names))})\b")


def is_agency(name: str) -> bool:
    """Whether a news agency goes by this name."""
    return name in _agencies()[0]


def find_agency(text: str) -> str | None:
    """The agency that the text names first, as the text writes it."""
    found = _any_name().search(text)
    return found[1] if found else None


def canonical_name(name: str | None) -> str:
    """The agency's canonical name; the given name when the table does not have it, "" for None."""
    return _agencies()[0].get(name, name) if name else ""


def publishing_agency(url: str | None, publisher: str | None = None) -> str:
    """The agency that published the page, by its host or its publisher's name; "" for any other publisher."""
    by_name, by_host = _agencies()
    try:
        host = (urlsplit(url or "").hostname or "").removeprefix("www.")
    except ValueError:
        host = ""
    while "." in host:
        if host in by_host:
            return by_host[host]
        host = host.partition(".")[2]
    return by_name.get(publisher or "", "")
