"""Names in the nominative that are known in the languages whose names are declined. The file is made by `make models`."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from coranto_classifier.entities.mention import EntityType
from coranto_classifier.entities.multilingual.forms import known_places


class BaseNames:
    """The names of one language, and given names of many."""

    def __init__(self, models: Path, language: str) -> None:
        with gzip.open(base_names_path(models), "rt", encoding="utf-8") as file:
            stored: dict[str, Any] = json.load(file)
        own = stored["languages"][language]
        self._given = frozenset(stored["given"])
        self._people = frozenset(own["people"])
        self._places = frozenset(own["places"]).union(
            stored["places"], (word for name in known_places(language) for word in name.split())
        )

    def has(self, word: str, kind: EntityType) -> bool:
        """Whether the word is a name or part of one, as this language writes it; an organisation may be called after a place."""
        return word in (self._people if kind == "person" else self._places)

    def has_given_name(self, word: str) -> bool:
        """Whether the word is a given name in any language."""
        return word in self._given


def base_names_path(models: Path) -> Path:
    """The file of the names in the models' directory."""
    return models / "base_names.json.gz"
