"""What every name finder gives and what one has to offer: the interface for further languages.

A finder reads a text and answers with spans; a normal form belongs to each. Joining mentions into entities is the
business of `names`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

NameType = Literal["person", "organisation", "place"]


@dataclass(frozen=True, slots=True)
class Name:
    """One mention of a name: where it stands, what it is, and its normal form."""

    start: int
    end: int
    type: NameType
    text: str
    normal: str


class NameFinder(Protocol):
    """Finds the names of a text in one language."""

    version: str
    """Goes on the record, so that a reader knows which model spoke."""

    def find(self, text: str) -> list[Name]:
        """The names of the text in order, none overlapping another."""
        ...
