"""Subscribing to finished articles and submitting pages, for any program: needs only pydantic and redis.

    async for article in coranto.subscribe(group="desk"):
        print(article.content.title)

An article is acknowledged when the loop asks for the next one. A program that dies in the loop body gets the article
again, or a sibling in the same group does. `coranto.client.blocking` has the same for programs without an event loop.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Literal, Self

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError, ResponseError

from coranto.client import environment
from coranto.records import FinishedArticle, Hints, Submission, article_id, content_id
from coranto.records.envelope import FIELD, MalformedEventError, decode, encode, new_traceparent
from coranto.streams.connection import load_script
from coranto.streams.errors import is_passing
from coranto.topology import FINISHED, SUBMITTED, Keys, Pipeline
from coranto.urls import canonicalize

Start = Literal["now", "beginning"] | datetime | str
"""Where a new group begins: now, at the oldest event kept, at a time, or behind an entry id such as `1719-0`."""

_log = logging.getLogger("coranto")
_SUBMIT_AT_MOST = 500
_DEFAULT_HIGH_WATER = 250_000
_DEFAULT_KEEP = timedelta(hours=24)


class TooMuchWaitingError(RuntimeError):
    """Submissions were refused because too many wait already. `refused` holds them: submit them again later."""

    def __init__(self, refused: Sequence[Submission], high_water: int) -> None:
        super().__init__(
            f"{len(refused)} submissions were not accepted: more than {high_water} are waiting. "
            "Submit them again later, or see with `coranto top` which stage is behind"
        )
        self.refused = tuple(refused)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one submission."""

    submission: str
    article_id: str
    url: str
    is_new: bool
    """False when this submission id had been accepted before."""


class AsyncClient:
    """A connection to a running system. Use it as a context manager, or call `close`."""

    def __init__(self, redis: Redis, pipeline: Pipeline | None = None) -> None:
        self._redis = redis
        self._pipeline = pipeline or Pipeline()
        self._submit = redis.register_script(load_script("submit"))

    @classmethod
    def from_url(cls, url: str | None = None, pipeline: Pipeline | None = None) -> AsyncClient:
        """A client for the address, or for the system that is found (see `coranto.client.environment`). Nothing is sent yet."""
        redis = Redis.from_url(
            environment.redis_url(url),
            socket_timeout=15.0,
            socket_connect_timeout=5.0,
            retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=3),
        )
        return cls(redis, pipeline or environment.pipeline())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection."""
        await self._redis.aclose()

    async def submit(
        self,
        submissions: Iterable[Submission],
        *,
        high_water: int = _DEFAULT_HIGH_WATER,
        keep: timedelta = _DEFAULT_KEEP,
    ) -> list[Receipt]:
        """Hand in submissions; each is accepted once, however often the call is repeated, for as long as `keep`.

        Raises UnsupportedUrlError (a ValueError) before anything is sent when an address is none we could take, and
        TooMuchWaitingError when some were refused.
        """
        by_partition: dict[Keys, list[tuple[Submission, str]]] = {}
        for submission in submissions:
            article = article_id(canonicalize(submission.url))
            by_partition.setdefault(self._pipeline.keys_for(article), []).append((submission, article))
        receipts: list[Receipt] = []
        refused: list[Submission] = []
        for keys, rows in by_partition.items():
            for first in range(0, len(rows), _SUBMIT_AT_MOST):
                part = rows[first : first + _SUBMIT_AT_MOST]
                now_ms = int(time.time() * 1000)
                arguments: list[str | bytes | int] = [now_ms, now_ms - int(keep.total_seconds() * 1000), high_water]
                for submission, _ in part:
                    event = encode(submission, source="coranto/client", traceparent=new_traceparent())
                    arguments += (submission.id, event)
                answers: Any = await self._submit(keys=[keys.stream(SUBMITTED), keys.submissions()], args=arguments)
                for (submission, article), answer in zip(part, answers, strict=True):
                    if answer < 0:
                        refused.append(submission)
                    else:
                        receipts.append(Receipt(submission.id, article, submission.url, answer == 1))
        if refused:
            raise TooMuchWaitingError(refused, high_water)
        return receipts

    def subscribe(
        self,
        group: str,
        *,
        start: Start = "now",
        consumer: str | None = None,
        claim_after: timedelta = timedelta(seconds=30),
        batch: int = 10,
    ) -> Subscription:
        """The finished articles, for one group of programs that share them. See `Subscription`."""
        return Subscription(
            self._redis, self._pipeline, group, start=start, consumer=consumer, claim_after=claim_after, batch=batch
        )


@dataclass(frozen=True, slots=True)
class _Pending:
    stream: str
    id: str
    article: FinishedArticle | None


class Subscription(AsyncIterator[FinishedArticle]):
    """Finished articles as they come, for ever. Iterate it; `aclose` gives back what was read ahead.

    A new group begins at `start`; a known one goes on where it stopped. Siblings in a group share the articles. What a dead
    sibling held is taken over once it was silent for `claim_after`; while this program lives, its own claim is renewed, however
    long a loop body takes. Lost connections and restarts of Redis are waited out.
    """

    def __init__(
        self,
        redis: Redis,
        pipeline: Pipeline,
        group: str,
        *,
        start: Start,
        consumer: str | None,
        claim_after: timedelta,
        batch: int,
    ) -> None:
        if not group:
            raise ValueError(
                "group must be a name, got an empty string; every program that should get all articles needs its own"
            )
        self.group = group
        self.consumer = consumer or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self.last_id: str | None = None
        """Entry id of the article given out last: a place to resume from with `start`."""
        self._redis = redis
        self._streams = [keys.stream(FINISHED) for keys in pipeline.all_keys()]
        self._start = start
        self._claim_after_ms = int(claim_after.total_seconds() * 1000)
        self._batch = batch
        self._ready: deque[_Pending] = deque()
        self._given: _Pending | None = None
        self._last_claim = 0.0
        self._is_open = False
        self._renewal: asyncio.Task[None] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> FinishedArticle:
        while True:
            try:
                return await self._next()
            except (RedisError, OSError) as error:
                if is_passing(error):
                    _log.warning("Redis does not answer (%s); trying again", error)
                elif isinstance(error, ResponseError) and "NOGROUP" in str(error):
                    # The stream was emptied under us: what comes from now on is ours from its beginning.
                    self._start = "beginning"
                else:
                    raise
            self._is_open = False
            await asyncio.sleep(0.5)

    async def _next(self) -> FinishedArticle:
        if not self._is_open:
            await self._open()
        if self._given is not None:
            await self._redis.xack(self._given.stream, self.group, self._given.id)
            self._given = None
        while True:
            while self._ready:
                pending = self._ready.popleft()
                if pending.article is None:
                    await self._redis.xack(pending.stream, self.group, pending.id)
                    continue
                self._given, self.last_id = pending, pending.id
                return pending.article
            await self._fill()

    async def _open(self) -> None:
        begin = _entry_id(self._start)
        for stream in self._streams:
            try:
                await self._redis.xgroup_create(stream, self.group, id=begin, mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._renew())
        self._is_open = True

    async def _fill(self) -> None:
        """Read ahead: what a dead sibling held first, then what is new."""
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
            try:
                article = decode(fields.get(FIELD, b""), FinishedArticle).record
            except MalformedEventError as error:
                _log.warning("entry %s of %s is skipped: %s", entry_id.decode(), stream, error)
                article = None
            self._ready.append(_Pending(stream, entry_id.decode(), article))

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._claim_after_ms / 3000)
            held = [*self._ready, *([self._given] if self._given else [])]
            with suppress(RedisError, OSError):
                for stream in self._streams:
                    ids: list[int | bytes | str | memoryview] = [
                        pending.id for pending in held if pending.stream == stream
                    ]
                    if ids:
                        await self._redis.xclaim(stream, self.group, self.consumer, 0, ids, justid=True)

    async def aclose(self) -> None:
        """Stop. Articles that were read ahead, and one given out last and not acknowledged, go to a sibling or come again."""
        if self._renewal is not None:
            self._renewal.cancel()
            with suppress(asyncio.CancelledError):
                await self._renewal
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
            return start


def new_submission(
    url: str,
    *,
    kind: Literal["auto", "page", "feed"] = "auto",
    source: str = "submit",
    is_revisit: bool = False,
    hints: Hints | None = None,
) -> Submission:
    """A submission of this address, with an id of its own."""
    return Submission(
        id=content_id("submission", url, secrets.token_hex(16)),
        url=url,
        kind=kind,
        source=source,
        submitted_at=datetime.now(UTC),
        is_revisit=is_revisit,
        hints=hints or Hints(),
    )


async def submit(
    *urls: str,
    kind: Literal["auto", "page", "feed"] = "auto",
    source: str = "submit",
    is_revisit: bool = False,
    redis_url: str | None = None,
) -> list[Receipt]:
    """Submit pages or feeds by address. See `AsyncClient.submit` for what is raised."""
    async with AsyncClient.from_url(redis_url) as client:
        return await client.submit(new_submission(url, kind=kind, source=source, is_revisit=is_revisit) for url in urls)


async def subscribe(
    group: str,
    *,
    start: Start = "now",
    consumer: str | None = None,
    claim_after: timedelta = timedelta(seconds=30),
    redis_url: str | None = None,
) -> AsyncIterator[FinishedArticle]:
    """Finished articles as they come, for ever; acknowledged when the loop asks for the next. See `Subscription`."""
    async with AsyncClient.from_url(redis_url) as client:
        subscription = client.subscribe(group, start=start, consumer=consumer, claim_after=claim_after)
        try:
            async for article in subscription:
                yield article
        finally:
            await subscription.aclose()
