"""What it costs to let articles wait for their hosts: memory for each, admissions, claims and host leases a second.

One client, one Redis. Claims are taken as a worker takes them, up to 32 at a time, and settled in groups; no host rests, so
that what is measured is the machinery and not the politeness. Counts are asserted: each article comes out once, one at a time
for each host; times are reported.

    python tests/benchmarks/frontier.py [--urls 1000000] [--hosts 10000]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from coranto.frontier import HostFeedback, HostLease, RedisHostLeases
from coranto.host_queue import HostQueue
from coranto.records import DiscoveredArticle, Discovery, article_id
from coranto.records.envelope import FIELD, encode
from coranto.streams.interface import Publish, Retry
from coranto.streams.redis import RedisStreams
from coranto.topology import DISCOVERED, FETCHED, FETCHER, Keys
from coranto.urls import key_of
from coranto_cli.local.redis_server import EmbeddedRedis

RESULTS = Path(__file__).parent / "results"
KEYS = Keys()
ADMITTED_AT_ONCE, SLOTS, CLAIMS, LEASES = 200, 32, 50_000, 3_000
MOST_BYTES, LEAST_CLAIMS = 400, 5_000


def event_of(number: int, hosts: int) -> bytes:
    """An article such as a feed announces."""
    url = f"https://www.paper-{number % hosts}.example/2026/05/01/politics/an-article-with-a-title-{number}.html"
    discovery = Discovery(
        url=url,
        submission=article_id(f"submission {number}"),
        source=f"Paper {number % hosts}",
        discovered_via="feed",
        discovered_at="2026-05-01T12:00:00Z",  # type: ignore[arg-type]  # pydantic reads it
    )
    key = key_of(url)
    article = DiscoveredArticle(id=article_id(key), key=key, url=url, discovery=discovery)
    return encode(article, source="coranto/feeder")


async def admit(redis: Redis, streams: RedisStreams, urls: int, hosts: int) -> float:
    """Put so many articles into the queues; gives the seconds that the commits took."""
    spent = 0.0
    for start in range(0, urls, ADMITTED_AT_ONCE):
        pipe = redis.pipeline(transaction=False)
        for number in range(start, min(start + ADMITTED_AT_ONCE, urls)):
            pipe.xadd(KEYS.stream(DISCOVERED), {FIELD: event_of(number, hosts)})
        await pipe.execute()
        rows: Any = await redis.xreadgroup(
            FETCHER.name, "bench", {KEYS.stream(DISCOVERED): ">"}, count=ADMITTED_AT_ONCE
        )
        entries = streams.entries("main", rows[0][1])
        begun = time.perf_counter()
        await streams.commit(
            [
                (entry, Retry("queued", 0, 0, queue=HostQueue(f"paper-{(start + at) % hosts}.example")))
                for at, entry in enumerate(entries)
            ]
        )
        spent += time.perf_counter() - begun
        await redis.xtrim(KEYS.stream(DISCOVERED), maxlen=0)
    return spent


async def claim(redis: Redis, streams: RedisStreams, number: int) -> tuple[float, float]:
    """Take and settle so many articles; gives the seconds that claims took, and those of all."""
    seen: set[str] = set()
    claiming = 0.0
    begun = time.perf_counter()
    while len(seen) < number:
        at = time.perf_counter()
        claims = await streams.claim_hosts("bench", count=SLOTS, slow=SLOTS // 5, lease=timedelta(seconds=60))
        claiming += time.perf_counter() - at
        assert len({entry.host for entry in claims.entries}) == len(claims.entries) == SLOTS
        for entry in claims.entries:
            assert entry.event is not None
            seen.add(json.loads(entry.event)["id"])
        await streams.commit([(entry, Publish(entry.id, b"{}")) for entry in claims.entries])
        await redis.xtrim(KEYS.stream(FETCHED), maxlen=0)
    total = time.perf_counter() - begun
    assert len(seen) % SLOTS == 0  # none came twice
    return claiming, total


async def lease(redis: Redis, number: int) -> float:
    """Acquire and release the leases of so many hosts; gives the seconds."""
    leases = RedisHostLeases(redis)
    begun = time.perf_counter()
    for each in range(number):
        held = await leases.acquire(f"paper-{each}.example", "bench", delay=timedelta(seconds=2))
        assert isinstance(held, HostLease)
        await leases.release(held, HostFeedback.FINE)
    return time.perf_counter() - begun


async def measure(urls: int, hosts: int) -> dict[str, Any]:
    """All figures of one run."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedRedis(Path(folder))
        server.start()
        redis: Redis = Redis.from_url(server.url)
        try:
            streams = RedisStreams(redis, FETCHER, KEYS)
            await streams.ensure()
            before = int((await redis.info("memory"))["used_memory"])
            admitting = await admit(redis, streams, urls, hosts)
            waiting_bytes = (int((await redis.info("memory"))["used_memory"]) - before) / urls
            assert (await streams.measure()).queued == urls
            number = min(CLAIMS, urls // 2)
            claiming, total = await claim(redis, streams, number)
            leasing = await lease(redis, LEASES)
        finally:
            await redis.aclose()
            server.kill()
    return {
        "urls": urls,
        "hosts": hosts,
        "event_bytes": len(event_of(1, hosts)),
        "bytes_per_waiting_url": round(waiting_bytes),
        "admissions_per_second": round(urls / admitting),
        "claims_per_second": round(number / claiming),
        "claimed_and_settled_per_second": round(number / total),
        "leases_per_second": round(LEASES / leasing),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def main() -> None:
    """Measure, keep the figures, and say where they miss their aim."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--urls", type=int, default=1_000_000)
    parser.add_argument("--hosts", type=int, default=10_000)
    arguments = parser.parse_args()
    figures = asyncio.run(measure(arguments.urls, arguments.hosts))
    text = json.dumps(figures, indent=2)
    print(text)
    if arguments.urls == parser.get_default("urls"):
        (RESULTS / "frontier.json").write_text(text + "\n", encoding="utf-8")
    if figures["bytes_per_waiting_url"] > MOST_BYTES:
        raise SystemExit(f"expected at most {MOST_BYTES} bytes for each waiting URL")
    if figures["claims_per_second"] < LEAST_CLAIMS:
        print(f"fewer claims than {LEAST_CLAIMS} a second: is the machine busy?")


if __name__ == "__main__":
    main()
