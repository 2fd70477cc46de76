"""What a field's reader hands back: the value, where it came from, how sure that is, and what was turned down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from coranto.records.sections import Note, Origin

Value = TypeVar("Value")

_NOTE_CHARS = 200
_MAX_NOTES = 50


@dataclass(frozen=True)
class Extracted(Generic[Value]):
    """A value with its origin."""

    value: Value
    source: str
    confidence: float

    @property
    def origin(self) -> Origin:
        """The origin as the record holds it."""
        return Origin(source=self.source, confidence=round(self.confidence, 2))


@dataclass
class RejectionLog:
    """Collects what was seen and turned down while one page is read."""

    notes: list[Note] = field(default_factory=list)

    def reject(self, field_name: str, seen: str, why: str) -> None:
        """Note that the page gave `seen` and that it was not taken. Notes beyond the fiftieth are left out."""
        note = Note(field=field_name, seen=seen[:_NOTE_CHARS], why=why)
        if len(self.notes) < _MAX_NOTES and note not in self.notes:
            self.notes.append(note)
