"""Identifiers of places that are the same in all languages: Киргизия and Kirgisistan are `iso3166:KG`, Kiew is `geonames:703448`.

Countries have their ISO 3166-1 code. Cities of 100,000 inhabitants and more have the number of GeoNames, by any of their
names that means no other town nearly as large. Other places, people and organisations have none.
"""

from __future__ import annotations

import gzip
from functools import cache
from importlib.resources import files

from coranto_classifier.entities.countries import find_country


def city_key(name: str) -> str:
    """The name in the form that the table of cities has it in."""
    return " ".join(name.lower().replace("ё", "е").replace("-", " ").replace("’", "'").split())


@cache
def _cities() -> dict[str, str]:
    """GeoNames' number of the city of each name."""
    table = files("coranto_classifier").joinpath("data/city_ids.tsv.gz").read_bytes()
    lines = (line.split("\t") for line in gzip.decompress(table).decode().splitlines())
    return {name: number for number, names in lines for name in names.split("|")}


def find_place_id(name: str) -> str | None:
    """The identifier of the country or city with this name; None for any other name."""
    country = find_country(name)
    if country is not None:
        return f"iso3166:{country}"
    city = _cities().get(city_key(name))
    return None if city is None else f"geonames:{city}"
