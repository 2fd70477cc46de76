"""What delivery costs: one stage that reads, adds a section and republishes, three ways on the same Redis in the same run.

Twice: for the first stage, beside a `finished` stream that keeps 10,000 articles; and for the last, which writes into that
stream: what is kept must not count as what waits. Figures are ratios within this run: machines are shared and differ.
Counts are asserted: every message arrives once, a commit settles a group, not a message, and so many commands are sent.

    python tests/benchmarks/delivery.py [--messages 20000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from faststream.redis import RedisBroker, StreamSub
from pydantic import SecretStr
from redis.asyncio import Redis

from coranto.client import new_submission
from coranto.records import (
    ClassifiedArticle,
    DiscoveredArticle,
    Discovery,
    FinishedArticle,
    Record,
    Storage,
    Submission,
    article_id,
)
from coranto.records.envelope import FIELD, encode
from coranto.settings import LogSettings, RedisSettings
from coranto.testing import samples
from coranto.topology import FEEDER, FINISHED, SINK, Keys, StageSpec, Stream
from coranto.worker import log
from coranto.worker.app import Worker
from coranto.worker.settings import DeliverySettings, WorkerSettings
from coranto.worker.stage import Stage
from coranto_cli.local.redis_server import EmbeddedRedis

KEYS = Keys()
RESULTS = Path(__file__).parent / "results"
KEPT_FINISHED = 10_000
# A read and a commit for each hundred, more of both where they are not full, and housekeeping beside them.
MOST_COMMANDS_PER_MESSAGE = 0.04
LEAST_SHARE, AIMED_SHARE = 0.77, 0.90
# What clients send. A script's own calls are counted by Redis under the same names, but never these.
_SENT = ("xreadgroup", "evalsha", "eval", "fcall", "xautoclaim", "xgroup|create", "exists", "zcard", "hgetall")


@dataclass(frozen=True)
class Case:
    """A stage and what flows through it."""

    name: str
    spec: StageSpec
    make: Callable[[int], Record]
    handle: Callable[[Any], Awaitable[Record]]

    @property
    def input(self) -> str:
        """The stream that is read."""
        return KEYS.stream(self.spec.reads)

    @property
    def output(self) -> str:
        """The stream that is written."""
        assert self.spec.writes is not None
        return KEYS.stream(self.spec.writes)

    @property
    def kept(self) -> int:
        """Entries that are in the output before the first."""
        return KEPT_FINISHED if self.spec.writes is FINISHED else 0


async def discover(submission: Submission) -> DiscoveredArticle:
    discovery = Discovery(
        url=submission.url,
        submission=submission.id,
        source=submission.source,
        discovered_via="submit",
        discovered_at=submission.submitted_at,
    )
    return DiscoveredArticle(id=article_id(submission.url), key=submission.url, url=submission.url, discovery=discovery)


async def store(article: ClassifiedArticle) -> FinishedArticle:
    return article.with_storage(Storage(revision=1, change="created", stored_at=article.discovery.discovered_at))


CASES = (
    Case("first stage", FEEDER, lambda n: new_submission(f"https://news.example/{n}"), discover),
    Case("last stage", SINK, lambda n: samples.classified(f"https://news.example/{n}"), store),
)


@dataclass(frozen=True)
class Measured:
    """One way in one round."""

    messages_per_second: float
    cpu_microseconds_per_message: float
    commits: int | None = None
    commands_per_message: float = 0.0


async def fill(redis: Redis, case: Case, messages: int) -> None:
    await redis.flushall()
    await _write(redis, FINISHED, (samples.finished(f"https://kept.example/{n}") for n in range(KEPT_FINISHED)))
    await _write(redis, case.spec.reads, (case.make(n) for n in range(messages)))
    await redis.xgroup_create(case.input, case.spec.name, id="0")
    await redis.config_resetstat()


async def _write(redis: Redis, stream: Stream, records: Iterable[Record]) -> None:
    pipe = redis.pipeline(transaction=False)
    for record in records:
        pipe.xadd(KEYS.stream(stream), {FIELD: encode(record, source="benchmark")})
        if len(pipe) == 1000:
            await pipe.execute()
    await pipe.execute()


async def count_commands(redis: Redis) -> int:
    """Commands that clients have sent, but for what this program asks itself."""
    stats: Any = await redis.info("commandstats")
    return sum(int(stats[name]["calls"]) for command in _SENT if (name := f"cmdstat_{command}") in stats)


async def measure(redis: Redis, case: Case, messages: int, work: Callable[[], Awaitable[int | None]]) -> Measured:
    """Time `work` from the first message that arrives to the last, so that start-up is left out."""
    task = asyncio.ensure_future(work())
    messages += case.kept
    while await redis.xlen(case.output) == case.kept:
        await asyncio.sleep(0.001)
    first, began, cpu = int(await redis.xlen(case.output)), time.perf_counter(), time.process_time()
    sent = await count_commands(redis)
    while await redis.xlen(case.output) < messages:
        await asyncio.sleep(0.005)
        if task.done():
            break
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    sent = await count_commands(redis) - sent
    commits = await task
    assert await redis.xlen(case.output) == messages
    done = messages - first
    return Measured(done / seconds, cpu / done * 1e6, commits, sent / done)


async def plain_loop(url: str, case: Case, messages: int) -> None:
    """redis-py alone: batches of 100, one pipeline of XADD and XACK for each."""
    redis = Redis.from_url(url)
    done = 0
    while done < messages:
        rows: Any = await redis.xreadgroup(case.spec.name, "plain", {case.input: ">"}, count=100, block=1000)
        pipe = redis.pipeline(transaction=False)
        for _, entries in rows:
            for entry_id, fields in entries:
                event = json.loads(fields[b"event"])
                event["data"]["stage"] = "plain"
                event["data"]["seen_at"] = time.time()
                pipe.xadd(case.output, {"event": json.dumps(event)})
                pipe.xack(case.input, case.spec.name, entry_id)
                done += 1
        await pipe.execute()
    await redis.aclose()


async def faststream_as_documented(url: str, case: Case, messages: int) -> None:
    """FastStream, one message a call, publishing and acknowledging as its documentation shows."""
    broker = RedisBroker(url, logger=None)  # type: ignore[arg-type]  # None silences it
    finished = asyncio.Event()
    done = 0

    async def decode(message: Any) -> Any:
        return json.loads(message.raw_message["data"][b"event"])

    async def parse(message: Any, original: Any) -> Any:
        return await original({**message, "data": {b"__data__": message["data"][b"event"]}})

    sub = StreamSub(case.input, group=case.spec.name, consumer="documented", max_records=100)

    @broker.subscriber(stream=sub, parser=parse)
    @broker.publisher(stream=case.output)
    async def handle(event: dict[str, Any]) -> dict[str, Any]:
        nonlocal done
        done += 1
        if done == messages:
            finished.set()
        return {**event, "stage": "documented", "seen_at": time.time()}

    await broker.start()
    await finished.wait()
    await asyncio.sleep(0.2)
    await broker.stop()


async def through_the_worker(url: str, case: Case, messages: int) -> int:
    """`coranto.worker`: validated records, guarded commits, metrics, claims, trimming."""
    settings = WorkerSettings(
        redis=RedisSettings(url=SecretStr(url)),
        # Nobody reads what the first stage writes here; the last stage must do with the mark that is set for all.
        delivery=DeliverySettings(**({} if case.kept else {"max_backlog": 10**9})),
        log=LogSettings(level="warning"),
    )
    worker = Worker(settings, stages=[Stage(case.spec, case.handle, {}, concurrency=400)])
    stop = asyncio.Event()
    task = asyncio.create_task(worker.serve(stop))
    redis = Redis.from_url(url)
    while await redis.xlen(case.output) < messages + case.kept:
        await asyncio.sleep(0.01)
    stop.set()
    await task
    await redis.aclose()
    return int(worker.metrics.registry.get_sample_value("coranto_commit_calls_total", {"stage": case.spec.name}) or 0)


WAYS: dict[str, Callable[[str, Case, int], Awaitable[int | None]]] = {
    "redis-py loop": plain_loop,
    "FastStream as documented": faststream_as_documented,
    "coranto.worker": through_the_worker,
}


async def compare(case: Case, messages: int, rounds: int) -> dict[str, Any]:
    log.configure(LogSettings(level="warning"))
    measured: dict[str, list[Measured]] = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory(prefix="coranto-bench-") as directory:
        server = EmbeddedRedis(Path(directory))
        server.start()
        redis = Redis.from_url(server.url)
        for _ in range(rounds):
            for name, way in WAYS.items():
                number = messages // 5 if name == "FastStream as documented" else messages
                await fill(redis, case, number)
                work = partial(way, server.url, case, number)
                measured[name].append(await measure(redis, case, number, work))
        await redis.aclose()
        server.kill()
    floor = [each.messages_per_second for each in measured["redis-py loop"]]
    table = {
        name: {
            "messages_per_second": round(statistics.median(each.messages_per_second for each in rows)),
            "cpu_us_per_message": round(statistics.median(each.cpu_microseconds_per_message for each in rows), 1),
            "share_of_redis_py": round(
                statistics.median(each.messages_per_second / base for each, base in zip(rows, floor, strict=True)), 3
            ),
        }
        for name, rows in measured.items()
    }
    ours = measured["coranto.worker"]
    return {
        "ways": table,
        "commits_per_1000_messages": round(max(each.commits or 0 for each in ours) / messages * 1000, 1),
        "commands_per_1000_messages": round(max(each.commands_per_message for each in ours) * 1000, 1),
    }


def check(name: str, result: dict[str, Any]) -> list[str]:
    """What the counts say against it. Shares are told and not judged: machines differ, and are shared."""
    wrong = []
    if (commits := result["commits_per_1000_messages"]) > 100:
        wrong.append(f"{name}: {commits} commits for 1000 messages: outcomes are not grouped")
    if (commands := result["commands_per_1000_messages"]) > MOST_COMMANDS_PER_MESSAGE * 1000:
        wrong.append(f"{name}: {commands} commands for 1000 messages, {MOST_COMMANDS_PER_MESSAGE * 1000:g} are enough")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    results = {case.name: asyncio.run(compare(case, arguments.messages, arguments.rounds)) for case in CASES}
    for name, result in results.items():
        print(f"{name:28}{'messages/s':>12}{'CPU us':>10}{'share':>8}")
        for way, row in result["ways"].items():
            print(
                f"  {way:26}{row['messages_per_second']:>12}{row['cpu_us_per_message']:>10}{row['share_of_redis_py']:>8}"
            )
        share = result["ways"]["coranto.worker"]["share_of_redis_py"]
        print(f"  share of redis-py alone: {share}, expected {LEAST_SHARE}, aim {AIMED_SHARE}")
        print(f"  commands for 1000 messages: {result['commands_per_1000_messages']}")
    kept = {
        "messages": arguments.messages,
        "rounds": arguments.rounds,
        "kept_finished": KEPT_FINISHED,
        "cases": results,
        "worker_peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "python": platform.python_version(),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "delivery.json").write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    wrong = [line for name, result in results.items() for line in check(name, result)]
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
