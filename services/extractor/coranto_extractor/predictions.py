"""The flat prediction line that the corpora's scorer and other tools read, made from a content section or a refusal."""

from __future__ import annotations

from typing import Any

from coranto.records.sections import Content
from coranto_extractor.language.moments import as_written
from coranto_extractor.refusal import Refusal


def prediction(page_id: str, result: Content | Refusal) -> dict[str, Any]:
    """One line for the page with this id. That of a refused page has no text, but what else was read."""
    if not isinstance(result, Refusal):
        return {"id": page_id, **_fields(result), "refused": None, "from": _origins(result)}
    read = result.read
    fields = _fields(read) if read else {"title": None, "text": "", "authors": [], "published": None}
    origins = _origins(read) if read else {}
    return {"id": page_id, **fields, "refused": result.reason, "evidence": result.evidence, "from": origins}


def _origins(content: Content) -> dict[str, str]:
    return {name: origin.source for name, origin in content.origins.items()}


def _fields(content: Content) -> dict[str, Any]:
    persons = [person.name for person in content.authors]
    return {
        "title": content.title,
        "text": content.text,
        "authors": [*persons, *content.agencies],
        "agencies": list(content.agencies),
        "published": as_written(content.published) if content.published else None,
        "modified": as_written(content.modified) if content.modified else None,
        "language": content.declared_language,
        "section": content.section,
        "tags": list(content.tags),
        "image_credit": content.image.credit if content.image else None,
        "image_caption": content.image.caption if content.image else None,
        "publisher": content.publisher,
        "lead": content.lead,
        "canonical_url": content.canonical_url,
    }
