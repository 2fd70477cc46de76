"""The feeder's own journal: what Redis loses is submitted again, and nothing else is."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from redis.asyncio import Redis

from coranto.client import TooMuchWaitingError
from coranto.records import DroppedArticle, Submission, article_id
from coranto.records.envelope import FIELD, encode
from coranto.sources.registry import FeedRegistry, new_feed
from coranto.topology import DISCOVERED, DROPPED, FEEDER, Keys, Pipeline
from coranto_cli.local.redis_server import EmbeddedRedis
from coranto_feeder.deduplication import RedisDeduplicator
from coranto_feeder.recovery import JournalRecovery
from coranto_feeder.submission_journal import SqliteJournal
from coranto_feeder.submissions import Submit

ARTICLES = (article_id("https://example.org/1"), article_id("https://example.org/2"))
Make = Callable[..., Submission]


@pytest.fixture
async def journal(journal_path: Path) -> AsyncIterator[SqliteJournal]:
    one = SqliteJournal(journal_path)
    await one.open()
    yield one
    await one.close()


class Keeping:
    """A recovery with its journal on a Redis of its own, and what it submitted again."""

    def __init__(self, server: EmbeddedRedis, journal: SqliteJournal) -> None:
        self.server = server
        self.journal = journal
        self.again: list[Submission] = []
        self.redis = Redis.from_url(server.url)
        self.registry = FeedRegistry(self.redis, Keys())
        self.deduplicator = RedisDeduplicator(self.redis, Pipeline(), window=timedelta(days=7))
        self.recovery = self.recover_by(self._submit)

    def recover_by(self, submit: Submit, clock: Callable[[], float] = time.monotonic) -> JournalRecovery:
        """A recovery that submits so."""
        parts = (self.journal, self.registry, self.deduplicator, self.redis)
        return JournalRecovery(*parts, submit, Pipeline(), clock=clock)

    async def _submit(self, submissions: Sequence[Submission]) -> None:
        self.again += submissions

    async def end(self, submission: str) -> None:
        """What delivery writes when an article ends early."""
        notice = DroppedArticle(
            id="0" * 32,
            url="https://example.org/",
            submission=submission,
            stage="fetcher",
            outcome="dropped",
            reason="not_found",
            dropped_at="2026-05-01T12:00:00Z",
        )
        await self.redis.xadd(Keys().stream(DROPPED), {FIELD: encode(notice, source="test")})

    async def restart(self, *, is_emptied: bool) -> None:
        """Kill Redis and start it again, with its file or without."""
        await self.redis.aclose()
        self.server.kill()
        if is_emptied:
            for file in (self.server.directory / "redis").rglob("*"):
                if file.is_file() and file.suffix != ".log":
                    file.unlink()
        self.server.start()


@pytest.fixture
async def keeping(own_redis: EmbeddedRedis, journal: SqliteJournal) -> AsyncIterator[Keeping]:
    one = Keeping(own_redis, journal)
    await one.recovery.tick()
    yield one
    await one.redis.aclose()


async def test_submissions_are_noted_durably_and_struck_out_when_they_end(
    journal: SqliteJournal, journal_path: Path, submission: Make
) -> None:
    many = [submission("https://example.org/", id=f"s{number}") for number in range(300)]
    await asyncio.gather(*(journal.append([one]) for one in many))
    await journal.append(many[:5])  # noted twice is noted once
    other = SqliteJournal(journal_path)
    await other.open()
    assert len(await other.pending()) == 300
    await journal.complete(one.id for one in many[:299])
    assert [one.id for one in await other.pending()] == ["s299"]
    await other.close()


async def test_many_notes_share_one_commit(journal: SqliteJournal, submission: Make) -> None:
    statements: list[str] = []
    assert journal._connection is not None
    journal._connection.set_trace_callback(statements.append)
    await asyncio.gather(*(journal.append([submission("https://example.org/", id=str(n))]) for n in range(100)))
    assert sum(statement.startswith("BEGIN") for statement in statements) <= 3


async def test_file_that_cannot_be_written_is_an_error_for_everyone_who_waits(
    journal: SqliteJournal, submission: Make
) -> None:
    await journal.close()
    failures = await asyncio.gather(
        *(journal.append([submission("https://example.org/", id=str(n))]) for n in range(5)), return_exceptions=True
    )
    assert all(isinstance(failure, sqlite3.Error) for failure in failures)


async def test_end_is_learned_from_the_streams(keeping: Keeping, submission: Make) -> None:
    await keeping.journal.append([submission("https://example.org/", id=name) for name in ("a", "b", "c")])
    await keeping.end("a")
    await keeping.end("c")
    await keeping.redis.xadd(Keys().stream(DROPPED), {"event": "no event at all"})
    await keeping.recovery.tick()
    assert [one.id for one in await keeping.journal.pending()] == ["b"]


async def test_redis_restarted_empty_gets_the_pending_and_the_feeds_again(keeping: Keeping, submission: Make) -> None:
    await keeping.journal.append(
        [submission("https://example.org/1", id="a"), submission("https://example.org/2", id="b")]
    )
    await keeping.registry.add(new_feed("https://example.org/rss", now=datetime.now(UTC)))
    await keeping.end("a")
    await keeping.recovery.tick(copies_feeds=True)
    await keeping.restart(is_emptied=True)
    assert await keeping.recovery.tick() == 1
    (again,) = keeping.again
    assert (again.url, again.is_recrawl) == ("https://example.org/2", True)
    assert again.id != "b"
    assert [feed.url for feed in await keeping.registry.all()] == ["https://example.org/rss"]
    assert await keeping.recovery.tick() == 0  # once is enough
    assert [one.id for one in await keeping.journal.pending()] == [again.id]


async def test_redis_restarted_with_its_file_gets_only_what_is_in_doubt(keeping: Keeping, submission: Make) -> None:
    await keeping.journal.append([submission("https://example.org/old", id="old")])
    _age(keeping.journal, "old", timedelta(minutes=5))
    await keeping.journal.append([submission("https://example.org/new", id="new")])
    await keeping.recovery.tick()
    await keeping.restart(is_emptied=False)
    assert await keeping.recovery.tick() == 1
    assert [one.url for one in keeping.again] == ["https://example.org/new"]


async def test_stream_that_was_deleted_counts_as_lost(keeping: Keeping, submission: Make) -> None:
    await keeping.redis.xadd(Keys().stream(DISCOVERED), {"event": "x"})
    await keeping.journal.append([submission("https://example.org/1", id="a")])
    await keeping.recovery.tick()
    await keeping.redis.delete(Keys().stream(DISCOVERED))
    assert await keeping.recovery.tick() == 1


async def test_loss_while_the_feeder_was_away_is_seen_when_it_is_back(keeping: Keeping, submission: Make) -> None:
    await keeping.journal.append([submission("https://example.org/1", id="a")])
    await keeping.recovery.tick()
    await keeping.restart(is_emptied=True)
    back = Keeping(keeping.server, keeping.journal)
    assert await back.recovery.tick() == 1
    await back.redis.aclose()


async def test_feeder_killed_in_the_middle_of_recovery_submits_the_same_ids_again(
    keeping: Keeping, submission: Make
) -> None:
    await keeping.journal.append([submission("https://example.org/1", id="a")])
    await keeping.recovery.tick()
    await keeping.restart(is_emptied=True)

    async def killed(submissions: Sequence[Submission]) -> None:
        keeping.again += submissions
        raise ConnectionError("killed")

    first = keeping.recover_by(killed)
    with pytest.raises(ConnectionError):
        await first.tick()
    assert await keeping.recovery.tick() >= 1
    assert {one.url for one in keeping.again} == {"https://example.org/1"}
    assert keeping.again[0].id in {one.id for one in keeping.again[1:]}


class FullHost:
    """Takes two submissions at a time, and tells what the journal had then."""

    def __init__(self, journal: SqliteJournal) -> None:
        self.accepted: list[str] = []
        self.calls = 0
        self._journal = journal

    async def submit(self, submissions: Sequence[Submission]) -> None:
        self.calls += 1
        self.accepted.extend(one.id for one in submissions[:2])
        assert len(await self._journal.pending()) >= 5, "whatever happens now, none is forgotten"
        if len(submissions) > 2:
            raise TooMuchWaitingError(submissions[2:], 2, [], is_for_hosts=True)


async def test_what_there_is_no_room_for_is_submitted_again_once_there_is(
    keeping: Keeping, submission: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JournalRecovery, "_LOOK_FOR_ROOM_EVERY", timedelta(0))
    await keeping.journal.append([submission("https://example.org/1", id=str(number)) for number in range(5)])
    await keeping.recovery.tick()
    await keeping.restart(is_emptied=True)
    host = FullHost(keeping.journal)
    recovery = keeping.recover_by(host.submit)
    assert await recovery.tick() == 2
    # It goes on as ever meanwhile: the heartbeat is there, and what ends is struck out.
    assert await keeping.redis.exists(Keys().owned_by(FEEDER, "account-mark"))
    await keeping.end("4")
    await recovery.tick()
    # Another feeder with this journal takes it up where this one was killed.
    taken_up = keeping.recover_by(host.submit)
    await taken_up.tick()
    assert (len(host.accepted), len(set(host.accepted)), host.calls) == (4, 4, 2)
    assert sorted(one.id for one in await keeping.journal.pending()) == sorted(host.accepted)
    assert await taken_up.tick() == 0


async def test_clock_that_was_ahead_neither_hides_what_is_lost_nor_has_it_submitted_twice(
    keeping: Keeping, submission: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JournalRecovery, "_LOOK_FOR_ROOM_EVERY", timedelta(0))
    names = [str(number) for number in range(5)]
    for name in names:
        await keeping.journal.append([submission("https://example.org/1", id=name)])
        _age(keeping.journal, name, timedelta(hours=-1))
    await keeping.recovery.tick()
    await keeping.restart(is_emptied=True)
    host = FullHost(keeping.journal)
    recovery = keeping.recover_by(host.submit)
    assert [await recovery.tick() for _ in range(4)] == [2, 2, 1, 0]
    assert len(set(host.accepted)) == len(host.accepted) == 5


async def test_room_is_looked_for_ever_more_seldom_while_there_is_none(keeping: Keeping, submission: Make) -> None:
    await keeping.journal.append([submission("https://example.org/1", id="a")])
    await keeping.recovery.tick()
    await keeping.restart(is_emptied=True)
    now = 0
    tried_at: list[int] = []

    async def refuse(submissions: Sequence[Submission]) -> None:
        tried_at.append(now)
        raise TooMuchWaitingError(submissions, 1, [], is_for_hosts=True)

    recovery = keeping.recover_by(refuse, clock=lambda: now)
    for _ in range(90):
        await recovery.tick()
        now += 10
    waits = [later - earlier for earlier, later in pairwise(tried_at)]
    assert waits == [10, 20, 40, 80, 160, 300]


async def test_clean_stop_leaves_nothing_to_submit_again(keeping: Keeping, submission: Make) -> None:
    await keeping.journal.append([submission("https://example.org/1", id="a")])
    await keeping.recovery.tick()
    await keeping.recovery.leave_mark()
    await keeping.restart(is_emptied=False)
    assert await keeping.recovery.tick() == 0
    assert keeping.again == []
    await keeping.restart(is_emptied=False)  # and now it was none: the feeder was at work
    assert await keeping.recovery.tick() == 1


async def test_clean_stop_says_nothing_of_a_redis_that_lost_its_data_afterwards(
    keeping: Keeping, submission: Make
) -> None:
    await keeping.journal.append([submission("https://example.org/1", id="a")])
    await keeping.recovery.tick()
    await keeping.recovery.leave_mark()
    await keeping.restart(is_emptied=True)
    assert await keeping.recovery.tick() == 1


async def test_what_was_known_is_known_again_when_redis_comes_back_empty(keeping: Keeping, submission: Make) -> None:
    feed = new_feed("https://example.org/rss", now=datetime.now(UTC))
    await keeping.registry.add(feed)
    await keeping.journal.remember_entries(feed.id, {"e1": "v1", "e2": ""}, present=["e1", "e2"])
    await keeping.journal.append([submission("https://example.org/1", id="a")], article=ARTICLES[0])
    await keeping.journal.append([submission("https://example.org/2", id="b")], article=ARTICLES[1])
    _age_seen(keeping.journal, ARTICLES[1], timedelta(days=8))
    await keeping.end("a")
    await keeping.recovery.tick(copies_feeds=True)
    await keeping.restart(is_emptied=True)
    await keeping.recovery.tick()
    assert await keeping.registry.known_entries(feed, ["e1", "e2", "e3"]) == {"e1": "v1", "e2": ""}
    assert not await keeping.deduplicator.claim(ARTICLES[0], "another")
    assert await keeping.deduplicator.claim(ARTICLES[1], "another")  # beyond the window, as it would have been anyway


async def test_journal_forgets_what_is_too_old_to_matter(keeping: Keeping, submission: Make) -> None:
    for number in range(20):
        await keeping.journal.append([submission("https://example.org/", id=f"s{number}")], article=f"a{number}")
    for number in range(15):
        _age(keeping.journal, f"s{number}", timedelta(days=15))
        _age_seen(keeping.journal, f"a{number}", timedelta(days=8))
    assert await keeping.recovery.prune() == 30
    assert len(await keeping.journal.pending()) == len(await keeping.journal.seen(since=0.0)) == 5
    assert await keeping.recovery.prune() == 0


async def test_entries_that_a_feed_no_longer_has_do_not_pile_up_in_the_journal(journal: SqliteJournal) -> None:
    for turn in range(30):
        entries = {f"{turn}-{number}": "" for number in range(100)}
        await journal.remember_entries("feed", entries, present=entries)
    assert 100 <= len(await journal.entries_of("feed")) <= 1300
    await journal.keep_feeds([])
    assert await journal.entries_of("feed") == {}


def _age_seen(journal: SqliteJournal, article: str, by: timedelta) -> None:
    with sqlite3.connect(journal.path) as connection:
        connection.execute("UPDATE seen SET seen_at = seen_at - ? WHERE article = ?", (by.total_seconds(), article))
    connection.close()


def _age(journal: SqliteJournal, submission: str, by: timedelta) -> None:
    with sqlite3.connect(journal.path) as connection:
        connection.execute(
            "UPDATE handed_on SET handed_at = ? WHERE submission = ?", (time.time() - by.total_seconds(), submission)
        )
    connection.close()
