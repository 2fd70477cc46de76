"""The vocabulary of IPTC Media Topics: codes, their position in the tree, and their names.

Media Topics NewsCodes, (c) IPTC, CC BY 4.0, release 2025-10-09; the 17 Russian names are a translation of this project.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

SCHEME = "IPTC Media Topics"

TOP_CODES = tuple(f"{number:02d}000000" for number in range(1, 18))
"""The seventeen codes at the top of the tree, in order."""


@dataclass(frozen=True, slots=True)
class MediaTopic:
    """One concept of the vocabulary."""

    code: str
    top: str
    name: str
    name_ru: str | None
    is_retired: bool


@cache
def media_topics() -> MappingProxyType[str, MediaTopic]:
    """Every concept, by its code."""
    table = files("coranto_classifier").joinpath("data/mediatopics.tsv").read_text(encoding="utf-8")
    rows = csv.DictReader(table.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    topics = {
        row["code"]: MediaTopic(row["code"], row["top"], row["name_en"], row["name_ru"] or None, bool(row["retired"]))
        for row in rows
    }
    return MappingProxyType(topics)


@cache
def codes_of_names() -> MappingProxyType[str, str]:
    """Narrower codes by their English, German and Russian names in lower case. Names that two codes share are left out.

    The German names are IPTC's of 2017, the Russian ones a translation of this project.
    """
    folder = files("coranto_classifier").joinpath("data")
    found: dict[str, set[str]] = {}
    for file, columns in (("mediatopics.tsv", ("name_en", "name_de")), ("topic_names_ru.tsv", ("name_ru",))):
        table = folder.joinpath(file).read_text(encoding="utf-8")
        for row in csv.DictReader(table.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE):
            topic = media_topics()[row["code"]]
            if topic.code != topic.top and not topic.is_retired:
                for name in (row[column] for column in columns):
                    found.setdefault(name.lower(), set()).add(topic.code)
    return MappingProxyType({name: min(codes) for name, codes in found.items() if name and len(codes) == 1})


def top_of(code: str) -> str:
    """The top-level code above this one. Raises KeyError for a code that is not in the vocabulary."""
    return media_topics()[code].top


def name_of(code: str) -> str:
    """English name of the code."""
    return media_topics()[code].name


def russian_name_of(code: str) -> str | None:
    """Russian name of a top-level code; None for a narrower one."""
    return media_topics()[code].name_ru
