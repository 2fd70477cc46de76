"""What delivery costs: one stage that reads, adds a section and republishes, three ways on the same Redis in the same run.

Figures are ratios within this run: machines are shared and differ. Counts are asserted: every message arrives once, and a
commit settles a group, not a message.

    python tests/benchmarks/delivery.py [--messages 20000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from faststream.redis import RedisBroker, StreamSub
from pydantic import SecretStr
from redis.asyncio import Redis

from coranto.client import AsyncClient, new_submission
from coranto.records import DiscoveredArticle, Discovery, Submission, article_id
from coranto.settings import LogSettings, RedisSettings
from coranto.topology import DISCOVERED, FEEDER, SUBMITTED, Keys
from coranto.worker import log
from coranto.worker.app import Worker
from coranto.worker.settings import DeliverySettings, WorkerSettings
from coranto.worker.stage import Stage
from coranto_cli.local.redis_server import EmbeddedRedis

KEYS = Keys()
INPUT, OUTPUT = KEYS.stream(SUBMITTED), KEYS.stream(DISCOVERED)
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Measured:
    """One way in one round."""

    messages_per_second: float
    cpu_microseconds_per_message: float
    commits: int | None = None


async def fill(redis: Redis, messages: int) -> None:
    await redis.flushall()
    client = AsyncClient(redis)
    await client.submit((new_submission(f"https://news.example/{n}") for n in range(messages)), high_water=10**9)
    await redis.xgroup_create(INPUT, FEEDER.name, id="0")


async def measure(redis: Redis, messages: int, work: Callable[[], Awaitable[int | None]]) -> Measured:
    """Time `work` from the first message that arrives to the last, so that start-up is left out."""
    task = asyncio.ensure_future(work())
    while await redis.xlen(OUTPUT) == 0:
        await asyncio.sleep(0.001)
    first, began, cpu = int(await redis.xlen(OUTPUT)), time.perf_counter(), time.process_time()
    while await redis.xlen(OUTPUT) < messages:
        await asyncio.sleep(0.005)
        if task.done():
            break
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    commits = await task
    assert await redis.xlen(OUTPUT) == messages
    done = messages - first
    return Measured(done / seconds, cpu / done * 1e6, commits)


async def plain_loop(url: str, messages: int) -> None:
    """redis-py alone: batches of 100, one pipeline of XADD and XACK for each."""
    redis = Redis.from_url(url)
    done = 0
    while done < messages:
        rows: Any = await redis.xreadgroup(FEEDER.name, "plain", {INPUT: ">"}, count=100, block=1000)
        pipe = redis.pipeline(transaction=False)
        for _, entries in rows:
            for entry_id, fields in entries:
                event = json.loads(fields[b"event"])
                event["data"]["stage"] = "plain"
                event["data"]["seen_at"] = time.time()
                pipe.xadd(OUTPUT, {"event": json.dumps(event)})
                pipe.xack(INPUT, FEEDER.name, entry_id)
                done += 1
        await pipe.execute()
    await redis.aclose()


async def faststream_as_documented(url: str, messages: int) -> None:
    """FastStream, one message a call, publishing and acknowledging as its documentation shows."""
    broker = RedisBroker(url, logger=None)  # type: ignore[arg-type]  # None silences it
    finished = asyncio.Event()
    done = 0

    async def decode(message: Any) -> Any:
        return json.loads(message.raw_message["data"][b"event"])

    async def parse(message: Any, original: Any) -> Any:
        return await original({**message, "data": {b"__data__": message["data"][b"event"]}})

    sub = StreamSub(INPUT, group=FEEDER.name, consumer="documented", max_records=100)

    @broker.subscriber(stream=sub, parser=parse)
    @broker.publisher(stream=OUTPUT)
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


async def through_the_worker(url: str, messages: int) -> int:
    """`coranto.worker`: validated records, guarded commits, metrics, claims, trimming."""

    async def handle(submission: Submission) -> DiscoveredArticle:
        discovery = Discovery(
            url=submission.url,
            canonical_url=submission.url,
            submission=submission.id,
            source=submission.source,
            found_by="submit",
            discovered_at=submission.submitted_at,
        )
        return DiscoveredArticle(id=article_id(submission.url), discovery=discovery)

    settings = WorkerSettings(
        redis=RedisSettings(url=SecretStr(url)),
        delivery=DeliverySettings(high_water=10**9, poll_interval=timedelta(seconds=1)),
        log=LogSettings(level="warning"),
    )
    worker = Worker(settings, stages=[Stage(FEEDER, handle, {}, concurrency=400)])
    stop = asyncio.Event()
    task = asyncio.create_task(worker.serve(stop))
    redis = Redis.from_url(url)
    while await redis.xlen(OUTPUT) < messages:
        await asyncio.sleep(0.01)
    stop.set()
    await task
    await redis.aclose()
    return int(worker.metrics.registry.get_sample_value("coranto_commits_total", {"stage": "feeder"}) or 0)


async def compare(messages: int, rounds: int) -> dict[str, Any]:
    log.configure(LogSettings(level="warning"))
    ways: dict[str, Callable[[str, int], Awaitable[int | None]]] = {
        "redis-py loop": plain_loop,
        "FastStream as documented": faststream_as_documented,
        "coranto.worker": through_the_worker,
    }
    measured: dict[str, list[Measured]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory(prefix="coranto-bench-") as directory:
        server = EmbeddedRedis(Path(directory))
        server.start()
        redis = Redis.from_url(server.url)
        for _ in range(rounds):
            for name, way in ways.items():
                number = messages // 5 if name == "FastStream as documented" else messages
                await fill(redis, number)
                measured[name].append(await measure(redis, number, lambda way=way, n=number: way(server.url, n)))
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
    commits = max(each.commits or 0 for each in measured["coranto.worker"])
    assert commits < messages / 10, f"{commits} commits for {messages} messages: outcomes are not grouped"
    return {
        "messages": messages,
        "rounds": rounds,
        "ways": table,
        "commits_per_1000_messages": round(commits / messages * 1000, 1),
        "worker_peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "python": platform.python_version(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    result = asyncio.run(compare(arguments.messages, arguments.rounds))
    print(f"{'way':28}{'messages/s':>12}{'CPU us':>10}{'share':>8}")
    for name, row in result["ways"].items():
        print(f"{name:28}{row['messages_per_second']:>12}{row['cpu_us_per_message']:>10}{row['share_of_redis_py']:>8}")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "delivery.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
