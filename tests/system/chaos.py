"""Chaos: the real services under SIGKILL, Redis restarts and scaling, then a count of every article.

    python tests/system/chaos.py --articles 20000 --seconds 300

Generated articles are served over HTTP from several loopback addresses, submitted, and followed to their end while workers
are killed every few seconds, Redis is killed now and then, and a stage is scaled up and down. Afterwards nothing may be
lost or doubled. With `appendfsync always` Redis loses nothing that it confirmed; with `everysec` it may lose its last two
seconds, and what the feeder's account does not bring back is submitted again, as whoever submitted it would do.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from aiohttp import web
from redis.asyncio import Redis
from redis.exceptions import RedisError

from coranto.client import AsyncClient, new_submission
from coranto.records import Submission
from coranto.records.envelope import peek
from coranto.streams.redis import RedisStreams
from coranto.topology import FINISHED, SERVICES, STAGES, Keys
from coranto_cli.local.redis_server import EmbeddedRedis

KEYS = Keys()
HOSTS = 16
_WORDS = (
    *("council", "harbour", "minister", "river", "budget", "school", "report", "winter"),
    *("market", "bridge", "union", "vote", "storm", "court", "hospital"),
)


@dataclass
class Report:
    """What was submitted and what became of it."""

    appendfsync: str
    submitted: int
    seconds: float = 0.0
    kills: int = 0
    redis_restarts: int = 0
    scalings: int = 0
    stored: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    dead: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    submitted_again: int = 0
    duplicate_records: int = 0
    duplicate_finished: int = 0
    finished_missing: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether nothing was lost or doubled."""
        return not (self.lost or self.duplicate_records or self.duplicate_finished or self.finished_missing)


def article_html(number: int) -> str:
    """A small article of its own: no two share a sentence."""
    dice = random.Random(number)  # noqa: S311 - made-up text

    def sentence() -> str:
        return f"The {' '.join(dice.choices(_WORDS, k=11))} of {dice.randrange(10**6)} was told to reporters on Monday."

    paragraphs = "".join(f"<p>{' '.join(sentence() for _ in range(3))}</p>" for _ in range(4))
    title = f"{dice.choice(_WORDS).title()} {dice.choice(_WORDS)} number {number} is debated in town"
    head = (
        f"<title>{title}</title><meta property='og:title' content='{title}'><meta property='og:type' content='article'>"
    )
    return f"<!doctype html><html lang=en><head>{head}</head><body><article><h1>{title}</h1>{paragraphs}</article></body></html>"


async def serve_articles() -> tuple[web.AppRunner, list[str]]:
    """Serve `/news/<number>.html` on several loopback addresses, and give their base addresses."""

    async def page(request: web.Request) -> web.Response:
        return web.Response(text=article_html(int(request.match_info["number"])), content_type="text/html")

    async def robots(_request: web.Request) -> web.Response:
        return web.Response(status=404)

    app = web.Application()
    app.router.add_get(r"/news/{number:\d+}.html", page)
    app.router.add_get("/robots.txt", robots)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    bases: list[str] = []
    port = 0
    for last in range(1, HOSTS + 1):
        site = web.TCPSite(runner, f"127.0.0.{last}", port)
        await site.start()
        port = port or int(runner.addresses[0][1])
        bases.append(f"http://127.0.0.{last}:{port}")
    return runner, bases


class Fleet:
    """The service processes, each started again when it was killed."""

    def __init__(self, data: Path, url: str) -> None:
        self.data = data
        self.processes: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._environment = {
            **os.environ,
            "CORANTO_REDIS__URL": url,
            "CORANTO_PAGES__PATH": str(data / "pages"),
            "CORANTO_SINK__DATABASE": str(data / "library.sqlite"),
            "CORANTO_FEEDER__DATA": str(data / "feeder"),
            "CORANTO_FETCHER__MIN_DELAY": "0",
            "CORANTO_FETCHER__ALLOWED_NETWORKS": '["127.0.0.0/8"]',
            "CORANTO_FEEDER__ALLOWED_NETWORKS": '["127.0.0.0/8"]',
            "CORANTO_DELIVERY__CLAIM_AFTER": "5",
            # An entry is told to be poison by three lost workers; here every worker is lost all the time.
            "CORANTO_DELIVERY__CLAIMS_BEFORE_DEAD": "1000",
            "CORANTO_LOG__LEVEL": "warning",
            "CORANTO_LOG__FORMAT": "json",
        }

    def start(self, service: str) -> None:
        """Start one process of the service."""
        with (self.data / f"{service}.log").open("ab") as log:
            command = [sys.executable, "-m", f"coranto_{service}"]
            process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        self.processes.append((service, process))

    def mend(self) -> None:
        """Start again what ended by itself, as a restart policy would."""
        for service, process in [each for each in self.processes if each[1].poll() is not None]:
            self.processes.remove((service, process))
            self.start(service)

    def kill_one(self, dice: random.Random) -> None:
        """Kill a process at once, and start another of its service."""
        service, process = self.processes.pop(dice.randrange(len(self.processes)))
        process.kill()
        process.wait()
        self.start(service)

    def scale_down(self, service: str) -> None:
        """Stop one process of the service cleanly."""
        for index, (name, process) in enumerate(self.processes):
            if name == service:
                process.terminate()
                process.wait(60)
                del self.processes[index]
                return

    def stop(self) -> None:
        """Stop all."""
        for _, process in self.processes:
            process.send_signal(signal.SIGTERM)
        for _, process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(40)
            process.kill()
            process.wait()


async def submit_all(client: AsyncClient, submissions: list[Submission]) -> None:
    """Submit everything, again and again until Redis has confirmed it: each id has one effect."""
    for first in range(0, len(submissions), 500):
        while True:
            try:
                await client.submit(submissions[first : first + 500])
                break
            except (RedisError, OSError):
                await asyncio.sleep(0.5)


async def wait_until_idle(redis: Redis, fleet: Fleet, within_seconds: float) -> None:
    """Return when nothing waits, is pending or delayed in any stage, three looks in a row."""
    quiet = 0
    deadline = time.monotonic() + within_seconds
    while quiet < 3:
        if time.monotonic() > deadline:
            break
        fleet.mend()
        with suppress(RedisError, OSError):
            depths = [await RedisStreams(redis, stage, KEYS).measure() for stage in STAGES]
            busy = sum(depth.waiting + depth.pending + depth.delayed for depth in depths)
            quiet = quiet + 1 if busy == 0 else 0
        await asyncio.sleep(0.5)


async def make_trouble(
    fleet: Fleet, server: EmbeddedRedis, report: Report, seconds: float, dice: random.Random, *, restarts_redis: bool
) -> None:
    """Kill, restart and scale for so long."""
    end = time.monotonic() + seconds
    next_restart = time.monotonic() + seconds / 3
    while time.monotonic() < end:
        await asyncio.sleep(dice.uniform(1.0, 4.0))
        fleet.mend()
        fleet.kill_one(dice)
        report.kills += 1
        if restarts_redis and time.monotonic() > next_restart:
            server.kill()
            await asyncio.sleep(dice.uniform(0.2, 2.0))
            await asyncio.to_thread(server.start)
            report.redis_restarts += 1
            next_restart = time.monotonic() + seconds / 3
        if dice.random() < 0.25:
            service = dice.choice(["fetcher", "extractor", "classifier"])
            if sum(name == service for name, _ in fleet.processes) > 1:
                await asyncio.to_thread(fleet.scale_down, service)
            else:
                fleet.start(service)
            report.scalings += 1


async def count(redis: Redis, data: Path, urls: set[str], report: Report) -> set[str]:
    """Fill in the report, and give the addresses that have no end."""
    connection = sqlite3.connect(f"file:{data / 'library.sqlite'}?mode=ro", uri=True)
    stored = Counter(url for (url,) in connection.execute("SELECT found_url FROM articles"))
    revisions = dict(connection.execute("SELECT article_id, count(*) FROM revisions GROUP BY article_id"))
    ledger = list(connection.execute("SELECT url, outcome, reason FROM ledger"))
    connection.close()
    ended = {url for url in stored if url in urls}
    report.stored = len(ended)
    report.duplicate_records = sum(number - 1 for number in stored.values()) + sum(n - 1 for n in revisions.values())
    # An article that was stored and came a second time after a loss is noted as unchanged: it has its record.
    dropped = {url: reason for url, outcome, reason in ledger if outcome == "dropped" and url not in ended}
    dead = {url: reason for url, outcome, reason in ledger if outcome == "dead" and url not in ended}
    report.dropped = dict(Counter(dropped.values()))
    report.dead = dict(Counter(dead.values()))
    rows: Any = await redis.xrange(KEYS.stream(FINISHED))
    events = Counter(peek(fields[b"event"]).get("id") for _, fields in rows)
    report.duplicate_finished = sum(number - 1 for number in events.values())
    if report.appendfsync == "always":
        report.finished_missing = sum(revisions.values()) - len(events)
    missing = urls - ended - dropped.keys() - dead.keys()
    report.lost = len(missing)
    return missing


async def run(
    articles: int,
    seconds: float,
    *,
    appendfsync: Literal["always", "everysec"] = "always",
    seed: int = 1,
    data: Path,
    drain_seconds: float = 3600,
) -> Report:
    """One run. Gives the report; nothing of it is judged here."""
    dice = random.Random(seed)  # noqa: S311 - what is killed when
    report = Report(appendfsync, articles)
    started = time.monotonic()
    runner, bases = await serve_articles()
    server = EmbeddedRedis(data, appendfsync=appendfsync)
    server.start()
    fleet = Fleet(data, server.url)
    redis = Redis.from_url(server.url, socket_timeout=30)
    try:
        for service in SERVICES:
            fleet.start(service)
        urls = [f"{bases[number % HOSTS]}/news/{number}.html" for number in range(articles)]
        submissions = [new_submission(url, kind="page", source="chaos") for url in urls]
        async with AsyncClient.from_url(server.url) as client:
            submitting = asyncio.create_task(submit_all(client, submissions))
            await make_trouble(fleet, server, report, seconds, dice, restarts_redis=True)
            await submitting
            await wait_until_idle(redis, fleet, drain_seconds)
            missing = await count(redis, data, set(urls), report)
            if missing and appendfsync == "everysec":
                report.submitted_again = len(missing)
                again = [new_submission(url, kind="page", source="chaos", is_revisit=True) for url in sorted(missing)]
                await submit_all(client, again)
                await wait_until_idle(redis, fleet, drain_seconds)
                await count(redis, data, set(urls), report)
    finally:
        await asyncio.to_thread(fleet.stop)
        await redis.aclose()
        server.kill()
        await runner.cleanup()
    report.seconds = round(time.monotonic() - started, 1)
    return report


def main() -> int:
    """Run with both kinds of append-only file, print the reports, and tell by the exit code whether they are sound."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=300, help="how long there is trouble, for each kind of file")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", choices=["always", "everysec"], help="one kind of append-only file, not both")
    arguments = parser.parse_args()
    kinds: list[Literal["always", "everysec"]] = [arguments.only] if arguments.only else ["always", "everysec"]
    is_sound = True
    for kind in kinds:
        with tempfile.TemporaryDirectory(prefix="coranto-chaos-") as directory:
            share = arguments.articles // len(kinds)
            report = asyncio.run(
                run(share, arguments.seconds / len(kinds), appendfsync=kind, seed=arguments.seed, data=Path(directory))
            )
        print(json.dumps({"seed": arguments.seed, "is_sound": report.is_sound, **asdict(report)}, indent=2))
        is_sound = is_sound and report.is_sound
    return 0 if is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
