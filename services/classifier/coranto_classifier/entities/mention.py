"""Mentions of entities, and what a recognizer of a further language has to offer.

A recognizer reads a text and returns mentions with their normal forms. Merging mentions into entities is the same for
all languages and is left to `linking`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

EntityType = Literal["person", "organisation", "place"]


@dataclass(frozen=True, slots=True)
class Mention:
    """One mention of an entity: its position in the text, its type, the text as written, and the normal form."""

    start: int
    end: int
    type: EntityType
    text: str
    normal: str


class EntityRecognizer(Protocol):
    """Finds the entities of a text in one language."""

    version: str
    """Written to the record, so that a reader knows which model was used."""

    def find(self, text: str) -> list[Mention]:
        """The mentions in the order of the text; no two of them overlap."""
        ...
