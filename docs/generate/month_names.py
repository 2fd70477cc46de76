"""Makes `month_names.json` of the extractor from the Unicode CLDR: names of months, and how a date is put together.

    PYTHONPATH=docs python -m generate.month_names

It holds every language that some country or region uses officially. Babel, which brings the CLDR, is needed here only.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel import Locale, localedata
from babel.core import get_global

FILE = Path("services/extractor/coranto_extractor/language/month_names.json")

_ORDER_FORMATS = ("full", "long", "medium")
_ORDER_SKELETONS = ("yMMMd", "yMMMMd")
# A weekday with the marks beside it, and eras; a page may leave both out.
_WEEKDAY_OR_ERA = re.compile(r"[\s,،、.]*(?:[Ec]+|G+)[\s,،፣፥፡]*")
_FIELD = re.compile(r"'((?:[^']|'')*)'|(d+|[ML]{3,}|y+)|([A-Za-z]+)|([^A-Za-z']+)")
_NAMES = {"d": "{day}", "M": "{month}", "L": "{month}", "y": "{year}"}
# Where the CLDR has no name it repeats a number: “M01”, “1”, “1月”. Mongolian really has numbers: “1-р сар”.
_NO_NAME = re.compile(r"M?\d+\w?$")


def render() -> str:
    """The file's text."""
    every = ((language, read_language(language)) for language in _official_languages())
    table = {language: read for language, read in every if all(read["months"])}
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in table.items())
    return f"{{\n{lines}\n}}\n"


def read_language(language: str) -> dict[str, list[Any]]:
    """What the CLDR says of one language: twelve lists of names, and its orders of day, month and year."""
    # Loading a language writes some of its names into the cached locale that all others begin with.
    localedata._cache.clear()
    return {"months": _month_names(language), "orders": _orders(language)}


def _official_languages() -> list[str]:
    spoken = (languages.items() for languages in get_global("territory_languages").values())
    official = {tag.split("_")[0] for pairs in spoken for tag, about in pairs if about["official_status"]}
    return sorted(official & {tag.split("_")[0] for tag in localedata.locale_identifiers()})


def _locales(language: str) -> Iterator[Locale]:
    """The language itself, and its forms in other scripts and countries: Austria says “Jänner”, Lebanon “كانون الثاني”."""
    for tag in sorted(localedata.locale_identifiers()):
        if tag.split("_")[0] == language:
            # Loading a locale writes some of its names into the cached one that all others begin with.
            localedata._cache.clear()
            yield Locale.parse(tag)


def _month_names(language: str) -> list[list[str]]:
    found: list[dict[str, None]] = [{} for _ in range(12)]
    for locale in _locales(language):
        for context in locale.months.values():
            for width in ("wide", "abbreviated"):
                for number, name in context.get(width, {}).items():
                    bare = name.strip(" .").lower()
                    if len(bare) > 1 and not _NO_NAME.match(name):
                        found[number - 1][bare] = None
    return [sorted(names) for names in found]


def _orders(language: str) -> list[str]:
    locale = Locale.parse(language)
    patterns = [str(locale.date_formats[name].pattern) for name in _ORDER_FORMATS]
    patterns += [str(locale.datetime_skeletons[name]) for name in _ORDER_SKELETONS if name in locale.datetime_skeletons]
    return sorted({order for pattern in patterns if (order := _order(pattern))})


def _order(pattern: str) -> str | None:
    """A pattern of the CLDR such as “EEEE, y. 'gada' d. MMMM” as “{year}. gada {day}. {month}”; None without a month's name."""
    parts = []
    for quoted, field, other, mark in _FIELD.findall(_WEEKDAY_OR_ERA.sub(" ", pattern)):
        if other:
            return None
        parts.append(_NAMES[field[0]] if field else quoted or mark)
    order = " ".join("".join(parts).split())
    # What stands before and behind the date is no part of it: “{day} {month} {year} г.”
    order = order[order.find("{") : order.rfind("}") + 1]
    return order if all(order.count(name) == 1 for name in ("{day}", "{month}", "{year}")) else None


if __name__ == "__main__":
    FILE.write_text(render(), "utf-8")
    sys.stdout.write(f"{FILE}\n")
