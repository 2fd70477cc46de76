"""News agencies: how texts name them, and which publisher is one. The table is `data/agencies.tsv`."""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib.resources import files
from urllib.parse import urlsplit


@cache
def _agencies() -> tuple[dict[str, str], dict[str, str]]:
    """Agency by the names texts give it, and by its own hosts."""
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
    """Whether the name is a news agency's."""
    return name in _agencies()[0]


def named_in(text: str) -> str | None:
    """The agency that the text names first, as it writes it."""
    found = _any_name().search(text)
    return found[1] if found else None


def known_as(name: str | None) -> str:
    """The one name of an agency that texts call so or so; the name itself for one the table lacks, "" for None."""
    return _agencies()[0].get(name, name) if name else ""


def published_by(url: str | None, publisher: str | None = None) -> str:
    """The agency that the page is of, by its host or its publisher's name; "" for a page of anybody else."""
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
