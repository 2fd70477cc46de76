"""Soak: the real services at work for a long while, and what must stay flat stays flat.

    python tests/harness/soak.py --minutes 20

The same addresses are visited again and again, each time with a new text, so that everything that is kept for each address
reaches its size in the first round. Every hundredth page is dropped for good and its notice kept for a span; a small backlog
waits at all times; a subscriber's group was abandoned with events in hand. After a while for warming up, the first third of
the samples is compared with the last: what grows with what has passed through, and not with what is there, is a leak.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from coranto.client import AsyncClient, new_submission
from coranto.streams.redis import RedisStreams
from coranto.topology import FINISHED, SINK, STAGES, WORKERS, Keys
from coranto_cli.local.redis_server import EmbeddedRedis
from fleet import Fleet, Site

KEYS = Keys()
ADDRESSES = 300
BACKLOG = 100
_WARM_UP = 0.3


@dataclass(frozen=True)
class Sample:
    """What was there at one moment."""

    redis_bytes: int
    resident_bytes: dict[str, int]
    descriptors: dict[str, int]
    files: int
    script_us: float
    """What a call of a script costs Redis: commits, claims, trimming and measuring are scripts."""


@dataclass(frozen=True)
class Line:
    """One figure: what it was in the first third, in the last, and the most it may have grown to."""

    name: str
    first: float
    last: float
    bound: float

    @property
    def is_flat(self) -> bool:
        """Whether it is within its bound."""
        return self.last <= self.bound


@dataclass(frozen=True)
class Result:
    """What the samples tell."""

    finished: int
    samples: int
    lines: list[Line]
    keys: dict[str, tuple[int, int]]
    """Bytes in Redis by kind of key, where steady work began and at the end: tells what has grown."""

    @property
    def grown(self) -> list[Line]:
        """What is not flat."""
        return [line for line in self.lines if not line.is_flat]


async def keep_busy(url: str, redis: Redis, site: Site, keep: timedelta) -> None:
    """Have a small backlog waiting at all times."""
    visit = 0
    stages = [RedisStreams(redis, stage, KEYS) for stage in STAGES]
    async with AsyncClient.from_url(url) as client:
        while True:
            depths = [await streams.measure() for streams in stages]
            # In all stages together: a backlog that moves from one to the next is not what may grow.
            if sum(depth.waiting + depth.pending + depth.delayed for depth in depths) < BACKLOG:
                numbers = [(visit + n) % ADDRESSES for n in range(BACKLOG)]
                visit += BACKLOG
                await client.submit(
                    [new_submission(site.url(n), kind="page", source="soak", is_recrawl=True) for n in numbers],
                    keep=keep,
                )
            await asyncio.sleep(0.2)


async def abandon_a_group(redis: Redis) -> None:
    """A subscriber that reads a little and never comes back."""
    key = KEYS.stream(FINISHED)
    await redis.xgroup_create(key, "abandoned", id="0", mkstream=True)
    while not await redis.xreadgroup("abandoned", "gone", {key: ">"}, count=10):
        await asyncio.sleep(0.2)


class Observer:
    """Takes samples."""

    def __init__(self, redis: Redis, fleet: Fleet, data: Path) -> None:
        self._redis = redis
        self._fleet = fleet
        self._data = data
        self._before = (0.0, 0)

    async def finished(self) -> int:
        """Messages that have passed through the sink."""
        return sum((await RedisStreams(self._redis, SINK, KEYS).outcomes()).values())

    async def look(self) -> Sample:
        """What is there now; times are of what was done since the last look."""
        memory: Any = await self._redis.info("memory")
        commands: Any = await self._redis.info("commandstats")
        script = commands.get("cmdstat_evalsha", {"usec": 0, "calls": 0})
        now = (float(script["usec"]), int(script["calls"]))
        sample = Sample(
            redis_bytes=int(memory["used_memory"]),
            resident_bytes=self._of_each(_resident_bytes),
            descriptors=self._of_each(lambda pid: len(list(Path(f"/proc/{pid}/fd").iterdir()))),
            # A page is kept for each text: that is what the store is for, and its retention is not under test.
            files=sum(1 for file in self._data.rglob("*") if file.is_file() and "pages" not in file.parts),
            script_us=(now[0] - self._before[0]) / max(1, now[1] - self._before[1]),
        )
        self._before = now
        return sample

    async def bytes_by_kind(self) -> Counter[str]:
        """Bytes in Redis by kind of key: its name without what is one address' own."""
        found: Counter[str] = Counter()
        async for key in self._redis.scan_iter(count=1000):
            kind = re.sub(r"\d+\.\d+\.\d+\.\d+.*|[0-9a-f]{6,}|\d+", "…", key.decode())
            found[kind] += int(await self._redis.memory_usage(key) or 0)
        return found

    def _of_each(self, measure: Callable[[int], int]) -> dict[str, int]:
        """The measure of each service, with the processes it has started."""
        found = dict.fromkeys(WORKERS, 0)
        for service, _, process in self._fleet.processes:
            for pid in _family(process.pid):
                try:
                    found[service] += measure(pid)
                except OSError:  # it has ended meanwhile
                    continue
        return found


def _family(pid: int) -> list[int]:
    family, at = [pid], 0
    while at < len(family):
        for task in Path(f"/proc/{family[at]}/task").glob("*/children"):
            try:
                family += [int(child) for child in task.read_text().split()]
            except OSError:
                continue
        at += 1
    return family


def _resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096


def judge(samples: list[Sample]) -> list[Line]:
    """Compare the first third of what came after warming up with the last."""
    steady = samples[int(len(samples) * _WARM_UP) :]
    third = max(1, len(steady) // 3)
    first, last = steady[:third], steady[-third:]

    def line(name: str, figure: Callable[[Sample], float], ratio: float, more: float) -> Line:
        before = statistics.median(figure(sample) for sample in first)
        after = statistics.median(figure(sample) for sample in last)
        return Line(name, round(before, 1), round(after, 1), round(before * ratio + more, 1))

    lines = [
        line("Redis, bytes", lambda sample: sample.redis_bytes, 1.15, 500_000),
        line("files beside pages", lambda sample: sample.files, 1.0, 3),
        # Machines are shared: half as much again is noise, what grows with the count of messages is not.
        line("Redis, us a script", lambda sample: sample.script_us, 1.5, 0),
    ]
    for service in WORKERS:
        lines.append(
            line(f"{service}, bytes", lambda sample, name=service: sample.resident_bytes[name], 1.1, 8_000_000)
        )
        lines.append(line(f"{service}, descriptors", lambda sample, name=service: sample.descriptors[name], 1.0, 8))
    return lines


async def run(minutes: float, data: Path) -> Result:
    """Run for so long, and tell what grew."""
    keep = timedelta(seconds=max(6.0, minutes * 5))
    spans = {
        f"CORANTO_RETENTION__{stream}__{age}": str(keep.total_seconds() * times)
        for stream in ("FINISHED", "DROPPED")
        for age, times in (("AGE", 1), ("UNREAD_AGE", 2))
    }
    site, server = Site(texts_change=True), EmbeddedRedis(data)
    await site.start()
    await asyncio.to_thread(server.start)
    fleet = Fleet(data / "services", server.url, spans)
    redis = Redis.from_url(server.url)
    background: list[asyncio.Task[None]] = []
    samples: list[Sample] = []
    began: Counter[str] = Counter()
    try:
        for service in WORKERS:
            fleet.start(service)
        async with asyncio.timeout(90):
            while not await fleet.is_ready():
                await asyncio.sleep(0.1)
        background.append(asyncio.create_task(keep_busy(server.url, redis, site, keep)))
        background.append(asyncio.create_task(abandon_a_group(redis)))
        observer = Observer(redis, fleet, data)
        end, pause = time.monotonic() + minutes * 60, max(2.0, minutes * 60 / 200)
        while time.monotonic() < end:
            await asyncio.sleep(pause)
            samples.append(await observer.look())
            if not began and time.monotonic() > end - minutes * 60 * (1 - _WARM_UP):
                began = await observer.bytes_by_kind()
            for task in background:
                if task.done():
                    task.result()
        finished, ended = await observer.finished(), await observer.bytes_by_kind()
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await asyncio.to_thread(fleet.stop)
        await redis.aclose()
        server.kill()
        await site.stop()
    keys = {kind: (began[kind], size) for kind, size in ended.most_common()}
    return Result(finished, len(samples), judge(samples[1:]), keys)


def main() -> int:
    """Run, print what was measured, and tell by the exit code whether all is flat."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--result", type=Path, help="file that takes the figures as JSON")
    arguments = parser.parse_args()
    # Told to end, it ends what it has started: as with Ctrl-C, and not at once.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="coranto-soak-") as directory:
        result = asyncio.run(run(arguments.minutes, Path(directory)))
    print(f"{result.finished} messages in {arguments.minutes:g} minutes, {result.samples} samples")
    for line in result.lines:
        print(f"{line.name:26}{line.first:>16,.0f}{line.last:>16,.0f}  {'flat' if line.is_flat else 'HAS GROWN'}")
    for kind, (before, after) in list(result.keys.items())[:15] if result.grown else []:
        print(f"  {kind:50}{before:>14,}{after:>14,}")
    if arguments.result is not None:
        told = {
            "minutes": arguments.minutes,
            "messages": result.finished,
            "figures": [vars(line) for line in result.lines],
        }
        arguments.result.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return 1 if result.grown else 0


if __name__ == "__main__":
    sys.exit(main())
