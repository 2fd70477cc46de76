"""Submitting pages: each submission is accepted once, however often a call is repeated."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from redis.asyncio import Redis
from redis.exceptions import RedisError

from coranto.client.errors import TooMuchWaitingError
from coranto.client.known_pipeline import KnownPipeline
from coranto.client.receipt import Receipt
from coranto.records import Hints, Submission, article_id, content_id
from coranto.records.envelope import encode, new_traceparent
from coranto.streams.connection import is_replicated, load_script, wait_for_replica
from coranto.streams.host_queues import MOST_IN_STREAM
from coranto.topology import FETCHER, SUBMITTED, Keys, readers_of
from coranto.urls import UnsupportedUrlError, key_of, parse

MAX_BACKLOG = 250_000
MAX_QUEUED = 1_000_000
"""Pages that wait for their hosts, in one partition; each takes some 220 bytes of Redis' memory."""
MAX_QUEUED_FOR_ONE = 100_000
"""Of these, for one host; fewer when there is less room than that. At a pause of two seconds they last for two days. Live pages
are refused for live ones only."""
KEEP = timedelta(hours=24)
_AT_ONCE = 500
_HOST_IS_FULL = -2  # as submit.lua says it
_REPLICA_WITHIN = timedelta(seconds=1)
# Where no replica answered, there may be none: for so long it is asked without waiting.
_NO_REPLICA_FOR_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class HostClass:
    """Pages that are refused together when too much of them waits."""

    host: str
    """As in their addresses, with the port where they name one; empty for pages of any host."""
    priority: Literal["live", "backlog"] = "live"


@dataclass(frozen=True, slots=True)
class Room:
    """How much more of one host may be handed in at present."""

    left: int
    """Pages that would be accepted, about."""
    waiting: int
    """Pages that wait already and count against it."""


class Submitter:
    """Hands submissions in."""

    def __init__(self, redis: Redis, pipeline: KnownPipeline) -> None:
        self._redis = redis
        self._pipeline = pipeline
        room = load_script("not_taken") + load_script("room")
        self._script = redis.register_script(room + load_script("submit"))
        self._find_room = redis.register_script(room + load_script("find_room"))
        self._no_replica_since: dict[Keys, float] = {}

    async def submit(self, submissions: Iterable[Submission], *, max_backlog: int, keep: timedelta) -> list[Receipt]:
        """See `AsyncClient.submit`."""
        articles = [(submission, article_id(key_of(submission.url))) for submission in submissions]
        pipeline = await self._pipeline.find()
        by_partition: dict[Keys, list[tuple[Submission, str]]] = {}
        for submission, article in articles:
            by_partition.setdefault(pipeline.keys_for(article), []).append((submission, article))
        receipts: list[Receipt] = []
        refused: list[Submission] = []
        is_for_hosts = True
        for keys, rows in by_partition.items():
            accepted: list[Receipt] = []
            for first in range(0, len(rows), _AT_ONCE):
                part = rows[first : first + _AT_ONCE]
                answers = await self._call(keys, [submission for submission, _ in part], max_backlog, keep)
                for (submission, article), answer in zip(part, answers, strict=True):
                    if answer < 0:
                        refused.append(submission)
                        is_for_hosts &= answer == _HOST_IS_FULL
                    else:
                        accepted.append(Receipt(submission.id, article, submission.url, answer == 1))
            if accepted and is_replicated(self._redis):
                has_replica = await self._has_replica(keys)
                accepted = [replace(receipt, is_replicated=has_replica) for receipt in accepted]
            receipts += accepted
        if refused:
            raise TooMuchWaitingError(refused, max_backlog, receipts, is_for_hosts=is_for_hosts)
        return receipts

    async def find_room(self, queues: Sequence[HostClass], *, max_backlog: int) -> list[Room]:
        """See `AsyncClient.find_room`."""
        pipeline = await self._pipeline.find()
        rooms: list[Room] = []
        for first in range(0, len(queues), _AT_ONCE):
            part = queues[first : first + _AT_ONCE]
            asked = [text for queue in part for text in (queue.host, queue.priority)]
            answers: list[Any] = []
            for keys in pipeline.all_keys():
                arguments = [max_backlog, *_limits(keys), *asked]
                answers.append(await self._find_room(keys=[keys.stream(SUBMITTED)], args=arguments))
            # Pages are spread evenly: the fullest partition is the one that refuses.
            number = len(answers)
            rooms += [
                Room(number * min(int(left) for left, _ in each), number * max(int(waiting) for _, waiting in each))
                for each in zip(*answers, strict=True)
            ]
        return rooms

    async def _call(self, keys: Keys, part: list[Submission], max_backlog: int, keep: timedelta) -> list[int]:
        arguments: list[str | bytes | int] = [int(keep.total_seconds() * 1000), max_backlog, *_limits(keys)]
        for submission in part:
            event = encode(submission, source="coranto/client", traceparent=new_traceparent())
            arguments += (submission.id, event, _host_of(submission), submission.priority)
        # Named by the call: when its answer is lost and redis-py calls again, it gets that answer.
        names = [keys.stream(SUBMITTED), keys.submissions(), keys.submit_call(secrets.token_hex(8))]
        answers: Any = await self._script(keys=names, args=arguments)
        return [int(answer) for answer in answers]

    async def _has_replica(self, keys: Keys) -> bool:
        since = self._no_replica_since.get(keys, -_NO_REPLICA_FOR_SECONDS)
        is_waited_for = time.monotonic() - since >= _NO_REPLICA_FOR_SECONDS
        within = _REPLICA_WITHIN if is_waited_for else timedelta(0)
        with suppress(RedisError, OSError):  # accepted they are; only that nobody has said that a replica has them
            if await wait_for_replica(self._redis, keys.replica_mark(), timeout=within):
                return True
            if is_waited_for:
                self._no_replica_since[keys] = time.monotonic()
        return False


def _limits(keys: Keys) -> list[str | int]:
    """What the scripts are told of the stream, the queues and how much may wait in them."""
    (reader,) = readers_of(SUBMITTED)
    in_front, behind = keys.host_queues(reader), keys.host_queues(FETCHER)
    return [reader.name, in_front, MOST_IN_STREAM, behind, MAX_QUEUED, MAX_QUEUED_FOR_ONE]


def _host_of(submission: Submission) -> str:
    """The host that the page has to be asked from, with its port; empty for a page that is here already."""
    if submission.saved is not None:
        return ""
    return parse(submission.url).authority


def new_submission(
    url: str,
    *,
    kind: Literal["auto", "page", "feed"] = "auto",
    source: str = "submit",
    tags: Iterable[str] = (),
    is_recrawl: bool = False,
    hints: Hints | None = None,
) -> Submission:
    """A submission of this address, with an id of its own. Raises UnsupportedUrlError for text that is none."""
    try:
        url.encode()
    except UnicodeEncodeError as error:
        raise UnsupportedUrlError(
            f"expected an address in characters, got half of one in {url[:100]!r}: were its bytes read as UTF-8?"
        ) from error
    return Submission(
        id=content_id("submission", url, secrets.token_hex(16)),
        url=url,
        kind=kind,
        source=source,
        tags=tuple(tags),
        submitted_at=datetime.now(UTC),
        is_recrawl=is_recrawl,
        hints=hints or Hints(),
    )
