"""A version of a record keeps its promise: nothing is taken away, and nothing becomes required, without a new version.

`pinned.json` holds, for each event type, the fields of every part that must be there and those that may be. To add an optional
field, add it there too. Anything else is a `v2` beside the `v1`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from generate.schemas import event_kinds, record_schema

PINNED: dict[str, dict[str, dict[str, list[str]]]] = json.loads(
    (Path(__file__).parent / "pinned.json").read_text(encoding="utf-8")
)


def parts_now() -> dict[str, dict[str, dict[str, list[str]]]]:
    """The fields of every part of every event type, in the form of `pinned.json`."""
    now = {}
    for kind in event_kinds():
        schema = record_schema(kind)
        parts: dict[str, Any] = {kind.__name__: schema, **schema.get("$defs", {})}
        now[kind.event_type] = {
            name: {
                "required": sorted(part.get("required", [])),
                "optional": sorted(part["properties"].keys() - set(part.get("required", []))),
            }
            for name, part in sorted(parts.items())
        }
    return now


def test_event_types_are_the_pinned_ones() -> None:
    assert set(parts_now()) == set(PINNED)


@pytest.mark.parametrize("event_type", PINNED)
def test_required_fields_of_a_version_stay_as_they_are(event_type: str) -> None:
    required = {name: part["required"] for name, part in PINNED[event_type].items()}
    now = parts_now()[event_type]
    assert {name: now[name]["required"] if name in now else None for name in required} == required


@pytest.mark.parametrize("event_type", PINNED)
def test_optional_fields_of_a_version_are_never_taken_away_and_new_ones_are_pinned(event_type: str) -> None:
    optional = {name: part["optional"] for name, part in PINNED[event_type].items()}
    assert {name: part["optional"] for name, part in parts_now()[event_type].items()} == optional
