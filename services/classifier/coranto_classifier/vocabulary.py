"""IPTC Media Topics: codes, their place in the tree, and their names.

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
    """Every concept by its code, read once a process."""
    table = files("coranto_classifier").joinpath("data/mediatopics.tsv").read_text(encoding="utf-8")
    rows = csv.DictReader(table.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    topics = {
        row["code"]: MediaTopic(row["code"], row["top"], row["name_en"], row["name_ru"] or None, bool(row["retired"]))
        for row in rows
    }
    return MappingProxyType(topics)


def top_of(code: str) -> str:
    """The top-level code above this one. Raises KeyError for a code the vocabulary does not have."""
    return media_topics()[code].top


def name_of(code: str) -> str:
    """English name of the code."""
    return media_topics()[code].name


def russian_name_of(code: str) -> str | None:
    """Russian name of the code; for a narrower code, None."""
    return media_topics()[code].name_ru
