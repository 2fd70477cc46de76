"""What the gateway gives: its lists with a thousand sources, and its stream with five hundred readers that filter.

    python tests/benchmarks/gateway.py [--sources 1000] [--readers 500] [--events 200]

The gateway runs as a process of its own, on an embedded Redis and a store of SQLite; readers and writer are in this one, on the
same machine, and take their share of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from redis.asyncio import Redis

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.harness.redis_nodes import free_port
from tests.shared.store.articles import build_article

from coranto.sources.registry import FeedRegistry, new_feed
from coranto.store.interface import Stored
from coranto.store.sqlite.writer import SqliteArticleStore
from coranto.topology import Keys
from coranto_cli.local.redis_server import EmbeddedRedis

RESULTS = Path(__file__).parent / "results"
FILTERS = ("language == 'en'", "url.contains('example/1')", "topic.under('medtop:11000000')", "source == 'example'", "")


async def lists(base: str, rounds: int = 9) -> dict[str, float]:
    """Median milliseconds of each list."""
    found = {}
    async with httpx.AsyncClient(base_url=base, timeout=60) as client:
        for path in ("/sources", "/v1/sources", "/", "/articles", "/stories", "/subscribers"):
            spent = []
            for _ in range(rounds):
                began = time.perf_counter()
                (await client.get(path, headers={"Accept": "text/html"})).raise_for_status()
                spent.append(1000 * (time.perf_counter() - began))
            found[path] = round(statistics.median(spent), 1)
    return found


async def read_stream(port: int, where: str, counts: list[int], place: int) -> None:
    """Count the events that come, until cancelled."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    query = httpx.QueryParams({"where": where} if where else {})
    writer.write(f"GET /v1/stream?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    try:
        while data := await reader.read(65536):
            counts[place] += data.count(b"\ndata:") + data.startswith(b"data:")
    finally:
        writer.close()


def resident_mb(pid: int) -> float:
    """Memory of the process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def stream(port: int, pid: int, store: SqliteArticleStore, readers: int, events: int) -> dict[str, Any]:
    """Events a second that leave the gateway, and memory a reader."""
    before = resident_mb(pid)
    counts = [0] * readers
    tasks = [asyncio.create_task(read_stream(port, FILTERS[n % len(FILTERS)], counts, n)) for n in range(readers)]
    await asyncio.sleep(5)
    connected = resident_mb(pid)
    expected = sum(
        events for n in range(readers) if FILTERS[n % len(FILTERS)] in ("", "language == 'en'", "source == 'example'")
    )
    began = time.perf_counter()
    for first in range(0, events, 50):
        articles = [
            build_article(f"https://news.example/2{number}") for number in range(first, min(first + 50, events))
        ]
        stored = await asyncio.gather(*map(store.store, articles))
        await store.mark_announced(
            [(a.id, s.storage.revision) for a, s in zip(articles, stored, strict=True) if isinstance(s, Stored)]
        )
    quiet, last = 0, -1
    while quiet < 10 and time.perf_counter() - began < 300:
        total = sum(counts)
        quiet, last = (quiet + 1 if total == last else 0), total
        if total != last or not quiet:
            ended = time.perf_counter()
        await asyncio.sleep(0.2)
    after = resident_mb(pid)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    spent = ended - began
    return {
        "readers": readers,
        "events_stored": events,
        "events_sent": sum(counts),
        "events_sent_at_least": expected,
        "seconds": round(spent, 2),
        "events_per_second": round(sum(counts) / spent),
        "kb_per_idle_reader": round(1000 * (connected - before) / readers, 1),
        "kb_per_reader_afterwards": round(1000 * (after - before) / readers, 1),
    }


async def main() -> None:
    """Measure, print, and keep the figures."""
    arguments = argparse.ArgumentParser()
    for name, default in (("sources", 1000), ("readers", 500), ("events", 200)):
        arguments.add_argument(f"--{name}", type=int, default=default)
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedRedis(Path(folder))
        server.start()
        redis: Redis = Redis.from_url(server.url)
        registry = FeedRegistry(redis, Keys())
        for number in range(asked.sources):
            await registry.add(
                new_feed(f"https://s{number}.example/feed.xml", now=datetime.now(UTC), source=f"Source {number}")
            )
        database, port = Path(folder) / "articles.sqlite", free_port()
        store = SqliteArticleStore(database)
        await store.open()
        await asyncio.gather(*(store.store(build_article(f"https://news.example/{number}")) for number in range(500)))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "coranto_gateway"),
            env=os.environ
            | {
                "CORANTO_REDIS__URL": server.url,
                "CORANTO_GATEWAY__DATABASE": str(database),
                "CORANTO_GATEWAY__PORT": str(port),
                "CORANTO_PAGES__PATH": f"{folder}/pages",
            },
        )
        try:
            await until_it_answers(port)
            result = {
                "load_average": round(os.getloadavg()[0], 1),
                "processors": os.cpu_count(),
                "sources": asked.sources,
                "milliseconds": await lists(f"http://127.0.0.1:{port}"),
                "stream": await stream(port, process.pid, store, asked.readers, asked.events),
            }
        finally:
            process.terminate()
            await process.wait()
            await store.close()
            await redis.aclose()
            server.kill()
    text = json.dumps(result, indent=2)
    print(text)
    (RESULTS / "gateway.json").write_text(text + "\n", encoding="utf-8")


async def until_it_answers(port: int) -> None:
    """Return when the gateway is there."""
    async with httpx.AsyncClient() as client, asyncio.timeout(60):
        while True:
            with suppress(httpx.TransportError):
                await client.get(f"http://127.0.0.1:{port}/v1/status")
                return
            await asyncio.sleep(0.2)


if __name__ == "__main__":
    asyncio.run(main())
