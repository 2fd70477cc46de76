"""Finding an article in a running pipeline: the stage where it waits, is in flight, is delayed, or lies as a dead letter."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from coranto.admin import dead_letters
from coranto.admin.dead_letters import Reference
from coranto.admin.pipeline import ConnectedPipeline
from coranto.frontier import find_trouble, host_key
from coranto.records import article_id
from coranto.records.envelope import peek
from coranto.streams.interface import Delayed, Unsettled
from coranto.topology import STAGES, StageSpec
from coranto.urls import SAVED_PAGE_PREFIX, UnsupportedUrlError, key_of, parse

_TIMES: Final = TypeAdapter(dict[str, AwareDatetime])


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
    """Delayed: attempts so far; what is the host's trouble spends none."""
    host: str | None = None
    """Delayed: the host that refuses or fails, where that is known."""
    host_failures: int | None = None
    """How often in a row it has refused or failed."""
    host_failing_seconds: float | None = None
    """For how long it has."""
    reason: str | None = None
    """Delayed or dead: why."""
    error: str | None = None
    """Dead: what was seen."""
    letter: str | None = None
    """Dead: the letter's reference."""
    times: Mapping[str, datetime] = field(default_factory=dict)
    """When the stages before were done with it, as far as its message says."""


@dataclass(frozen=True, slots=True)
class ArticleRef:
    """An article as the user names it."""

    text: str
    ids: frozenset[str]
    """The id it was named by, or the one that its address has by itself; with those it is known under besides."""

    @classmethod
    def of(cls, text: str) -> ArticleRef:
        """From an id, an address, or the path of a saved page. Raises UnsupportedUrlError when it is none of them, OSError for
        a file that cannot be read.
        """
        if len(text) == 32 and all(character in "0123456789abcdef" for character in text):
            return cls(text, frozenset({text}))
        path = Path(text)
        if "://" not in text and path.is_file():
            with path.open("rb") as file:
                text = f"{SAVED_PAGE_PREFIX}{hashlib.file_digest(file, 'sha256').hexdigest()}"
        return cls(text, frozenset({article_id(key_of(text))}))

    def is_about(self, event: bytes) -> bool:
        """Whether the event is about this article."""
        fields = peek(event).get("data")
        if not isinstance(fields, dict):
            return False
        if fields.get("id") in self.ids:
            return True
        # A submission's id is its own, and an article may have been found under another address than its own.
        discovery, fetch = fields.get("discovery"), fields.get("fetch")
        urls = [fields.get("url")]
        urls += [discovery.get("url")] if isinstance(discovery, dict) else []
        urls += [fetch.get("final_url")] if isinstance(fetch, dict) else []
        return any(self._is_at(url) for url in urls)

    def _is_at(self, url: object) -> bool:
        try:
            return isinstance(url, str) and article_id(key_of(url)) in self.ids
        except UnsupportedUrlError:
            return False


async def find_locations(pipeline: ConnectedPipeline, ref: ArticleRef) -> list[Location]:
    """Every stage where the article is, in the order of the pipeline."""
    found: list[Location] = []
    for spec in STAGES:
        for streams in pipeline.streams[spec.name]:
            found += [
                replace(_of_entry(spec, entry), times=_times_of(entry.event))
                async for entry in streams.unsettled()
                if ref.is_about(entry.event)
            ]
        for streams in pipeline.streams[spec.name]:
            found += [
                replace(await _of_delayed(pipeline, spec, each), times=_times_of(each.event))
                async for each in streams.delayed()
                if ref.is_about(each.event)
            ]
    async for letter in dead_letters.find_letters(pipeline.streams):
        if ref.is_about(letter.event):
            reference = str(Reference.of(letter))
            location = Location(letter.stage, "dead", reason=letter.reason, error=letter.error, letter=reference)
            found.append(replace(location, times=_times_of(letter.event)))
    return found


def _times_of(event: bytes) -> dict[str, datetime]:
    fields = peek(event).get("data")
    known = fields.get("stage_times") if isinstance(fields, dict) else None
    try:
        return _TIMES.validate_python(known or {})
    except ValidationError:  # it may have come from anywhere
        return {}


def _of_entry(spec: StageSpec, entry: Unsettled) -> Location:
    if entry.consumer is None:
        return Location(spec.name, "waiting")
    return Location(spec.name, "in_flight", worker=entry.consumer, seconds=entry.idle_ms / 1000)


async def _of_delayed(pipeline: ConnectedPipeline, spec: StageSpec, message: Delayed) -> Location:
    if message.awaits_turn:
        return Location(spec.name, "waiting")
    seconds = message.due_ms / 1000 - time.time()
    location = Location(spec.name, "delayed", seconds=seconds, attempts=message.attempts, reason=message.reason)
    host = _host_of(message.event) if spec.queues_by_host else None
    trouble = await find_trouble(pipeline.redis, pipeline.topology.prefix, host) if host is not None else None
    if trouble is None:
        return location
    lasted = max(0.0, time.time() - trouble.since.timestamp())
    return replace(location, host=trouble.host, host_failures=trouble.times, host_failing_seconds=lasted)


def _host_of(event: bytes) -> str | None:
    """The host that the article's page is asked from."""
    fields = peek(event).get("data")
    discovery = fields.get("discovery") if isinstance(fields, dict) else None
    try:
        return host_key(parse(str(discovery["url"]))) if isinstance(discovery, dict) and "url" in discovery else None
    except UnsupportedUrlError:
        return None
