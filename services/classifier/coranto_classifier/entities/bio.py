"""BIO tags: the first token of an entity is tagged B-, the following ones I-, every other token O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import get_args

from coranto_classifier.entities.mention import EntityType

TokenSpan = tuple[int, int, EntityType]
"""First and last token of an entity, and its type."""

_TYPES = get_args(EntityType)


def entity_spans(tags: Sequence[str]) -> Iterator[TokenSpan]:
    """The entities in a sequence of tags. Types that the classifier does not report are left out."""
    start: int | None = None
    for index, tag in enumerate([*tags, "O"]):
        if start is not None and (tag == "O" or tag.startswith("B-") or tag[2:] != tags[start][2:]):
            kind = tags[start][2:]
            if kind in _TYPES:
                yield start, index - 1, kind  # type: ignore[misc]  # the membership test above narrows it, not for mypy
            start = None
        if start is None and tag != "O":
            start = index
