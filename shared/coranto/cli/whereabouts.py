"""Where an article is at this moment: in which stage it waits, is in hand, is delayed, or lies as a dead letter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.exceptions import ResponseError

from coranto.cli.running import RunningSystem
from coranto.cli.watching import span
from coranto.records import article_id
from coranto.records.envelope import FIELD, peek
from coranto.topology import STAGES, StageSpec
from coranto.urls import UnsupportedUrlError, canonicalize, fold_variants
from coranto.worker import deadletters
from coranto.worker.deadletters import Reference

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Place:
    """One place where the article is."""

    stage: str
    state: str
    """`waiting`, `in_hand`, `delayed` or `dead`."""
    text: str
    """The same in words."""


@dataclass(frozen=True, slots=True)
class Key:
    """An article as the user names it."""

    text: str
    ids: frozenset[str]
    """The id it was named by, or those that its address may have led to."""

    @classmethod
    def of(cls, text: str) -> Key:
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


async def find_places(system: RunningSystem, key: Key) -> list[Place]:
    """Every place where the article is, in the order of the pipeline."""
    found: list[Place] = []
    for spec in STAGES:
        found += [place async for place in _in_streams(system, spec, key)]
        async for delayed in system.delayed(spec):
            if key.is_about(delayed.event):
                text = (
                    f"is delayed in the {spec.name} because of {delayed.reason}, due in {span(delayed.seconds_to_go)}"
                )
                found.append(Place(spec.name, "delayed", f"{text}, after {delayed.attempts} attempts"))
    async for letter in deadletters.find_letters(system.streams):
        if key.is_about(letter.event):
            text = f"is a dead letter of the {letter.stage} because of {letter.reason}: {letter.error}"
            found.append(Place(letter.stage, "dead", f"{text} (`coranto dead show {Reference.of(letter)}`)"))
    return found


async def _in_streams(system: RunningSystem, spec: StageSpec, key: Key) -> AsyncIterator[Place]:
    for keys in system.pipeline.all_keys():
        for stream in (keys.stream(spec.reads), keys.retry(spec)):
            last = await _last_delivered(system, stream, spec.name)
            async for entry_id, event in _entries(system, stream):
                if key.is_about(event):
                    place = await _place(system, spec, stream, entry_id, last)
                    if place is not None:
                        yield place


async def _entries(system: RunningSystem, stream: str) -> AsyncIterator[tuple[str, bytes]]:
    start = "-"
    while True:
        rows: Any = await system.redis.xrange(stream, start, "+", count=_PAGE)
        for entry_id, fields in rows:
            yield entry_id.decode(), fields.get(FIELD, b"")
        if len(rows) < _PAGE:
            return
        start = f"({rows[-1][0].decode()}"


async def _place(
    system: RunningSystem, spec: StageSpec, stream: str, entry_id: str, last: tuple[int, int]
) -> Place | None:
    """What the entry's group knows of it; None when it is settled and only not trimmed yet."""
    try:
        pending: Any = await system.redis.xpending_range(stream, spec.name, entry_id, entry_id, 1)
    except ResponseError:
        pending = []  # no such group yet: nothing has been taken
    if pending:
        held = pending[0]
        seconds = int(held["time_since_delivered"]) / 1000
        worker = held["consumer"].decode()
        return Place(spec.name, "in_hand", f"is in hand in the {spec.name} (worker {worker}, for {span(seconds)})")
    if _order(entry_id) > last:
        return Place(spec.name, "waiting", f"waits for the {spec.name}")
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
