"""Reading finished articles as one of a group of programs: in turn, acknowledged, and never lost with a program that dies."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import socket
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from coranto.client.errors import UnsupportedVersionError
from coranto.client.known_pipeline import KnownPipeline
from coranto.filter import Filter, compile_filter
from coranto.records import FinishedArticle
from coranto.records.envelope import FIELD, MalformedEventError, decode, peek
from coranto.streams.connection import load_script
from coranto.streams.errors import is_transient
from coranto.streams.tasks import end
from coranto.topology import FINISHED, Pipeline

Start = Literal["now", "beginning"] | datetime | str
"""Where a new group begins: now, at the oldest event kept, at a time, or behind an entry id such as `1719432000000-0`.

A time is a datetime with a time zone or ISO 8601: `2026-01-01`, `2026-01-01T08:00+03:00`. A date alone, and a time that names no
zone, are in UTC.
"""

_log = logging.getLogger("coranto")
_EXPECTED = FinishedArticle.event_type
# Milliseconds alone are an id as well; four digits alone would be a year to everybody but Redis.
_ENTRY_ID = re.compile(r"[0-9]{1,20}-[0-9]{1,20}|0|[0-9]{10,20}")
_FAMILY = _EXPECTED.rpartition(".v")[0]
_LOOK_FOR_SHAPE_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class _Pending:
    stream: str
    id: str
    article: FinishedArticle | None
    """None when the entry holds nothing that is ours to read."""
    unknown_version: str | None = None


class Subscription(AsyncIterator[FinishedArticle]):
    """Finished articles as they come, without end. Iterate it; `aclose` gives back what was read ahead.

    A new group begins at `start`; a known one goes on where it stopped. Siblings in a group share the articles. Lost connections,
    failovers and restarts of Redis are waited out.

    What a sibling has held silently for `claim_after` is taken over: it is taken for dead. A living program says that it still
    works on an article by a task of this event loop. So a loop body that *awaits* may take as long as it likes; one that *blocks*
    the loop for longer than `claim_after` loses its article to a sibling, which gets it too. It is never taken back from there.
    Work that blocks belongs in `asyncio.to_thread`, or in `coranto.blocking`, where the loop has a thread of its own.

    An article may come twice, after a crash or a failover between the work and its acknowledgement. Raises
    UnsupportedVersionError for an event of a later version, and PipelineMismatchError when this program was told a number of
    partitions that is not the pipeline's.
    """

    def __init__(
        self,
        redis: Redis,
        pipeline: KnownPipeline,
        group: str,
        *,
        start: Start,
        consumer: str | None,
        claim_after: timedelta,
        batch: int,
        where: str | Filter | None = None,
    ) -> None:
        if not group:
            raise ValueError(
                "group must be a name, got an empty string; every program that should get all articles needs its own"
            )
        self.group = group
        self.consumer = consumer or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self.skipped = 0
        """Entries that were no events of ours: acknowledged, logged and not given out."""
        self.emptied = 0
        """How often Redis came back empty. What was announced before and not given out here is in the article store alone:
        its `announced_after` gives it again, see docs/operate/failures.md."""
        self.passed_over = 0
        """Articles that `where` did not let through: acknowledged and not given out."""
        self.last_ids: dict[str, str] = {}
        """For each stream, the entry id of the article given out last. One stream for each partition; `start` takes one id for
        all of them, so only with one partition is it a place to go on from without repeating any."""
        self._where = compile_filter(where) if isinstance(where, str) else where
        self._redis = redis
        self._known = pipeline
        self._start = _entry_id(start)
        self._claim_after_ms = int(claim_after.total_seconds() * 1000)
        self._batch = batch
        self._renew_script = redis.register_script(load_script("renew"))
        self._seen: dict[str, str] = {}
        """For each stream that is open, the last entry id that came to this program, or where the group began."""
        self._streams: tuple[str, ...] = ()
        self._ready: deque[_Pending] = deque()
        self._given: _Pending | None = None
        self._last_claim = 0.0
        self._last_renewal = 0.0
        self._last_look = 0.0
        self._is_open = False
        self._renewal: asyncio.Task[None] | None = None

    @property
    def last_id(self) -> str | None:
        """Entry id of the article given out last, for `start`. None before the first, and where there are several partitions."""
        return next(iter(self.last_ids.values()), None) if len(self._streams) == 1 else None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> FinishedArticle:
        while True:
            try:
                return await self._next()
            except (RedisError, OSError) as error:
                if is_transient(error):
                    _log.warning("Redis does not answer (%s); trying again", error)
                elif isinstance(error, ResponseError) and "NOGROUP" in str(error):
                    _log.warning("the group %s is gone; making it again", self.group)
                else:
                    raise
            self._is_open = False
            await asyncio.sleep(0.5)

    async def _next(self) -> FinishedArticle:
        if not self._is_open:
            await self._open()
        await self.acknowledge()
        while True:
            # A loop body that blocked has kept the renewal waiting too: what was read ahead may be a sibling's by now.
            if self._ready and time.monotonic() - self._last_renewal > self._claim_after_ms / 2000:
                await self._renew()
            while self._ready:
                pending = self._ready.popleft()
                if pending.unknown_version is not None:
                    raise UnsupportedVersionError(pending.unknown_version, _EXPECTED, pending.id)
                if pending.article is None:
                    self.skipped += 1
                    await self._redis.xack(pending.stream, self.group, pending.id)
                    continue
                if self._where is not None and not self._where(pending.article):
                    self.passed_over += 1
                    await self._redis.xack(pending.stream, self.group, pending.id)
                    continue
                self._given = pending
                self.last_ids[pending.stream] = pending.id
                return pending.article
            await self._fill()

    async def acknowledge(self) -> None:
        """Acknowledge the article given out last without asking for the next."""
        if self._given is not None:
            await self._redis.xack(self._given.stream, self.group, self._given.id)
            self._given = None

    # --- groups -----------------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        await self._join(await self._known.find(again=True))
        self._last_renewal = time.monotonic()
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._keep_renewing())
        self._is_open = True

    async def _join(self, pipeline: Pipeline) -> None:
        """Make the group in every partition. All is new to it in those that it has not joined: they were added later."""
        keys = pipeline.all_keys()
        streams = tuple(each.stream(FINISHED) for each in keys)
        note = keys[0].joined()
        is_unknown = await cast("Any", self._redis.hsetnx(note, self.group, str(len(keys))))
        came_back_empty = bool(is_unknown and self._seen)
        if came_back_empty:
            self.emptied += 1
            _log.warning(
                "Redis came back empty: articles announced before, and not read by now, are in the article store only"
            )
        joined = int(await cast("Any", self._redis.hget(note, self.group)) or len(keys))
        if joined < len(keys) and not await self._has_group(streams[0]):
            joined = len(keys)  # left by a group of that name that is gone
        for number, stream in enumerate(streams):
            start = "0" if self._start == "$" and number >= joined else self._start
            await self._ensure_group(stream, start, came_back_empty=came_back_empty)
        await cast("Any", self._redis.hset(note, self.group, str(len(keys))))
        self._streams = streams

    async def _has_group(self, stream: str) -> bool:
        if not await self._redis.exists(stream):
            return False
        groups: Any = await self._redis.xinfo_groups(stream)
        return any(_text(group["name"]) == self.group for group in groups)

    async def _ensure_group(self, stream: str, start: str, *, came_back_empty: bool) -> None:
        """Make the group where it is missing: at `start` when it is new to us, else where nothing is missed or repeated."""
        begin = (
            start if stream not in self._seen else await self._where_to_go_on(stream, came_back_empty=came_back_empty)
        )
        try:
            await self._redis.xgroup_create(stream, self.group, id=begin, mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        if stream not in self._seen:
            groups: Any = await self._redis.xinfo_groups(stream)
            self._seen[stream] = next(
                (_text(group["last-delivered-id"]) for group in groups if _text(group["name"]) == self.group), "0-0"
            )

    async def _where_to_go_on(self, stream: str, *, came_back_empty: bool) -> str:
        try:
            newest = _text((await self._redis.xinfo_stream(stream))["last-generated-id"])
        except ResponseError as error:
            if is_transient(error) or "no such key" not in str(error):
                raise
            return "0"  # the stream vanished: all that comes now is new
        # A stream that ends before what we have seen is another one of that name. One that ends there is, too, when Redis came
        # back empty: ids count milliseconds, and the first article after that may have come in the same one.
        seen = _order(self._seen[stream])
        is_another = _order(newest) < seen or (came_back_empty and _order(newest) == seen)
        return "0" if is_another else self._seen[stream]

    async def _look_for_shape(self) -> None:
        """Take up the partitions that the first worker has made meanwhile. All that is in them is new to this program."""
        self._last_look = time.monotonic()
        pipeline = await self._known.find()
        if self._known.is_known:
            await self._join(pipeline)

    # --- reading ----------------------------------------------------------------------------------------------------

    async def _fill(self) -> None:
        """Read ahead: what a dead sibling held first, then what is new."""
        if not self._known.is_known and time.monotonic() - self._last_look > _LOOK_FOR_SHAPE_EVERY:
            await self._look_for_shape()
        if time.monotonic() - self._last_claim > self._claim_after_ms / 2000:
            self._last_claim = time.monotonic()
            for stream in self._streams:
                await self._take_over(stream)
            if self._ready:
                return
        # One call for each partition: on a cluster they are different slots.
        wait_ms = max(1, 1000 // len(self._streams))
        for stream in self._streams:
            found: Any = await self._redis.xreadgroup(
                self.group, self.consumer, {stream: ">"}, count=self._batch, block=wait_ms
            )
            for _, rows in found.items() if isinstance(found, dict) else found or ():
                self._take(stream, rows)
                if rows:
                    self._seen[stream] = _text(rows[-1][0])

    async def _take_over(self, stream: str) -> None:
        """Take what siblings have held for too long. Not XAUTOCLAIM: on Redis 6.2 it hides the ids of deleted entries."""
        rows: Any = await self._redis.xpending_range(
            stream, self.group, min="-", max="+", count=self._batch, idle=self._claim_after_ms
        )
        ids = [row["message_id"] for row in rows]
        if not ids:
            return
        claimed: Any = await self._redis.xclaim(stream, self.group, self.consumer, self._claim_after_ms, ids)
        found = [(entry_id, fields) for entry_id, fields in claimed if entry_id is not None and fields is not None]
        self._take(stream, found)
        if len(found) < len(ids):
            await self._forget_deleted(stream, {entry_id for entry_id, _ in found}, ids)

    async def _forget_deleted(self, stream: str, found: set[bytes], ids: list[bytes]) -> None:
        """Acknowledge entries that were deleted by hand: nobody will ever have them. One a sibling was quicker to claim stays."""
        for entry_id in ids:
            if entry_id not in found and not await self._redis.xrange(stream, entry_id, entry_id):
                await self._redis.xack(stream, self.group, entry_id)

    def _take(self, stream: str, rows: Any) -> None:
        for entry_id, fields in rows:
            raw, name = fields.get(FIELD, b""), _text(entry_id)
            try:
                self._ready.append(_Pending(stream, name, decode(raw, FinishedArticle).record))
            except MalformedEventError as error:
                seen = peek(raw).get("type")
                if isinstance(seen, str) and seen != _EXPECTED and seen.rpartition(".v")[0] == _FAMILY:
                    self._ready.append(_Pending(stream, name, None, unknown_version=seen[:100]))
                    continue
                _log.warning("entry %s of %s is skipped: %s", name, stream, error)
                self._ready.append(_Pending(stream, name, None))

    # --- holding ----------------------------------------------------------------------------------------------------

    async def _keep_renewing(self) -> None:
        while True:
            await asyncio.sleep(self._claim_after_ms / 3000)
            with suppress(RedisError, OSError):
                await self._renew()

    async def _renew(self) -> None:
        """Say that this program still works on what it holds; what a sibling has taken over is the sibling's."""
        for stream in self._streams:
            held = [*([self._given] if self._given else []), *self._ready]
            ids = [pending.id for pending in held if pending.stream == stream]
            if not ids:
                continue
            answer: Any = await self._renew_script(keys=[stream], args=[self.group, self.consumer, *ids])
            lost = {_text(entry_id) for entry_id in answer}
            if lost:
                _log.warning(
                    "%d articles were taken over by a sibling: this program was silent for too long", len(lost)
                )
                kept = [pending for pending in self._ready if pending.stream != stream or pending.id not in lost]
                self._ready = deque(kept)
        self._last_renewal = time.monotonic()

    async def aclose(self) -> None:
        """Stop. Articles that were read ahead, and one given out last and not acknowledged, go to a sibling or come again."""
        if self._renewal is not None:
            await end((self._renewal,))
            self._renewal = None
        self._ready.clear()
        self._given = None
        self._is_open = False


def _entry_id(start: Start) -> str:
    match start:
        case "now":
            return "$"
        case "beginning":
            return "0"
        case datetime():
            if start.tzinfo is None:
                raise ValueError(
                    f"start must carry a time zone, got {start!r}; for example datetime.now(UTC) - timedelta(hours=1)"
                )
            return f"{int(start.timestamp() * 1000)}-0"
        case _:
            return _entry_id_of_text(start)


def _entry_id_of_text(start: str) -> str:
    if _ENTRY_ID.fullmatch(start):
        return start
    try:
        moment = datetime.fromisoformat(start)
    except (ValueError, TypeError) as error:
        raise ValueError(
            'start must be "now", "beginning", a date such as "2026-01-01", a time such as "2026-01-01T08:00Z", a datetime with '
            f'a time zone, or an entry id such as "1719432000000-0"; got {start!r}'
        ) from error
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return f"{max(0, int(aware.timestamp() * 1000))}-0"


def _order(entry_id: str) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number or 0)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
