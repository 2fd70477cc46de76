"""One JSON Schema (draft 2020-12) per event type: the whole event, as another program writes or reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from coranto.records import Record
from coranto.topology import STREAMS

FOLDER = "schemas"


def render() -> dict[str, str]:
    """The schema of each event type, by its path."""
    return {
        path_of(kind): json.dumps(event_schema(kind), indent=2, ensure_ascii=False) + "\n" for kind in event_kinds()
    }


def event_kinds() -> Iterator[type[Record]]:
    """The record of each event type that travels, in the order of the pipeline."""
    return (stream.carries for stream in STREAMS)


def path_of(kind: type[Record]) -> str:
    """Path of the event type's schema below `docs/reference/`."""
    return f"{FOLDER}/{kind.event_type}.json"


def event_schema(kind: type[Record]) -> dict[str, Any]:
    """The schema of a CloudEvents 1.0 event in structured JSON that carries this record."""
    record = record_schema(kind)
    parts = record.pop("$defs", {})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": kind.event_type,
        "description": record["description"],
        "type": "object",
        "required": ["specversion", "id", "source", "type", "data"],
        "properties": {
            "specversion": {"const": "1.0", "description": "Version of CloudEvents."},
            "type": {"const": kind.event_type, "description": "What happened, and the version of its record."},
            "source": {
                "type": "string",
                "minLength": 1,
                "description": "Who wrote the event, such as coranto/extractor.",
            },
            "id": {
                "type": "string",
                "minLength": 1,
                "description": "Id of the event; the same work gives the same id.",
            },
            "subject": {"type": "string", "description": "Id of the article or submission the event is about."},
            "datacontenttype": {"type": "string", "description": "Media type of `data`: application/json."},
            "traceparent": {
                "type": ["string", "null"],
                "description": "W3C trace context; one that does not parse is ignored.",
            },
            "data": {"$ref": f"#/$defs/{kind.__name__}"},
        },
        "$defs": {kind.__name__: record, **parts},
    }


def record_schema(kind: type[Record]) -> dict[str, Any]:
    """The schema of the record alone, without what only pydantic's own readers want."""
    schema: dict[str, Any] = _plain(kind.model_json_schema(mode="validation"))
    return schema


def _plain(node: Any) -> Any:
    """Without generated titles and null defaults, and open to fields that a newer writer adds: so we read."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {}
    for key, value in node.items():
        if key in {"properties", "$defs"}:  # here the keys are names of fields and sections, and `title` is a field
            plain[key] = {name: _plain(inner) for name, inner in value.items()}
        elif not _is_noise(key, value):
            plain[key] = _plain(value)
    return plain


def _is_noise(key: str, value: Any) -> bool:
    return key == "title" or (key == "default" and value is None) or (key == "additionalProperties" and value is False)
