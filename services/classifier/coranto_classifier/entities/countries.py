"""Countries by any of their names: Киргизия and Кыргызстан are the same place, with the code KG.

Some names are those of another place that is in the news as often, such as the American state of Georgia.
"""

from __future__ import annotations

import csv
import re
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


@cache
def _words_of_shared_names() -> dict[str, re.Pattern[str]]:
    """For each name that a country shares with another place, the words that tell that the country is meant."""
    table = files("coranto_classifier").joinpath("data/shared_country_names.tsv").read_text(encoding="utf-8")
    return {
        _key(row["name"]): re.compile(rf"\b(?:{'|'.join(map(re.escape, row['words'].split('|')))})\b")
        for row in csv.DictReader(table.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    }


def may_be_elsewhere(name: str, text: str) -> bool:
    """Whether the name is that of another place as well, and nothing in the text tells that the country is meant."""
    words = _words_of_shared_names().get(_key(name))
    return words is not None and words.search(text) is None
