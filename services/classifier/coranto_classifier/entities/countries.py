"""Countries by any of their names: Киргизия and Кыргызстан are the same place, with the code KG."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files


def _key(name: str) -> str:
    return " ".join(name.lower().replace("ё", "е").replace("-", " ").replace("’", "'").split()).removeprefix("the ")


@cache
def _codes_by_name() -> dict[str, str]:
    """ISO code of every name in the gazetteer."""
    table = files("coranto_classifier").joinpath("data/countries.tsv").read_text(encoding="utf-8")
    codes: dict[str, str] = {}
    for row in csv.DictReader(table.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE):
        for name in (row["name"], row["name_ru"], *row["names"].split("|")):
            if name:
                codes.setdefault(_key(name), row["code"])
    return codes


def find_country(name: str) -> str | None:
    """ISO 3166-1 alpha-2 code of the country with this name; None for any other name."""
    return _codes_by_name().get(_key(name))
