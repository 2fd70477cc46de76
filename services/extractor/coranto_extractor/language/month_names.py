"""Names of months, and the order of day, month and year, in the languages of the Unicode CLDR.

`make reference` makes the file. The words in `lists/` come before these: they hold what pages write beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import TypedDict

# Shorter ones are words of other languages too.
_MIN_SHARED_CHARS = 3


class _Dates(TypedDict):
    months: list[list[str]]
    orders: list[str]


def months_in(tag: str) -> Mapping[str, int]:
    """The names of months in the language of a tag such as `de-AT`, and their numbers; empty for an unknown one."""
    dates = _dates(tag)
    return {name: number for number, names in enumerate(dates["months"], 1) for name in names} if dates else {}


def orders_in(tag: str) -> tuple[str, ...]:
    """How the language puts a date together, such as “{year}. gada {day}. {month}”."""
    dates = _dates(tag)
    return tuple(dates["orders"]) if dates else ()


@cache
def shared_months() -> Mapping[str, int]:
    """The names that mean the same month in all languages that have them."""
    numbers: dict[str, set[int]] = {}
    for tag in _table():
        for name, number in months_in(tag).items():
            numbers.setdefault(name, set()).add(number)
    return {name: min(found) for name, found in numbers.items() if len(found) == 1 and len(name) >= _MIN_SHARED_CHARS}


def _dates(tag: str) -> _Dates | None:
    return _table().get(re.split(r"[-_]", tag.lower(), maxsplit=1)[0])


@cache
def _table() -> dict[str, _Dates]:
    text = files("coranto_extractor.language").joinpath("month_names.json").read_text("utf-8")
    table: dict[str, _Dates] = json.loads(text)
    return table
