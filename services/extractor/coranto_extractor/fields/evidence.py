"""What a finder returns: a value with its source and confidence, and a log of what was seen but not accepted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from coranto.records.sections import Note, Provenance

Value = TypeVar("Value")

_MAX_SEEN_CHARS = 200
_MAX_NOTES = 50


@dataclass(frozen=True)
class Extracted(Generic[Value]):
    """A value, where it comes from, and how sure it is, 0 to 1."""

    value: Value
    source: str
    confidence: float

    @property
    def origin(self) -> Provenance:
        """The source and confidence as the record holds them."""
        return Provenance(source=self.source, confidence=round(self.confidence, 2))


@dataclass
class RejectionLog:
    """What was seen on one page and not accepted as the value of a field."""

    notes: list[Note] = field(default_factory=list)

    def reject(self, field_name: str, seen: str, why: str) -> None:
        """Note that the page gave `seen`, and why it was not accepted. Repeated notes and those beyond the 50th are dropped."""
        note = Note(field=field_name, seen=seen[:_MAX_SEEN_CHARS], why=why)
        if len(self.notes) < _MAX_NOTES and note not in self.notes:
            self.notes.append(note)
