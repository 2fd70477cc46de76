"""Time zones of countries and languages whose clocks all agree, from `zones.toml`.

A page that gives a time without a zone means the clock of its place. Where a country has one clock, the domain tells which;
where a language is written under one clock, so does the language. Both are assumptions, and records say so.
"""

from __future__ import annotations

import tomllib
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class AssumedZone(NamedTuple):
    """A zone, and what it was assumed from."""

    name: str
    """As in the IANA time zone database, such as Europe/Berlin."""
    source: Literal["domain", "language", "page"]

    def offset_at(self, local: datetime) -> timedelta:
        """How far the zone's clock was ahead of UTC when it showed this time."""
        offset = ZoneInfo(self.name).utcoffset(local.replace(tzinfo=None))
        return offset if offset is not None else timedelta(0)

    def local_time(self, moment: datetime) -> datetime:
        """What the zone's clock showed at this moment."""
        return moment.astimezone(ZoneInfo(self.name))


def find_zone(host: str | None, language: str | None) -> AssumedZone | None:
    """The zone that the host's country or, on a domain of no country, the language has for itself; None when there is none."""
    table = _table()
    ending = (host or "").rpartition(".")[2].lower()
    if ending in table["domains"]:
        return AssumedZone(table["domains"][ending], "domain")
    primary, _, region = (language or "").lower().partition("-")
    # Another country's form of the language, or a domain of a country with several clocks, leaves the place open.
    if ending in table["generic"]["endings"] and not region and primary in table["languages"]:
        return AssumedZone(table["languages"][primary], "language")
    return None


def is_zone(name: str) -> bool:
    """True for a name in the IANA time zone database."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of the database
        return False
    return True


def zones_of_country(host: str | None) -> list[str]:
    """The names of all zones of the country that the host's domain is of; empty for other domains."""
    table = _table()
    ending = (host or "").rpartition(".")[2].lower()
    return [table["domains"][ending]] if ending in table["domains"] else list(table["several"].get(ending, ()))


@cache
def _table() -> dict[str, dict[str, Any]]:
    text = files("coranto_extractor.language").joinpath("zones.toml").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = tomllib.loads(text)
    return found
