"""Which story an article belongs to, and what it is there: original, copy, excerpt or update. Nothing is dropped.

All classifier replicas share one index (`story_indexes`). Copies that arrive at once end in one story, and the same record
twice gives the same answer. An index that came back empty is filled again from the store (`recall`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from coranto_classifier.duplicates.fingerprint import Fingerprint

Role = Literal["original", "copy", "excerpt", "update"]

_NEW_TEXT = 0.15  # share of an article's runs the other has not, above which it is more than a copy
_EXCERPT = 0.6  # of the other's length, below which a contained text is an excerpt


@dataclass(frozen=True, slots=True)
class StoryLimits:
    """How alike texts of one story are, and how much of them is kept how long."""

    window: timedelta = timedelta(days=7)
    threshold: float = 0.65
    indexed_runs: int = 32
    longest_posting: int = 50
    compared: int = 20


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the index says of an article: its story, and how it compares with the one it is most like."""

    cluster: str
    of: str | None
    similarity: float
    new_share: float
    new_numbers: int
    runs: int
    runs_there: int
    is_source: bool = False
    """True when a text of the story names this one's publisher as its source."""


@dataclass(frozen=True, slots=True)
class StoryPlace:
    """An article's place in its story."""

    cluster: str
    role: Role
    of: str | None = None
    similarity: float | None = None
    agency: str | None = None


class StoryUnavailableError(Exception):
    """The index could not be asked."""


class StoryIndex(Protocol):
    """Where stories are kept."""

    async def place(self, record: str, mark: Fingerprint) -> Comparison:
        """The record's story; the record is in the index afterwards."""
        ...

    async def enter(self, record: str, mark: Fingerprint, *, cluster: str, at: datetime) -> None:
        """Enter a record that was announced before, in this story and stored at this time. Raises StoryUnavailableError."""
        ...

    async def cluster_of(self, cluster: str) -> str:
        """The name a story goes by now: two stories may have turned out to be one."""
        ...


async def find_story(record: str, mark: Fingerprint, index: StoryIndex) -> StoryPlace | None:
    """The record's place in its story; None for a text too short to compare."""
    if not mark.can_be_compared:
        return None
    comparison = await index.place(record, mark)
    role = role_of(comparison)
    if role == "original":
        return StoryPlace(comparison.cluster, role)
    agency = mark.agency if role in ("copy", "excerpt") else None
    return StoryPlace(comparison.cluster, role, comparison.of, round(comparison.similarity, 4), agency)


def role_of(comparison: Comparison) -> Role:
    """What an article is beside the one it is most like: the earliest is the original, or the one others name as source."""
    if comparison.of is None or comparison.is_source:
        return "original"
    if comparison.runs < _EXCERPT * comparison.runs_there and comparison.new_share <= 1 - _EXCERPT:
        return "excerpt"
    if (comparison.new_numbers > 0 and comparison.new_share > 0.02) or comparison.new_share > _NEW_TEXT:
        return "update"
    return "copy"
