"""Entries as Redis holds them: their fields, read into our form and written from it.

Anybody may write an entry, so whatever its fields hold is read; what makes no sense counts as absent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from coranto.records.envelope import FIELD
from coranto.streams.interface import Accept, Dead, DeadLetter, Drop, Entry, Line, Outcome, Publish, Retry
from coranto.streams.packing import pack, unpack

_LONGEST_NUMBER = 15  # digits


def commit_arguments(
    entry: Entry, outcome: Outcome, *, forgets: str, has_queues: bool
) -> tuple[str | bytes | int, ...]:
    """What `commit.lua` is told of an outcome; `forgets` is the key of a page's validators that go with it."""
    match outcome:
        case Publish(event_id, event):
            return "P", event_id or "", event or b""
        case Accept(reason, notice):
            return "A", reason, notice or b""
        case Drop(reason, notice):
            return "D", reason, notice or b"", forgets
        case Retry(reason, delay_ms, attempts, lost, failing_since_ms, queue):
            event = entry.event if entry.event is not None else entry.raw
            state = reason, delay_ms, attempts, entry.since_ms, lost, failing_since_ms
            if queue is None or not has_queues:
                return "R", *state, event
            kind = "backlog" if queue.is_backlog else "live"
            return "Q", *state, pack(event), queue.host, kind, str(int(queue.is_front))
        case Dead(reason, error, traceback, attempts, notice):
            return (
                "X",
                reason,
                error,
                traceback,
                attempts,
                entry.event if entry.event is not None else entry.raw,
                notice or b"",
                forgets,
            )


def to_entry(line: Line, entry_id: bytes | str, fields: Mapping[bytes, bytes], deliveries: int) -> Entry:
    """An entry of a line; counts of attempts and losses come only from lines that nobody else writes to."""
    name = as_text(entry_id)
    event = event_of(fields)
    since = fields.get(b"since")
    is_own = line != "main"
    return Entry(
        line=line,
        id=name,
        event=event,
        attempts=as_number(fields.get(b"attempts")) if is_own else 0,
        since_ms=as_number(since) if is_own and since else int(name.split("-")[0]),
        deliveries=deliveries + as_number(fields.get(b"lost")),
        raw=b"" if event is not None else _as_json(fields),
        failing_since_ms=as_number(fields.get(b"failing")) if is_own else 0,
        host=fields.get(b"host", b"").decode("utf-8", "replace") if line == "host" else "",
        is_slow=line == "host" and fields.get(b"slow") == b"1",
    )


def event_of(fields: Mapping[bytes, bytes]) -> bytes | None:
    """The event that an entry holds, packed or not; None where it holds none."""
    packed = fields.get(b"packed")
    return fields.get(FIELD) if packed is None else unpacked(packed)


def unpacked(packed: bytes) -> bytes:
    """The event that waited packed."""
    try:
        return unpack(packed)
    except ValueError:
        return packed  # changed by hand: it is malformed, and ends as a dead letter


def to_dead_letter(entry_id: str, fields: Mapping[bytes, bytes], partition: int) -> DeadLetter:
    """A dead letter as people are shown it."""

    def text(name: bytes) -> str:
        return fields.get(name, b"").decode("utf-8", "replace")

    return DeadLetter(
        id=entry_id,
        stage=text(b"stage"),
        partition=partition,
        reason=text(b"reason"),
        error=text(b"error"),
        traceback=text(b"traceback"),
        attempts=as_number(fields.get(b"attempts")),
        died_at_ms=int(entry_id.split("-", maxsplit=1)[0]),
        event=fields.get(b"event", b""),
    )


def _as_json(fields: Mapping[bytes, bytes]) -> bytes:
    """The fields of an entry that is none of ours, readable and complete; bytes that are no UTF-8 are escaped."""
    readable = {
        name.decode("utf-8", "backslashreplace"): value.decode("utf-8", "backslashreplace")
        for name, value in fields.items()
    }
    return json.dumps(readable, ensure_ascii=False).encode()


def id_order(entry_id: str) -> tuple[int, int]:
    """By what entries' ids are ordered: as texts they are not."""
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number or 0)


def as_number(value: bytes | None) -> int:
    """The count that a field holds, 0 where it holds none."""
    # Anybody may write an entry: Python refuses to read thousands of digits, and no count of ours has more than these.
    return int(value) if value is not None and value.isdigit() and len(value) <= _LONGEST_NUMBER else 0


def age_seconds(milliseconds: bytes) -> float | None:
    """An age that a script gave; None where there is nothing to have one."""
    return max(0.0, int(milliseconds) / 1000) if milliseconds else None


def as_text(value: bytes | str) -> str:
    """A name or an id, however the server's answer came."""
    return value.decode() if isinstance(value, bytes) else value
