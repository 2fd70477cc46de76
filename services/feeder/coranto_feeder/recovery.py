"""Submits again what Redis has lost.

Redis has lost data when its server has been restarted or a stream is gone. How much, the heartbeat tells, a key that is
set every second: what Redis holds is as old as the heartbeat it holds. All submissions in the journal since then that have
not ended are submitted again, as repeated visits. After a clean stop there is nothing to submit again, however Redis was
restarted: the last thing a feeder does is to leave a mark. So that few are, the journal is told of every end, which is read from
the streams of finished and dropped articles. `refetch` learns from the same reading what is stored, and what is not found.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from redis.asyncio import Redis

from coranto.client import HostClass, TooMuchWaitingError
from coranto.records import Submission, content_id
from coranto.records.envelope import FIELD, peek
from coranto.sources.registry import Feed, FeedRegistry
from coranto.streams.connection import run_id as name_of_run
from coranto.topology import DROPPED, FEEDER, FINISHED, STAGES, Pipeline
from coranto.worker.log import get_logger
from coranto_feeder.deduplication import RedisDeduplicator
from coranto_feeder.refetch import RefetchSchedule, Visit
from coranto_feeder.submission_journal import SqliteJournal
from coranto_feeder.submissions import Submit, queue_of

REDIS_LOST_DATA: Final = "redis.lost_data"
REDIS_RESTARTED: Final = "redis.restarted"
RESUBMITTED: Final = "recovery.resubmitted"
WAITING_FOR_ROOM: Final = "recovery.waiting_for_room"

_RESUBMIT_AT_ONCE: Final = 500
# What has not ended by then ended unseen: no retry, pause of a host or dead letter takes so long.
_KEEP_SUBMISSIONS: Final = timedelta(days=14)
_READ_AT_ONCE: Final = 50
# Redis with appendfsync everysec loses up to two seconds, and the heartbeat itself is up to one tick old. A replica that
# takes over may be behind by min-replicas-max-lag, for which we ask for 10 seconds.
_MARGIN_SECONDS: Final = 15.0


class JournalRecovery:
    """Reads how submissions end, watches Redis for losses, and submits again what they may concern."""

    _TICK = timedelta(seconds=1)
    _LOOK_FOR_ROOM_EVERY = timedelta(seconds=10)
    """Doubled, up to `_LONGEST_WAIT_FOR_ROOM`, as long as none is found."""
    _LONGEST_WAIT_FOR_ROOM = timedelta(minutes=5)
    _COPY_FEEDS_EVERY = 60
    _PRUNE_EVERY = 3600

    def __init__(
        self,
        journal: SqliteJournal,
        registry: FeedRegistry,
        deduplicator: RedisDeduplicator,
        redis: Redis,
        submit: Submit,
        pipeline: Pipeline,
        refetches: RefetchSchedule | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._refetches = refetches
        self._registry = registry
        self._deduplicator = deduplicator
        self._redis = redis
        self._submit = submit
        keys = pipeline.all_keys()
        self._endings = [each.stream(stream) for each in keys for stream in (FINISHED, DROPPED)]
        self._drops = {each.stream(DROPPED) for each in keys}
        self._working = [each.stream(stage.reads) for each in keys for stage in STAGES if stage.reads is not DROPPED]
        self._heartbeat = keys[0].owned_by(FEEDER, "account-mark")
        self._stop_marks = [each.owned_by(FEEDER, "clean-stop") for each in keys]
        self._copied = -1
        self._wait_for_room = self._LOOK_FOR_ROOM_EVERY
        self._looks_for_room_at = -math.inf
        self._log = get_logger(service="feeder")

    async def run(self) -> None:
        """Watch until cancelled."""
        await self._journal.open()
        ticks = 0
        while True:
            await self.tick(copies_feeds=ticks % self._COPY_FEEDS_EVERY == 0)
            if ticks % self._PRUNE_EVERY == 0:
                await self.prune()
            ticks += 1
            await asyncio.sleep(self._TICK.total_seconds())

    async def tick(self, *, copies_feeds: bool = False) -> int:
        """One round; gives the number of submissions that were submitted again."""
        notes = await self._journal.notes()
        run_id = await name_of_run(self._redis)
        streams = await self._existing(self._working)
        missing = set(notes.get("streams", "").split()) - streams
        resubmitted = 0
        loss = _Loss.unpack(notes.get("loss", ""))
        is_restarted = notes.get("run_id", run_id) != run_id
        if missing or (is_restarted and not await self._was_stopped_cleanly(notes)):
            loss = await self._begin(run_id, missing, loss)
            notes = {name: value for name, value in notes.items() if not name.startswith("read ")}
        if loss is not None and self._clock() >= self._looks_for_room_at:
            resubmitted, is_complete = await self._resubmit(loss)
            loss = None if is_complete else loss
        # The heartbeat first: if the note came first and we were killed in between, a loss at this moment would go unseen.
        await self._redis.set(self._heartbeat, str(time.time()))
        cursors = await self._read_endings(notes)
        now_noted = {
            "run_id": run_id,
            "streams": " ".join(sorted(streams)),
            "clean_stop": "",
            "loss": "" if loss is None else loss.pack(),
            **cursors,
        }
        if now_noted.items() - notes.items():
            await self._journal.complete((), notes=now_noted)
        if copies_feeds or await self._registry.count() != self._copied:
            feeds = await self._registry.all()
            await self._journal.keep_feeds(feeds)
            self._copied = len(feeds)
        return resubmitted

    async def leave_mark(self) -> None:
        """Note that all is done, when nothing more will be submitted: what Redis has now is all that there is to lose.

        Redis writes in order, so whoever finds the mark finds all that was written before it.
        """
        mark = secrets.token_hex(8)
        for name in self._stop_marks:
            await self._redis.set(name, mark)
        await self._journal.complete((), notes={"clean_stop": mark})

    async def _was_stopped_cleanly(self, notes: dict[str, str]) -> bool:
        mark = notes.get("clean_stop", "").encode()
        return bool(mark) and [await self._redis.get(name) for name in self._stop_marks] == [mark] * len(
            self._stop_marks
        )

    async def prune(self) -> int:
        """Forget what is so old that nothing depends on it; gives the number of rows."""
        now = time.time()
        seen_before = now - self._deduplicator.window.total_seconds()
        return await self._journal.prune(seen_before=seen_before, handed_before=now - _KEEP_SUBMISSIONS.total_seconds())

    async def _restore_known(self, feeds: Sequence[Feed]) -> None:
        """Give back what Redis knew: entries of feeds, and articles that were found within the window."""
        for feed in feeds:
            entries = await self._journal.entries_of(feed.id)
            if entries:
                await self._registry.remember_entries(feed, entries, present=entries)
        now, last = time.time(), ""
        since = now - self._deduplicator.window.total_seconds()
        while seen := await self._journal.seen(since=since, after=last):
            await self._deduplicator.restore(seen, now=now)
            last = seen[-1].article

    async def _begin(self, run_id: str, missing: set[str], unfinished: _Loss | None) -> _Loss:
        """Give back what Redis knew; gives which submissions are in doubt, those of an earlier loss among them."""
        heartbeat = await self._redis.get(self._heartbeat)
        # Redis is back as it was at this heartbeat; without one, or with streams gone, it is back with nothing.
        since = float(heartbeat) - _MARGIN_SECONDS if heartbeat is not None and not missing else 0.0
        feeds = await self._journal.kept_feeds()
        if heartbeat is None:
            await self._restore_known(feeds)
        # Only now: a feed that came first would be polled, and all its entries taken for new.
        for feed in feeds:
            await self._registry.add(feed)
        since = min(since, unfinished.since) if unfinished is not None else since
        loss = _Loss(run_id, since, await self._journal.latest())
        in_doubt = len(await self._journal.pending(since=loss.since, until=loss.until))
        if heartbeat is None or missing:
            self._log.warning(REDIS_LOST_DATA, missing_streams=sorted(missing), in_doubt=in_doubt)
        else:
            self._log.info(REDIS_RESTARTED, in_doubt=in_doubt)
        # Before the next heartbeat, which would let the next feeder believe that nothing older is in doubt.
        await self._journal.complete((), notes={"loss": loss.pack()})
        self._wait_for_room, self._looks_for_room_at = self._LOOK_FOR_ROOM_EVERY, -math.inf
        return loss

    async def _resubmit(self, loss: _Loss) -> tuple[int, bool]:
        """Submit again what is in doubt, as far as there is room: how many there was room for, and whether that was all.

        Of one host, more may have been on the way than its queue takes at once. What there is no room for stays in the journal.
        """
        lost = await self._journal.pending(since=loss.since, until=loss.until)
        left = 0
        full: set[HostClass] = set()
        for start in range(0, len(lost), _RESUBMIT_AT_ONCE):
            part = lost[start : start + _RESUBMIT_AT_ONCE]
            wanted = [one for one in part if queue_of(one) not in full]
            refused = await self._submit_again(wanted, loss.run_id) if wanted else []
            full |= {queue_of(one) for one in refused}
            left += len(part) - len(wanted) + len(refused)
        if len(lost) > left:
            self._log.info(RESUBMITTED, submissions=len(lost) - left)
            self._wait_for_room = self._LOOK_FOR_ROOM_EVERY
        if left:
            self._log.info(WAITING_FOR_ROOM, submissions=left)
            self._looks_for_room_at = self._clock() + self._wait_for_room.total_seconds()
            self._wait_for_room = min(2 * self._wait_for_room, self._LONGEST_WAIT_FOR_ROOM)
        return len(lost) - left, not left

    async def _submit_again(self, lost: Sequence[Submission], run_id: str) -> list[Submission]:
        """Submit these again; gives those of them that there is no room for now."""
        # A new id, because the old one may be known as accepted; the same one for every replica and every try.
        again = [
            one.model_copy(
                update={
                    "id": content_id("again", one.id, run_id),
                    "is_recrawl": True,
                    "submitted_at": datetime.now(UTC),
                }
            )
            for one in lost
        ]
        await self._journal.append(again)
        refused: set[str] = set()
        try:
            await self._submit(again)
        except TooMuchWaitingError as error:
            refused = {one.id for one in error.refused}
        # Of each, one stays: the new one where it was accepted, the old one where there was no room.
        both = list(zip(lost, again, strict=True))
        await self._journal.complete(new.id if new.id in refused else old.id for old, new in both)
        return [old for old, new in both if new.id in refused]

    async def _existing(self, names: Sequence[str]) -> set[str]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.exists(name)
            return {name for name, exists in zip(names, await pipe.execute(), strict=True) if exists}

    async def _read_endings(self, notes: dict[str, str]) -> dict[str, str]:
        """Strike out what has ended since the last round; gives the positions read up to."""
        cursors = {name: notes.get(f"read {name}", "0") for name in self._endings}
        for name in self._endings:
            while True:
                answer: Any = await self._redis.xrange(name, min=f"({cursors[name]}", count=_READ_AT_ONCE)
                if not answer:
                    break
                ended: list[str] = []
                visits: list[Visit] = []
                for _, fields in answer:
                    content = peek(fields.get(FIELD, b"")).get("data")
                    if isinstance(content, dict):
                        if (submission := _submission_of(content)) is not None:
                            ended.append(submission)
                        if self._refetches is not None and (visit := self._refetches.find_visit(content)) is not None:
                            visits.append(visit)
                        if self._refetches is not None and name in self._drops:
                            await self._refetches.look_again(content)
                    await asyncio.sleep(0)  # an event may hold a whole book
                if self._refetches is not None and visits:
                    await self._refetches.add(visits)
                cursors[name] = answer[-1][0].decode()
                await self._journal.complete(ended, notes={f"read {name}": cursors[name]})
                if len(answer) < _READ_AT_ONCE:
                    break
        return {f"read {name}": cursor for name, cursor in cursors.items()}


@dataclass(frozen=True, slots=True)
class _Loss:
    """A loss of Redis from which the feeder is still to recover: what it passed on in this time is in doubt."""

    run_id: str
    """Of the Redis that is back; part of the ids of what is submitted again."""
    since: float
    """Unix seconds, as the end is."""
    until: float

    def pack(self) -> str:
        """As a note in the journal."""
        return f"{self.since!r} {self.until!r} {self.run_id}"

    @classmethod
    def unpack(cls, note: str) -> Self | None:
        """The loss that the note tells of; None when there is none."""
        if not note:
            return None
        since, until, run_id = note.split(" ", 2)
        return cls(run_id, float(since), float(until))


def _submission_of(content: dict[str, Any]) -> str | None:
    """Id of the submission that ended with this event, where it names one."""
    discovery = content.get("discovery")
    submission = discovery.get("submission") if isinstance(discovery, dict) else content.get("submission")
    return submission if isinstance(submission, str) else None
