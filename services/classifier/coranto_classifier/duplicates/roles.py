"""What an article is in its story: original, copy, excerpt or update. Nothing is ever dropped for being a copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from coranto_classifier.duplicates.fingerprint import Fingerprint
from coranto_classifier.duplicates.index import Comparison, DuplicateIndex

Role = Literal["original", "copy", "excerpt", "update"]

_NEW_TEXT = 0.15  # share of an article's shingles the other lacks; above it, the article is more than a copy
_NEW_TEXT_WITH_NUMBERS = 0.02  # the same where it also has numbers the other lacks
_EXCERPT = 0.6  # of the other's length; a contained text that is shorter is an excerpt


@dataclass(frozen=True, slots=True)
class StoryAssignment:
    """The story an article belongs to, and its role there."""

    cluster: str
    role: Role
    of: str | None = None
    similarity: float | None = None
    agency: str | None = None


async def assign_story(record: str, fingerprint: Fingerprint, index: DuplicateIndex) -> StoryAssignment | None:
    """The record's story and role; None for a text too short to compare. Raises IndexUnavailableError."""
    if not fingerprint.can_be_compared:
        return None
    comparison = await index.assign(record, fingerprint)
    role = role_of(comparison)
    if role == "original":
        return StoryAssignment(comparison.cluster, role)
    agency = fingerprint.agency if role in ("copy", "excerpt") else None
    return StoryAssignment(comparison.cluster, role, comparison.of, round(comparison.similarity, 4), agency)


def role_of(comparison: Comparison) -> Role:
    """The article's role: the earliest of a story is the original, and so is the one that others name as their source."""
    if comparison.of is None or comparison.is_source:
        return "original"
    is_contained = comparison.new_share <= 1 - _EXCERPT
    if comparison.shingles < _EXCERPT * comparison.shingles_of_other and is_contained:
        return "excerpt"
    has_new_numbers = comparison.new_numbers > 0 and comparison.new_share > _NEW_TEXT_WITH_NUMBERS
    return "update" if has_new_numbers or comparison.new_share > _NEW_TEXT else "copy"
