"""The wire format: CloudEvents 1.0 in structured JSON, one event in one field of a stream entry.

`encode` and `decode` are the only places that know it. A program that is not ours writes the same JSON with any
library or by hand; what it leaves out of the optional attributes is filled in, what is wrong is said.
Source: CloudEvents 1.0.2 and its JSON event format; trace context by W3C Trace Context, as the `traceparent` extension.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from coranto.records import v1
from coranto.records.articles import Record

FIELD = b"event"
"""Name of the stream entry's field that holds the event."""

RecordT = TypeVar("RecordT", bound=Record)

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class MalformedEventError(ValueError):
    """The bytes are no event of the expected type; the text says what was seen and what was expected."""


@dataclass(frozen=True, slots=True)
class Event(Generic[RecordT]):
    """A record with what the envelope says about it."""

    record: RecordT
    id: str
    source: str
    traceparent: str | None


class _Envelope(BaseModel, Generic[RecordT]):
    model_config = ConfigDict(frozen=True)

    specversion: Literal["1.0"]
    id: str = Field(min_length=1)
    source: str = Field(min_length=1)
    type: str
    traceparent: str | None = None
    data: RecordT


def encode(record: Record, *, source: str, traceparent: str | None = None) -> bytes:
    """The record as a CloudEvents JSON event. `source` names the writer, for example `coranto/extractor`."""
    trace = f',"traceparent":{_quoted(traceparent)}' if traceparent is not None else ""
    # Put together as text: the record is serialised once, by pydantic's compiled code, and the rest is a few short words.
    return (
        f'{{"specversion":"1.0","type":"{record.event_type}","source":{_quoted(source)},"id":{_quoted(record.message_id)},'
        f'"subject":{_quoted(record.subject)},"datacontenttype":"application/json"{trace},'
        f'"data":{record.model_dump_json(exclude_none=True)}}}'
    ).encode()


def _quoted(text: str) -> str:
    # Our own ids need no escaping; those of other programs may.
    return f'"{text}"' if text.isascii() and text.isalnum() else json.dumps(text)


def decode(raw: bytes, expected: type[RecordT]) -> Event[RecordT]:
    """The event in `raw`. Unknown fields are ignored: a newer writer adds optional ones without a new version.

    Raises MalformedEventError when it is not JSON, not CloudEvents 1.0, of another type, or its data do not validate.
    """
    try:
        envelope = _envelope_of(expected).model_validate_json(_present(raw, expected), extra="ignore")
    except ValidationError as error:
        raise MalformedEventError(_explain(error, raw, expected)) from error
    if envelope.type != expected.event_type:
        raise MalformedEventError(f"the event's type is {envelope.type!r:.100}, expected {expected.event_type!r}")
    trace = envelope.traceparent
    if trace is not None and not _TRACEPARENT.fullmatch(trace):
        trace = None  # W3C Trace Context 4.3: a header that does not parse is ignored, the request is not refused
    return Event(envelope.data, envelope.id, envelope.source, trace)


def _present(raw: bytes, expected: type[Record]) -> bytes:
    """The event in the present version, where it is one of version 1 that an upgrade has met in a stream."""
    name = expected.event_type.removesuffix(".v2")
    # Looked for before anything is parsed: of the present version, there is nothing more to do.
    if f'"{name}.v1"'.encode() not in raw:
        return raw
    event = peek(raw)
    if event.get("type") != f"{name}.v1" or not isinstance(event.get("data"), dict):
        return raw
    try:
        return json.dumps({**event, "type": expected.event_type, "data": v1.upgrade(event["data"])}).encode()
    except (KeyError, TypeError, AttributeError, ValueError):
        return raw


def new_traceparent() -> str:
    """A fresh W3C trace context, sampled."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def peek(raw: bytes) -> dict[str, Any]:
    """What can be read of an event without validating it: an empty dict when it is no JSON object. Never raises."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


@cache
def _envelope_of(expected: type[RecordT]) -> type[_Envelope[RecordT]]:
    return _Envelope[expected]  # type: ignore[valid-type]  # built once per record type, at run time


def _explain(error: ValidationError, raw: bytes, expected: type[Record]) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    # Names and types are the writer's, of any length; the text goes into logs and dead letters.
    where = ".".join(str(part) for part in first["loc"])[:200] or "the whole"
    seen_type = peek(raw).get("type")
    if seen_type is not None and seen_type != expected.event_type:
        return f"the event's type is {seen_type!r:.100}, expected {expected.event_type!r}"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"no valid {expected.event_type} event: {where}: {first['msg']}{more}; see docs/reference/records.md"
