"""Every way a message can end, against every state of the gates: it is settled once, and the stage goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from coranto.records import DiscoveredArticle, Submission
from coranto.records.envelope import encode
from coranto.testing import discovered, submission
from coranto.testing.bench import Bench, delivering, until
from coranto.topology import FEEDER
from coranto.worker.settings import BreakerSettings
from coranto.worker.stage import Accepted, Invalid, RetryPolicy, Stage, Transient, Unwanted

REASONS = dict.fromkeys(
    ("accepted", "unwanted", "invalid", "passing", "its_turn", "world_down"), "Asked for by the test."
)
SURROGATE = b'{"specversion":"1.0","type":"x","id":"1","source":"s","data":{"id":"\\ud83d"}}'
PAUSE = 0.05
BREAKER = BreakerSettings(
    failures=3, probe_after=timedelta(seconds=PAUSE), max_pause=timedelta(seconds=PAUSE), max_dead_in_a_row=12
)

ENDINGS = {
    "published": ("published", "ok"),
    "accepted": ("accepted", "accepted"),
    "unwanted": ("dropped", "unwanted"),
    "unwanted_in_odd_words": ("dropped", "unwanted"),
    "invalid": ("dead", "invalid"),
    "passing": ("retried", "passing"),
    "its_turn": ("retried", "its_turn"),
    "world_down": ("retried", "world_down"),
    "unknown_reason": ("retried", "error"),
    "bug": ("retried", "error"),
    "bug_in_odd_words": ("retried", "error"),
    "bug_that_cannot_be_shown": ("retried", "error"),
    "cancelled": ("retried", "error"),
    "timeout_of_its_own": ("retried", "error"),
    "deadline": ("retried", "deadline"),
    "not_serialisable": ("retried", "error"),
    "malformed": ("dead", "malformed"),
    "no_event": ("dead", "malformed"),
    "half_a_character": ("dead", "malformed"),
    "worker_lost": ("dead", "worker_lost"),
}
"""What the ending is, and what it is counted as at a first attempt."""

GATES = ("closed", "open", "half_open", "open_for_dead_letters", "paused", "delayed_full")


class UnshowableError(Exception):
    """An exception whose own text fails."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


RAISED: dict[str, Callable[[], BaseException]] = {
    "accepted": lambda: Accepted("accepted"),
    "unwanted": lambda: Unwanted("unwanted"),
    "unwanted_in_odd_words": lambda: Unwanted("unwanted", detail="half a \ud83d character"),
    "invalid": lambda: Invalid("invalid", detail="\udcff"),
    "passing": lambda: Transient("passing"),
    "its_turn": lambda: Transient("its_turn", retry_after=timedelta(seconds=1), spends_attempt=False),
    "world_down": lambda: Transient("world_down"),
    "unknown_reason": lambda: Unwanted("no such word"),
    "bug": lambda: KeyError("a bug"),
    "bug_in_odd_words": lambda: RuntimeError("\ud83d" * 5_000),
    "bug_that_cannot_be_shown": UnshowableError,
    "cancelled": asyncio.CancelledError,
    "timeout_of_its_own": TimeoutError,
}


def make_error(ending: str) -> BaseException:
    return RAISED[ending]()


async def behave(asked: Submission) -> DiscoveredArticle:
    ending = asked.url.rpartition("/")[2]
    if ending in RAISED:
        raise make_error(ending)
    if ending == "deadline":
        await asyncio.sleep(60)
    found = discovered(asked.url)
    if ending == "not_serialisable":
        return found.model_copy(update={"discovery": found.discovery.model_copy(update={"url": "\ud83d"})})
    return found


def stage(concurrency: int = 4) -> Stage[Any, Any]:
    retry = RetryPolicy(attempts=3, first_delay=timedelta(seconds=1), longest_delay=timedelta(seconds=2))
    return Stage(
        FEEDER, behave, REASONS, retry=retry, concurrency=concurrency, deadline=timedelta(seconds=0.05),
        systemic=frozenset({"world_down"}),
    )  # fmt: skip


def add(bench: Bench, ending: str, *, partition: int = 0, host: str = "news.example") -> None:
    match ending:
        case "malformed":
            bench.add(b"\xff\xfe no json", partition=partition)
        case "no_event":
            bench.add(None, partition=partition)
        case "half_a_character":
            bench.add(SURROGATE, partition=partition)
        case "worker_lost":
            bench.add(encode(submission(), source="test"), partition=partition, lost=5)
        case _:
            bench.add(encode(submission(f"https://{host}/{ending}"), source="test"), partition=partition)


async def set_gate(bench: Bench, gate: str) -> None:
    breaker = bench.flow.breaker
    if gate in {"open", "half_open"}:
        for _ in range(BREAKER.failures):
            breaker.report("world_down", "systemic", is_dead=False, is_end=False, is_trial=False)
    elif gate == "open_for_dead_letters":
        for _ in range(BREAKER.max_dead_in_a_row):
            breaker.report("malformed", "none", is_dead=True, is_end=True, is_trial=False)
    if gate == "half_open":
        bench.clock.advance(BREAKER.probe_after)
    bench.flow.judge(is_paused=gate == "paused", is_delayed_full=gate == "delayed_full")
    assert breaker.is_closed == (gate not in {"open", "half_open", "open_for_dead_letters"})


async def pass_time(bench: Bench) -> None:
    """What happens anyway: depths are measured again, delayed messages come back, a pause passes."""
    bench.clock.advance(timedelta(seconds=6))
    bench.flow.judge(is_paused=False, is_delayed_full=False)
    for streams in bench.streams:
        await streams.move_due(limit=1_000)


@pytest.mark.parametrize("partitions", [1, 8])
@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_message_ends_once_and_the_stage_goes_on(ending: str, gate: str, partitions: int) -> None:
    async with delivering(stage(), partitions=partitions, breaker=BREAKER) as bench:
        await set_gate(bench, gate)
        add(bench, ending)
        for partition in range(partitions):
            add(bench, "published", partition=partition)
        if gate in {"open", "open_for_dead_letters", "paused"}:
            await asyncio.sleep(2 * PAUSE)
            assert bench.counts == {}
        elif gate == "half_open":
            await until(lambda: bool(bench.counts))
        seen = bench.counts
        async with asyncio.timeout(10):
            while bench.unsettled or bench.counts.get(("published", "ok"), 0) < partitions:
                await pass_time(bench)
                await asyncio.sleep(PAUSE / 3)
                seen = bench.counts
        kind, reason = ENDINGS[ending]
        expected = 1 if ending != "published" else partitions + 1
        if gate == "open_for_dead_letters" and kind == "dead" and ending != "invalid":
            kind = "retried"  # held back: no message dies while too many do
        assert seen.get((kind, reason), 0) >= expected, seen
        ends = sum(n for (end, _), n in bench.counts.items() if end != "retried")
        delayed = len(bench.pipeline.delayed.get("feeder", []))
        assert ends + delayed == partitions + 1
        assert bench.unsettled == 0
        assert not bench.delivery.broken.done()
    assert bench.flow.used == bench.delivery.in_flight == 0


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_trial_gives_its_permit_back_however_it_ends(ending: str) -> None:
    async with delivering(stage(concurrency=1), breaker=BREAKER) as bench:
        await set_gate(bench, "half_open")
        add(bench, ending)
        await until(lambda: bool(bench.counts))
        await until(lambda: bench.flow.breaker.trial_age_seconds is None)
        bench.clock.advance(BREAKER.max_pause)
        for _ in range(3):
            add(bench, "published")
        await until(lambda: bench.counts.get(("published", "ok"), 0) >= 3)
        assert bench.flow.breaker.is_closed


@pytest.mark.parametrize("ending", ["malformed", "half_a_character", "invalid", "worker_lost"])
async def test_dead_letters_are_not_flooded(ending: str) -> None:
    async with delivering(stage(concurrency=8), breaker=BREAKER) as bench:
        for _ in range(500):
            add(bench, ending)
        await until(lambda: not bench.flow.breaker.is_closed)
        for _ in range(5):
            bench.clock.advance(BREAKER.probe_after)
            await asyncio.sleep(2 * PAUSE)
        dead = sum(n for (kind, _), n in bench.counts.items() if kind == "dead")
        assert BREAKER.max_dead_in_a_row <= dead <= BREAKER.max_dead_in_a_row + 8
        assert bench.flow.breaker.reason == "dead_letters"
        delayed = len(bench.pipeline.delayed.get("feeder", []))
        assert dead + delayed + bench.unsettled == 500  # nothing is lost meanwhile


async def test_pages_of_one_site_that_bring_out_a_bug_stop_no_other_site() -> None:
    breaker = BREAKER.model_copy(update={"probe_after": timedelta(minutes=1)})
    async with delivering(stage(concurrency=1), breaker=breaker) as bench:
        for number in range(10):
            add(bench, "bug", host=f"www{number}.poison.example.com")
        add(bench, "published")
        await until(lambda: sum(bench.counts.values()) == 11)
        assert bench.flow.breaker.is_closed
        assert bench.counts == {("retried", "error"): 10, ("published", "ok"): 1}


async def test_bug_that_pages_of_three_sites_bring_out_stops_the_stage() -> None:
    async with delivering(stage(concurrency=1), breaker=BREAKER) as bench:
        for number in range(10):
            add(bench, "bug", host=f"paper{number}.example")
        await until(lambda: not bench.flow.breaker.is_closed)
        assert bench.flow.breaker.reason == "error"


async def test_a_share_of_dead_letters_opens_the_breaker_though_none_follow_each_other() -> None:
    async with delivering(stage(concurrency=1), breaker=BREAKER) as bench:
        for number in range(600):
            add(bench, "published" if number % 3 == 0 else "malformed")
        await until(lambda: not bench.flow.breaker.is_closed)
        assert sum(n for (kind, _), n in bench.counts.items() if kind == "dead") <= BREAKER.dead_window


async def test_a_few_dead_letters_among_many_good_messages_stop_nothing() -> None:
    async with delivering(stage(), breaker=BREAKER) as bench:
        for number in range(600):
            add(bench, "malformed" if number % 4 == 0 else "published")
        await until(lambda: sum(bench.counts.values()) == 600)
        assert bench.counts == {("published", "ok"): 450, ("dead", "malformed"): 150}


async def test_good_messages_pass_those_that_are_held_back() -> None:
    async with delivering(stage(concurrency=1), breaker=BREAKER) as bench:
        await set_gate(bench, "open_for_dead_letters")
        add(bench, "malformed")
        add(bench, "published")
        bench.clock.advance(BREAKER.probe_after)
        await until(lambda: ("retried", "malformed") in bench.counts)
        bench.clock.advance(BREAKER.probe_after)
        await until(lambda: bench.flow.breaker.is_closed)
        await pass_time(bench)
        await until(lambda: bench.counts.get(("dead", "malformed")) == 1)


async def test_a_message_past_its_deadline_is_tried_again_before_it_is_dead() -> None:
    async with delivering(stage(), breaker=BREAKER) as bench:
        add(bench, "deadline")
        for _ in range(3):
            await until(lambda: bench.unsettled == 0)
            bench.clock.advance(timedelta(seconds=3))
            await bench.streams[0].move_due(limit=10)
        await until(lambda: ("dead", "deadline") in bench.counts)
        assert bench.counts == {("retried", "deadline"): 2, ("dead", "deadline"): 1}


@pytest.mark.parametrize("partitions", [1, 4, 16, 64])
async def test_a_worker_holds_no_more_than_it_can_work_on_whatever_the_partitions(partitions: int) -> None:
    most, is_held = 0, asyncio.Event()

    async def hold(asked: Submission) -> DiscoveredArticle:
        await is_held.wait()
        return discovered(asked.url)

    slow: Stage[Any, Any] = Stage(FEEDER, hold, REASONS, concurrency=16)
    async with delivering(slow, partitions=partitions) as bench:
        for number in range(640):
            bench.add(
                encode(submission(f"https://news.example/{number}"), source="test"), partition=number % partitions
            )
        await until(lambda: bench.delivery.in_flight == 16)
        for _ in range(20):
            await asyncio.sleep(0.01)
            most = max(most, bench.delivery.in_flight)
        is_held.set()
        await until(lambda: bench.counts.get(("published", "ok")) == 640, within_seconds=20)
    assert most == 16
