"""What a long list of one host costs the others: how long they wait behind it, and the memory and work of its pages' turns.

A million pages of one host are handed in, then one page of each of 500 other hosts. They come to the stream as shipped
(`coranto.worker.host_turns`, 200 entries) and read by a reader that does nothing else, so that the turns are measured alone.
Asserted: the pages that are read before the last of the others. Times are reported. As shipped, no more than 250,000 pages
wait; here all do.

    python tests/benchmarks/turns.py [--pages 1000000] [--hosts 500]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from coranto.client import AsyncClient
from coranto.records import Submission, content_id
from coranto.records.envelope import FIELD, peek
from coranto.streams.host_queues import MOST_IN_STREAM
from coranto.streams.redis import RedisStreams
from coranto.streams.tasks import end
from coranto.topology import FEEDER, SUBMITTED, Keys, Pipeline
from coranto.worker.host_turns import HostTurns
from coranto_cli.local.redis_server import EmbeddedRedis

RESULTS = Path(__file__).parent / "results"
KEYS = Keys()
STREAM = KEYS.stream(SUBMITTED)
AT_ONCE, READ_AT_ONCE, FURTHER = 500, 100, 20_000
LONGEST = 120.0
"""Seconds after which the others must have come, however busy the machine is."""
MOST_BYTES = 1_200


def page(host: str, number: int) -> Submission:
    """A page such as a feed announces."""
    url = f"https://{host}/2026/05/01/politics/an-article-with-a-title-{number}.html"
    return Submission(id=content_id(url), url=url, kind="page", source=host, submitted_at=datetime.now(UTC))


async def hand_in(client: AsyncClient, pages: list[Submission], most: int) -> None:
    """Submit, with room for all."""
    receipts = await client.submit(pages, max_backlog=most)
    assert len(receipts) == len(pages)


async def read(redis: Redis) -> list[str]:
    """Addresses of the next pages, read and settled as a stage does it."""
    rows: Any = await redis.xreadgroup(FEEDER.name, "bench", {STREAM: ">"}, count=READ_AT_ONCE, block=1000)
    entries = [entry for _, found in rows or () for entry in found]
    if not entries:
        return []
    names = [name for name, _ in entries]
    async with redis.pipeline(transaction=True) as pipe:
        pipe.xack(STREAM, FEEDER.name, *names)
        pipe.xdel(STREAM, *names)
        await pipe.execute()
    return [str(peek(fields[FIELD])["data"]["url"]) for _, fields in entries]


async def used(redis: Redis) -> tuple[int, float]:
    """Bytes of memory and seconds of processor time that Redis has used."""
    memory, cpu = await redis.info("memory"), await redis.info("cpu")
    return int(memory["used_memory"]), float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])


async def measure(number: int, hosts: int) -> dict[str, Any]:
    """All figures of one run."""
    most = 2 * (number + hosts) + MOST_IN_STREAM
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedRedis(Path(folder))
        server.start()
        redis: Redis = Redis.from_url(server.url)
        client = AsyncClient(redis)
        turns: list[asyncio.Task[None]] = []
        try:
            await RedisStreams(redis, FEEDER, KEYS).ensure()
            bytes_before, cpu_before = await used(redis)
            own_before = time.process_time()
            for first in range(0, number, AT_ONCE):
                numbers = range(first, min(first + AT_ONCE, number))
                await hand_in(client, [page("crowd.example", each) for each in numbers], most)
            own = time.process_time() - own_before
            bytes_after, cpu_after = await used(redis)

            await hand_in(client, [page(f"paper-{each}.example", 1) for each in range(hosts)], most)
            begun = time.monotonic()
            turns.append(asyncio.create_task(HostTurns(redis, Pipeline(), FEEDER).run()))
            found: list[str] = []
            missing = hosts
            async with asyncio.timeout(LONGEST):
                while missing:
                    some = await read(redis)
                    missing -= sum("crowd" not in url for url in some)
                    found += some
            waited = time.monotonic() - begun
            last = max(place for place, url in enumerate(found) if "crowd" not in url)
            # What stood in the stream, and one page of the crowd for each look meanwhile.
            assert last < 2 * MOST_IN_STREAM + hosts, f"the last of {hosts} came behind {last} pages"

            _, cpu_of_turns = await used(redis)
            begun, further = time.monotonic(), 0
            while further < min(FURTHER, number // 2):
                further += len(await read(redis))
            seconds = time.monotonic() - begun
            cpu_of_turns = (await used(redis))[1] - cpu_of_turns
        finally:
            await end(turns)
            await redis.aclose()
            server.kill()
    return {
        "pages_of_one_host": number,
        "other_hosts": hosts,
        "pages_before_the_last_other": last,
        "seconds_until_the_last_other": round(waited, 2),
        "bytes_per_waiting_page": round((bytes_after - bytes_before) / number),
        "handing_in_client_cpu_us": round(own / number * 1e6),
        "handing_in_redis_cpu_us": round((cpu_after - cpu_before) / number * 1e6),
        "turn_redis_cpu_us": round(cpu_of_turns / further * 1e6),
        "turns_per_second": round(further / seconds),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def main() -> None:
    """Measure, keep the figures, and say where they miss their aim."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pages", type=int, default=1_000_000)
    parser.add_argument("--hosts", type=int, default=500)
    arguments = parser.parse_args()
    figures = asyncio.run(measure(arguments.pages, arguments.hosts))
    text = json.dumps(figures, indent=2)
    print(text)
    if arguments.pages == parser.get_default("pages"):
        (RESULTS / "turns.json").write_text(text + "\n", encoding="utf-8")
    if figures["bytes_per_waiting_page"] > MOST_BYTES:
        raise SystemExit(f"expected at most {MOST_BYTES} bytes for each waiting page")


if __name__ == "__main__":
    main()
