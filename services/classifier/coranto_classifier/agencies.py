"""News agencies: how texts name them, and which publishers are agencies. The table is `coranto.agencies`."""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import urlsplit

from coranto.agencies import all_agencies


@cache
def _agencies() -> tuple[dict[str, str], dict[str, str]]:
    """Canonical names of agencies, by the names that texts use and by the agencies' own hosts."""
    by_name = {name: agency.name for agency in all_agencies() for name in agency.names_in_texts}
    by_host = {host: agency.name for agency in all_agencies() for host in agency.hosts}
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
