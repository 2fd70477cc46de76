"""Finding an article in a running pipeline: the stage where it waits, is in flight, is delayed, or lies as a dead letter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from redis.exceptions import ResponseError

from coranto.admin import dead_letters
from coranto.admin.dead_letters import Reference
from coranto.admin.pipeline import RunningSystem
from coranto.records import article_id
from coranto.records.envelope import FIELD, peek
from coranto.topology import STAGES, StageSpec
from coranto.urls import UnsupportedUrlError, canonicalize, fold_variants

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Location:
    """One stage where the article is, and how."""

    stage: str
    state: Literal["waiting", "in_flight", "delayed", "dead"]
    worker: str | None = None
    """In flight: the worker that has it."""
    seconds: float | None = None
    """In flight: seconds since it was delivered; delayed: seconds until it is due."""
    attempts: int | None = None
    """Delayed: attempts so far."""
    reason: str | None = None
    """Delayed or dead: why."""
    error: str | None = None
    """Dead: what was seen."""
    letter: str | None = None
    """Dead: the reference that `coranto dead show` takes."""


@dataclass(frozen=True, slots=True)
class ArticleRef:
    """An article as the user names it."""

    text: str
    ids: frozenset[str]
    """The id it was named by, or those that its address may have led to."""

    @classmethod
    def of(cls, text: str) -> ArticleRef:
        """From an id, an address, or the path of a saved page. Raises UnsupportedUrlError when it is none of them."""
        if len(text) == 32 and all(character in "0123456789abcdef" for character in text):
            return cls(text, frozenset({text}))
        path = Path(text)
        url = canonicalize(path.resolve().as_uri() if "://" not in text and path.is_file() else text)
        return cls(url, frozenset({article_id(url), article_id(fold_variants(url))}))

    def is_about(self, event: bytes) -> bool:
        """Whether the event is about this article."""
        fields = peek(event).get("data")
        if not isinstance(fields, dict):
            return False
        if fields.get("id") in self.ids:
            return True
        # A submission's id is its own; only its address tells.
        url = fields.get("url")
        if not isinstance(url, str):
            return False
        try:
            return bool(self.ids & {article_id(canonicalize(url)), article_id(fold_variants(canonicalize(url)))})
        except UnsupportedUrlError:
            return False


async def find_locations(system: RunningSystem, ref: ArticleRef) -> list[Location]:
    """Every stage where the article is, in the order of the pipeline."""
    found: list[Location] = []
    for spec in STAGES:
        found += [location async for location in _in_streams(system, spec, ref)]
        async for delayed in system.delayed(spec):
            if ref.is_about(delayed.event):
                found.append(
                    Location(
                        spec.name,
                        "delayed",
                        seconds=delayed.seconds_to_go,
                        attempts=delayed.attempts,
                        reason=delayed.reason,
                    )
                )
    async for letter in dead_letters.find_letters(system.streams):
        if ref.is_about(letter.event):
            reference = str(Reference.of(letter))
            found.append(Location(letter.stage, "dead", reason=letter.reason, error=letter.error, letter=reference))
    return found


async def _in_streams(system: RunningSystem, spec: StageSpec, ref: ArticleRef) -> AsyncIterator[Location]:
    for keys in system.pipeline.all_keys():
        for stream in (keys.stream(spec.reads), keys.retry(spec)):
            last = await _last_delivered(system, stream, spec.name)
            async for entry_id, event in _entries(system, stream):
                if ref.is_about(event):
                    location = await _locate(system, spec, stream, entry_id, last)
                    if location is not None:
                        yield location


async def _entries(system: RunningSystem, stream: str) -> AsyncIterator[tuple[str, bytes]]:
    start = "-"
    while True:
        rows: Any = await system.redis.xrange(stream, start, "+", count=_PAGE)
        for entry_id, fields in rows:
            yield entry_id.decode(), fields.get(FIELD, b"")
        if len(rows) < _PAGE:
            return
        start = f"({rows[-1][0].decode()}"


async def _locate(
    system: RunningSystem, spec: StageSpec, stream: str, entry_id: str, last: tuple[int, int]
) -> Location | None:
    """What the entry's group knows of it; None when it is settled and only not trimmed yet."""
    try:
        pending: Any = await system.redis.xpending_range(stream, spec.name, entry_id, entry_id, 1)
    except ResponseError:
        pending = []  # no such group yet: nothing has been taken
    if pending:
        held = pending[0]
        seconds = int(held["time_since_delivered"]) / 1000
        worker = held["consumer"].decode()
        return Location(spec.name, "in_flight", worker=worker, seconds=seconds)
    if _order(entry_id) > last:
        return Location(spec.name, "waiting")
    return None


async def _last_delivered(system: RunningSystem, stream: str, group: str) -> tuple[int, int]:
    try:
        rows: Any = await system.redis.xinfo_groups(stream)
    except ResponseError:
        return (0, 0)
    for row in rows:
        if row["name"] == group.encode():
            return _order(row["last-delivered-id"].decode())
    return (0, 0)


def _order(entry_id: str) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number or 0)
