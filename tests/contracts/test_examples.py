"""The example events: valid by the committed schema, readable, and complete enough to learn from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from pydantic import BaseModel, ValidationError

from coranto.records import Record, article_id
from coranto.records.articles import DiscoveredArticle
from coranto.records.envelope import decode, encode
from coranto.topology import STREAMS

EXAMPLES = Path(__file__).parent / "examples"
SCHEMAS = Path(__file__).parent.parent.parent / "docs" / "reference" / "schemas"
KINDS = {stream.carries.event_type: stream.carries for stream in STREAMS}
PATHS = sorted(EXAMPLES.glob("*/*.json"))

formats = FormatChecker(formats=())


@formats.checks("date-time", raises=ValueError)
def is_a_time_with_a_zone(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@cache
def schema_of(event_type: str) -> Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{event_type}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=formats)


@pytest.fixture(params=PATHS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def example(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture(params=KINDS.values(), ids=lambda kind: kind.event_type)
def kind(request: pytest.FixtureRequest) -> type[Record]:
    kind: type[Record] = request.param
    return kind


def test_every_event_type_has_a_minimal_and_a_full_example(kind: type[Record]) -> None:
    names = {path.stem for path in PATHS if path.parent.name == kind.event_type}
    assert {"minimal", "full"} <= names


def test_no_example_is_of_a_type_that_does_not_travel() -> None:
    assert {path.parent.name for path in PATHS} == set(KINDS)


def test_an_example_is_valid_by_the_schema_of_its_type(example: Path) -> None:
    schema_of(example.parent.name).validate(json.loads(example.read_text(encoding="utf-8")))


def test_an_example_is_read_and_written_back_without_loss(example: Path) -> None:
    kind = KINDS[example.parent.name]
    event = decode(example.read_bytes(), kind)
    again = encode(event.record, source=event.source, traceparent=event.traceparent)
    assert decode(again, kind).record == event.record
    schema_of(kind.event_type).validate(json.loads(again))


def test_a_full_example_is_what_we_would_write(kind: type[Record]) -> None:
    raw = (EXAMPLES / kind.event_type / "full.json").read_bytes()
    event = decode(raw, kind)
    written = json.loads(encode(event.record, source=event.source, traceparent=event.traceparent))
    shown = json.loads(raw)
    assert written.keys() == shown.keys()
    assert {name: written[name] for name in written if name != "data"} == {
        name: shown[name] for name in shown if name != "data"
    }
    if isinstance(event.record, DiscoveredArticle):
        assert event.record.id == article_id(event.record.key)


def test_a_full_example_shows_every_field_of_every_section(kind: type[Record]) -> None:
    record = decode((EXAMPLES / kind.event_type / "full.json").read_bytes(), kind).record
    shown: dict[type[BaseModel], set[str]] = {}
    for part in parts_of(record):
        shown.setdefault(type(part), set()).update(part.model_fields_set)
    missing = {part.__name__: set(part.model_fields) - fields for part, fields in shown.items()}
    assert {name: fields for name, fields in missing.items() if fields} == {}
    assert {part.__name__ for part in shown} == {kind.__name__, *kind.model_json_schema().get("$defs", {})}


def test_a_minimal_example_has_only_what_must_be_there(kind: type[Record]) -> None:
    event = json.loads((EXAMPLES / kind.event_type / "minimal.json").read_text(encoding="utf-8"))
    assert set(event) == {"specversion", "type", "source", "id", "data"}
    for place in places_in(event):
        smaller = json.loads(json.dumps(event))
        holder = smaller
        for step in place[:-1]:
            holder = holder[step]
        del holder[place[-1]]
        assert not schema_of(kind.event_type).is_valid(smaller), f"{place} could be left out"
        with pytest.raises(ValueError, match=r"Field required|type is None"):
            decode(json.dumps(smaller).encode(), kind)


def test_a_field_that_a_newer_writer_adds_is_ignored_by_the_reader(example: Path) -> None:
    event = json.loads(example.read_text(encoding="utf-8"))
    newer = {**event, "extension": "x", "data": {**event["data"], "mood": "calm"}}
    for name, value in newer["data"].items():
        if isinstance(value, dict) and name != "stage_times":  # which is a map by stages, not a section
            value["mood"] = "calm"
    kind = KINDS[example.parent.name]
    schema_of(kind.event_type).validate(newer)
    assert decode(json.dumps(newer).encode(), kind).record == decode(example.read_bytes(), kind).record


def test_a_field_that_does_not_exist_is_refused_where_we_write(example: Path) -> None:
    kind = KINDS[example.parent.name]
    fields = decode(example.read_bytes(), kind).record.model_dump()
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        kind(**{**fields, "mood": "calm"})


def test_a_time_without_zone_is_refused_by_schema_and_reader(example: Path) -> None:
    kind = KINDS[example.parent.name]
    naive = example.read_text(encoding="utf-8").replace("+03:00", "").replace('Z"', '"')
    assert not schema_of(kind.event_type).is_valid(json.loads(naive))
    with pytest.raises(ValueError, match="must carry a time zone"):
        decode(naive.encode(), kind)


def parts_of(value: Any) -> Iterator[BaseModel]:
    """The record's sections and all their parts."""
    if isinstance(value, BaseModel):
        yield value
        for name in type(value).model_fields:
            yield from parts_of(getattr(value, name))
    elif isinstance(value, tuple):
        for item in value:
            yield from parts_of(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from parts_of(item)


def places_in(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where each field of the event is. An item of a list is no field, but what is in it is."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*above, name)
            yield from places_in(inner, (*above, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places_in(inner, (*above, number))
