"""The flat prediction line that the corpora's scorer and other tools read, made from a content section or a refusal."""

from __future__ import annotations

from typing import Any

from coranto.records.sections import Content
from coranto_extractor.dates import as_written
from coranto_extractor.refusal import Refusal


def prediction(page_id: str, result: Content | Refusal) -> dict[str, Any]:
    """One line for the page with this id."""
    if isinstance(result, Refusal):
        return {
            "id": page_id,
            "title": None,
            "text": "",
            "authors": [],
            "published": None,
            "refused": result.reason,
            "evidence": result.evidence,
            "from": {},
        }
    persons = [person.name for person in result.authors]
    return {
        "id": page_id,
        "title": result.title,
        "text": result.text,
        "authors": [*persons, *result.agencies],
        "published": as_written(result.published) if result.published else None,
        "modified": as_written(result.modified) if result.modified else None,
        "language": result.declared_language,
        "section": result.section,
        "tags": list(result.tags),
        "image_credit": result.image.credit if result.image else None,
        "image_caption": result.image.caption if result.image else None,
        "publisher": result.publisher,
        "lead": result.lead,
        "canonical_url": result.canonical_url,
        "refused": None,
        "from": {name: origin.source for name, origin in result.origins.items()},
    }
