"""Chaos: the real services under one kind of harm after the other, and then a count of every article.

    python tests/harness/chaos.py --articles 20000 --seconds 300 [--store postgresql] [--only redis_emptied] [--result chaos.json]

For each kind a pipeline of its own is started: generated articles are served over HTTP from several loopback addresses and
submitted while the harm is done again and again; then it ends, the pipeline comes to rest, and everything is counted. What
must hold of each kind stands in `KINDS`: nothing lost, nothing doubled, every entry of every stage with exactly one
outcome. Where Redis itself forgets, what the feeder's account does not bring back is submitted again, as whoever submitted
it would do; that may concern only what no feeder had taken yet. Articles are stored in SQLite, or in a PostgreSQL of the run's
own, which then is harmed as well.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import platform
import random
import shutil
import signal
import socket
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import psycopg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from coranto.client import AsyncClient, new_submission
from coranto.records import Submission
from coranto.records.envelope import FIELD, peek
from coranto.store.sqlite.schema import version_of
from coranto.streams.redis import RedisStreams
from coranto.topology import FEEDER, FINISHED, LEDGER, REINDEX, STAGES, WORKERS, Keys, StageSpec
from coranto_cli.local.redis_server import EmbeddedRedis, choose_server
from fleet import Fleet, Site, SmallDisk, is_article
from postgresql_server import PostgresqlServer
from proxy import Proxy

KEYS = Keys()
Store = Literal["sqlite", "postgresql"]
STORES: tuple[Store, ...] = ("sqlite", "postgresql")
MAIN_LINE = tuple(stage for stage in STAGES if stage not in (LEDGER, REINDEX))
_DAY_SECONDS = 86_400


@dataclass
class Report:
    """What was done, what was submitted, and what became of it."""

    kind: str
    store: Store
    promise: str
    submitted: int
    seed: int
    seconds: float = 0.0
    harms: int = 0
    stored: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    dead: dict[str, int] = field(default_factory=dict)
    submitted_again: int = 0
    """Only where Redis forgets: addresses that no feeder had taken in hand, submitted a second time."""
    lost: int = 0
    forgotten_by_account: int = 0
    """Of those that had no end, addresses that the feeder's account knew: it should have brought them back."""
    unexpected: dict[str, int] = field(default_factory=dict)
    """Articles that were dropped or buried for what was not their fault, and what should have been dropped and was not."""
    duplicate_records: int = 0
    duplicate_finished: int = 0
    finished_missing: int = 0
    unannounced: int = 0
    """Revisions that were stored and have no number, the sign that they were announced."""
    unbalanced: dict[str, int] = field(default_factory=dict)
    """By stage: entries that came in, less entries with an outcome."""
    poison: int = 0
    """Entries that were no events of ours; each must be a dead letter, and is counted beside the articles."""
    poison_not_buried: int = 0
    unsettled: dict[str, int] = field(default_factory=dict)
    """By stage: entries that still waited when the time was over."""
    skipped: str = ""
    """Why this kind was not done on this machine."""

    @property
    def is_sound(self) -> bool:
        """Whether every article has exactly one end, and the right one."""
        wrong = (
            self.lost, self.forgotten_by_account, self.unexpected, self.duplicate_records, self.duplicate_finished,
            self.finished_missing, self.unannounced, self.unbalanced, self.poison_not_buried, self.unsettled,
        )  # fmt: skip
        return not any(wrong)

    def line(self) -> str:
        """One line for people."""
        if self.skipped:
            return f"{self.kind:20} skipped: {self.skipped}"
        ends = f"{self.stored} stored + {sum(self.dropped.values())} dropped + {sum(self.dead.values())} dead"
        verdict = "sound" if self.is_sound else "NOT SOUND"
        return f"{self.kind:20} {verdict:9} {self.submitted} = {ends}; {self.harms} harms in {self.seconds:g} s"


@dataclass
class Scene:
    """A pipeline under harm."""

    kind: Kind
    data: Path
    fleet: Fleet
    server: EmbeddedRedis
    proxy: Proxy
    dice: random.Random
    seconds: float
    replica: EmbeddedRedis | None = None
    replication: Proxy | None = None
    disk: SmallDisk | None = None
    postgresql: PostgresqlServer | None = None
    """The server that has the articles; None where a file of the fleet's has them."""
    poison: Counter[str] = field(default_factory=Counter)

    def redis(self) -> Redis:
        """A client of the server that is the primary now, past the network that is harmed."""
        return Redis.from_url(self.server.url, socket_timeout=30)

    def ask_store(self, statement: str) -> list[tuple[Any, ...]]:
        """What the article store answers, asked past our own code; nothing while there is none."""
        if self.postgresql is not None:
            with self.postgresql.connect("postgres") as connection:
                try:
                    return connection.execute(statement).fetchall()  # type: ignore[arg-type]  # statements of ours
                except psycopg.errors.UndefinedTable:
                    return []
        return ask_file(self.fleet.data / "articles.sqlite", statement)


def ask_file(database: Path, statement: str) -> list[tuple[Any, ...]]:
    """What a store in a file answers; nothing while it is not made, or only begun."""
    if not database.exists():
        return []
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as store:
        # The sink makes the file with its first batch, and the tables a moment later.
        return store.execute(statement).fetchall() if version_of(store) else []


Harm = Callable[[Scene], Awaitable[None]]


@dataclass(frozen=True)
class Kind:
    """One kind of harm and what is promised under it."""

    name: str
    promise: str
    harm: Harm
    begin: Harm | None = None
    appendfsync: Literal["always", "everysec"] = "always"
    redis_forgets: bool = False
    needs_disk: bool = False
    needs_replica: bool = False
    needs_postgresql: bool = False
    poison_every: int = 0


# --- harms ---------------------------------------------------------------------------------------------------------


async def kill_a_worker(scene: Scene) -> None:
    """SIGKILL; now and then a stage is scaled up or down as well."""
    scene.fleet.kill_one(scene.dice)
    if scene.dice.random() < 0.25:
        service = scene.dice.choice(["fetcher", "extractor", "sink"])
        if scene.fleet.count(service) > 1:
            await asyncio.to_thread(scene.fleet.scale_down, service)
        else:
            scene.fleet.start(service)


async def stop_a_worker(scene: Scene) -> None:
    """SIGSTOP for longer than a claim lasts: it wakes up with messages in hand that are others' by then."""
    process = scene.fleet.any(scene.dice)
    process.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(scene.fleet.claim_after_seconds * 1.5)
    finally:
        process.send_signal(signal.SIGCONT)


async def kill_redis(scene: Scene) -> None:
    """SIGKILL, and a start with its file."""
    scene.server.kill()
    await asyncio.sleep(scene.dice.uniform(0.2, 2.0))
    await asyncio.to_thread(scene.server.start)


async def lose_the_last_second(scene: Scene) -> None:
    """A power cut: of its append-only file Redis has what it had a second before."""
    files = [file for file in (scene.server.directory / "redis").rglob("*.aof") if file.stat().st_size]
    before = {file: file.stat().st_size for file in files}
    await asyncio.sleep(1.0)
    scene.server.kill()
    for file, size in before.items():
        if file.exists() and file.stat().st_size > size:
            with file.open("r+b") as opened:
                opened.truncate(size)
    await asyncio.to_thread(scene.server.start)


async def empty_redis(scene: Scene) -> None:
    """It comes back with nothing."""
    scene.server.kill()
    shutil.rmtree(scene.server.directory / "redis")
    await asyncio.to_thread(scene.server.start)
    await asyncio.sleep(5)  # one loss after the other, and not the next before this one was noticed


async def fail_over(scene: Scene) -> None:
    """The replica takes over without what the primary confirmed in its last moment."""
    primary, replica, replication = scene.server, scene.replica, scene.replication
    assert replica is not None
    assert replication is not None
    async with Redis.from_url(replica.url) as client:
        await _eventually(lambda: _is_in_step(client))
    replication.fall_silent()
    await asyncio.sleep(scene.dice.uniform(0.1, 0.5))
    primary.kill()
    replication.is_cut = True
    replication.hang_up()
    await asyncio.sleep(0.5)
    async with Redis.from_url(replica.url) as client:
        await client.execute_command("REPLICAOF", "NO", "ONE")
    scene.proxy.target = replica.port
    scene.proxy.hang_up()
    scene.server, scene.replica = replica, primary
    shutil.rmtree(primary.directory / "redis")
    await asyncio.to_thread(primary.start)
    replication.target, replication.is_cut = replica.port, False
    async with Redis.from_url(primary.url) as client:
        await client.execute_command("REPLICAOF", "127.0.0.1", str(replication.port))
    await asyncio.sleep(3)


async def fill_memory(scene: Scene) -> None:
    """`maxmemory` is reached: writes are refused for some seconds."""
    async with scene.redis() as client:
        used: Any = await client.info("memory")
        await client.config_set("maxmemory", str(int(used["used_memory"] * 0.9)))
        await asyncio.sleep(scene.dice.uniform(1.0, 5.0))
        await client.config_set("maxmemory", "0")


async def slow_the_network(scene: Scene) -> None:
    """Each piece of a conversation takes up to half a second."""
    scene.proxy.delay_seconds = scene.dice.uniform(0.05, 0.5)
    await asyncio.sleep(scene.dice.uniform(1.0, 4.0))
    scene.proxy.delay_seconds = 0


async def cut_the_network(scene: Scene) -> None:
    """Connections are cut in mid-sentence and refused for a while, or fall silent; once for longer than a time-out."""
    if scene.dice.random() < 0.5:
        scene.proxy.is_cut = True
        scene.proxy.hang_up()
        await asyncio.sleep(scene.dice.uniform(0.2, 3.0))
        scene.proxy.is_cut = False
        return
    scene.proxy.fall_silent()
    await asyncio.sleep(min(20.0, scene.seconds / 3) if scene.dice.random() < 0.3 else scene.dice.uniform(0.5, 3.0))
    if scene.dice.random() < 0.5:
        scene.proxy.hang_up()  # what was under way never arrives
    scene.proxy.speak_again()


async def fill_the_disk(scene: Scene) -> None:
    """No room for Redis' file, the article store, pages, the account and logs."""
    assert scene.disk is not None
    await asyncio.to_thread(scene.disk.fill)
    await asyncio.sleep(scene.dice.uniform(1.0, 5.0))
    await asyncio.to_thread(scene.disk.free)


async def set_clocks_wrong(scene: Scene) -> None:
    """Beside each service there is one whose clock is 40 days ahead; then one that is a day behind."""
    ahead = scene.dice.choice([40 * _DAY_SECONDS, -_DAY_SECONDS, 3600])
    service = scene.dice.choice(list(WORKERS))
    for each in [each for each in scene.fleet.processes if each[0] == service and each[1]]:
        scene.fleet.processes.remove(each)
        each[2].kill()
        each[2].wait()
    scene.fleet.start(service, "--clock-ahead", str(ahead))


async def begin_with_wrong_clocks(scene: Scene) -> None:
    """One of each service is 40 days ahead."""
    for service in WORKERS:
        scene.fleet.start(service, "--clock-ahead", str(40 * _DAY_SECONDS))


async def begin_with_two_versions(scene: Scene) -> None:
    """Beside each service there is one that writes what the others do not know."""
    for service in WORKERS:
        scene.fleet.start(service, "--next-version")


async def end_postgresql(scene: Scene) -> None:
    """Killed with all its processes, or stopped in a hurry, under whatever is being committed; then started again."""
    assert scene.postgresql is not None
    await asyncio.to_thread(scene.dice.choice([scene.postgresql.kill, scene.postgresql.stop]))
    await asyncio.sleep(scene.dice.uniform(0.0, 2.0))
    await asyncio.to_thread(scene.postgresql.start)


async def do_anything(scene: Scene) -> None:
    """Any of the harms under which Redis keeps what it confirmed."""
    harms = [kill_a_worker, stop_a_worker, kill_redis, fill_memory, slow_the_network, cut_the_network]
    if scene.postgresql is not None:
        harms.append(end_postgresql)
    await scene.dice.choice(harms)(scene)


_NOTHING_LOST = "nothing is lost or doubled"
_ACCOUNT = (
    "what a feeder had taken in hand comes back from its account; what none had taken is for the submitter to submit again; "
    "no record is doubled"
)
KINDS = (
    Kind("worker_killed", _NOTHING_LOST, kill_a_worker),
    Kind("worker_stopped", "who wakes up after its claim settles nothing a second time", stop_a_worker),
    Kind("redis_killed", _NOTHING_LOST, kill_redis),
    Kind("redis_power_cut", _ACCOUNT, lose_the_last_second, appendfsync="everysec", redis_forgets=True),
    Kind(
        "redis_emptied", f"{_ACCOUNT}; events that nobody had read yet are in the store, under their numbers",
        empty_redis, redis_forgets=True,
    ),
    Kind("redis_failed_over", _ACCOUNT, fail_over, redis_forgets=True, needs_replica=True),
    Kind("redis_out_of_memory", "stages wait; nothing is lost or doubled", fill_memory),
    Kind("network_slow", _NOTHING_LOST, slow_the_network),
    Kind("network_cut", "a commit whose answer is lost is repeated without effect", cut_the_network),
    # With appendfsync always Redis ends itself when its disk is full, which is `redis_killed`.
    Kind("disk_full", "stages wait; nothing is lost or doubled", fill_the_disk, appendfsync="everysec", needs_disk=True),
    Kind(
        "clock_wrong", "no stage trims, retries or forgets by one worker's clock", set_clocks_wrong, begin_with_wrong_clocks
    ),
    Kind("poison", "what is no event is a dead letter; the rest goes on", kill_a_worker, poison_every=100),
    Kind("two_versions", "what a stage does not know it passes over", kill_a_worker, begin_with_two_versions),
    Kind(
        "postgresql_ended", "a commit whose answer is lost is asked for; nothing is lost or doubled", end_postgresql,
        needs_postgresql=True,
    ),
    Kind("everything", _NOTHING_LOST, do_anything),
)  # fmt: skip


# --- a run ---------------------------------------------------------------------------------------------------------


async def submit_until_confirmed(client: AsyncClient, submissions: list[Submission]) -> None:
    """Submit again and again until Redis has confirmed it: each id has one effect."""
    while True:
        try:
            await client.submit(submissions)
            return
        except (RedisError, OSError):
            await asyncio.sleep(0.3)


async def submit_in_time(scene: Scene, submissions: list[Submission]) -> None:
    """Submit all while there is trouble, and poison between."""
    parts = 40
    step = max(1, math.ceil(len(submissions) / parts))
    every, poisoned = scene.kind.poison_every, 0
    async with AsyncClient.from_url(scene.proxy.url) as client, scene.redis() as direct:
        for first in range(0, len(submissions), step):
            await submit_until_confirmed(client, submissions[first : first + step])
            while every and poisoned < (first + step) / every * len(MAIN_LINE):
                # Every stage gets its share: so many in a hundred of what it reads.
                stage = MAIN_LINE[poisoned % len(MAIN_LINE)]
                bad = scene.dice.choice([b"\xff\xfe\x00", b"{}", b'{"specversion":"1.0"', b"[" * 10_000])
                await direct.xadd(KEYS.stream(stage.reads), {FIELD: bad})
                scene.poison[stage.name] += 1
                poisoned += 1
            await asyncio.sleep(scene.seconds * 0.8 / parts)


async def do_harm(scene: Scene, report: Report) -> None:
    """Harm, again and again, for the time there is; and at last the world as it was."""
    end = time.monotonic() + scene.seconds
    while time.monotonic() < end:
        await asyncio.sleep(scene.dice.uniform(0.5, max(1.0, min(3.0, scene.seconds / 5))))
        scene.fleet.mend()
        await scene.kind.harm(scene)
        report.harms += 1
    scene.fleet.mend()


async def come_to_rest(scene: Scene, within_seconds: float) -> dict[str, int]:
    """Wait until nothing waits, is pending or delayed in any stage, six looks in a row; gives what still did at the end."""
    quiet, busy = 0, {"redis": 1}
    deadline = time.monotonic() + within_seconds
    async with scene.redis() as client:
        while quiet < 6 and time.monotonic() < deadline:
            await asyncio.sleep(0.5)
            scene.fleet.mend()
            with suppress(RedisError, OSError):
                depths = {stage.name: await RedisStreams(client, stage, KEYS).measure() for stage in STAGES}
                left = {name: depth.waiting + depth.pending + depth.delayed for name, depth in depths.items()}
                left["outbox"] = await asyncio.to_thread(count_unannounced, scene)
                busy = {name: number for name, number in left.items() if number}
                quiet = quiet + 1 if not busy else 0
    return busy if quiet < 6 else {}


def count_unannounced(scene: Scene) -> int:
    """Revisions that were stored and are not marked as announced."""
    rows = scene.ask_store("SELECT count(*) FROM outbox")
    return int(rows[0][0]) if rows else 0


async def count(scene: Scene, numbers: dict[str, int], report: Report) -> set[str]:
    """Fill in the report, and give the addresses that have no end."""
    stored = Counter(url for (url,) in scene.ask_store("SELECT discovery_url FROM articles"))
    revisions = [number for (number,) in scene.ask_store("SELECT count(*) FROM revisions GROUP BY article_id")]
    ledger = scene.ask_store("SELECT url, outcome, reason FROM ledger")
    ((numbered,),) = scene.ask_store("SELECT count(*) FROM announcements")
    report.unannounced = sum(revisions) - numbered
    report.stored = sum(url in stored for url in numbers)
    report.duplicate_records = sum(number - 1 for number in stored.values()) + sum(number - 1 for number in revisions)
    # An article that was stored and came a second time after a loss is noted as unchanged: it has its record.
    early = {url: (outcome, reason) for url, outcome, reason in ledger if url in numbers and url not in stored}
    report.dropped = dict(Counter(reason for outcome, reason in early.values() if outcome == "dropped"))
    report.dead = dict(Counter(reason for outcome, reason in early.values() if outcome == "dead"))
    wrong = [
        "stored" if url in stored else f"{early[url][0]}: {early[url][1]}"
        for url, number in numbers.items()
        if (url in stored and not is_article(number))
        or (url in early and (is_article(number) or early[url][0] != "dropped"))
    ]
    report.unexpected = dict(Counter(wrong))
    async with scene.redis() as client:
        rows: Any = await client.xrange(KEYS.stream(FINISHED))
        events = Counter(peek(fields[FIELD]).get("id") for _, fields in rows if peek(fields[FIELD]).get("id"))
        report.duplicate_finished = sum(number - 1 for number in events.values())
        if not scene.kind.redis_forgets:
            report.finished_missing = sum(revisions) - len(events)
            report.unbalanced = await find_imbalance(client, scene.poison)
            buried = [
                (await RedisStreams(client, stage, KEYS).outcomes()).get(("dead", "malformed"), 0) for stage in STAGES
            ]
            report.poison = scene.poison.total()
            report.poison_not_buried = report.poison - sum(buried)
    missing = numbers.keys() - stored.keys() - early.keys()
    report.lost = len(missing)
    return missing


async def find_imbalance(redis: Redis, poison: Counter[str]) -> dict[str, int]:
    """By stage, what came in and has no outcome (or, when negative, more than one): everything must add up."""
    ends: dict[StageSpec, Counter[str]] = {}
    for stage in STAGES:
        ends[stage] = Counter()
        for (outcome, reason), number in (await RedisStreams(redis, stage, KEYS).outcomes()).items():
            ends[stage]["repeated" if reason == "already_published" else outcome] += number
    writers = {stage.writes: stage for stage in STAGES if stage.writes is not None}
    came_in: dict[StageSpec, int] = {FEEDER: int(await redis.zcard(KEYS.submissions()))}
    for stage in MAIN_LINE[1:]:
        came_in[stage] = ends[writers[stage.reads]]["published"]
    # A notice for each message that ended early; a repeated announcement is none.
    came_in[LEDGER] = sum(ends[stage]["accepted"] + ends[stage]["dropped"] + ends[stage]["dead"] for stage in MAIN_LINE)
    settled = ("published", "accepted", "dropped", "dead", "repeated")
    differences = {
        stage.name: number + poison[stage.name] - sum(ends[stage][outcome] for outcome in settled)
        for stage, number in came_in.items()
    }
    return {name: number for name, number in differences.items() if number}


def find_in_account(scene: Scene, urls: set[str]) -> int:
    """How many of these the feeder's account knows and has not seen ended."""
    with closing(
        sqlite3.connect(f"file:{scene.fleet.data / 'feeder' / 'account.sqlite'}?mode=ro", uri=True)
    ) as account:
        return sum(json.loads(record)["url"] in urls for (record,) in account.execute("SELECT record FROM handed_on"))


async def run(
    kind: Kind,
    articles: int,
    seconds: float,
    *,
    seed: int,
    data: Path,
    store: Store = "sqlite",
    drain_seconds: float = 600,
) -> Report:
    """One kind of harm, from a fresh pipeline to the count."""
    report = Report(kind.name, store, kind.promise, articles, seed)
    started = time.monotonic()
    if kind.needs_postgresql and store != "postgresql":
        report.skipped = "it is about PostgreSQL: --store postgresql"
        return report
    disk = SmallDisk(data / "disk", 200_000_000 + 30_000 * articles) if kind.needs_disk else None
    if disk is not None and not disk.mount():
        report.skipped = "mounting a small tmpfs needs root"
        return report
    site = Site()
    try:
        await site.start()
        dice = random.Random(seed)  # noqa: S311 - what is harmed when
        scene = await _set_up(kind, seconds, disk, dice, data, store)
        try:
            await _play(scene, site, report, articles, drain_seconds)
        finally:
            await asyncio.to_thread(scene.fleet.stop)
            await scene.proxy.stop()
            if scene.replication is not None:
                await scene.replication.stop()
            for server in (scene.server, scene.replica):
                if server is not None:
                    server.kill()
            if scene.postgresql is not None:
                await asyncio.to_thread(scene.postgresql.remove)
    finally:
        await site.stop()
        if disk is not None:
            disk.unmount()
    report.seconds = round(time.monotonic() - started, 1)
    return report


async def _set_up(
    kind: Kind, seconds: float, disk: SmallDisk | None, dice: random.Random, data: Path, store: Store
) -> Scene:
    place = disk.place if disk is not None else data
    server = EmbeddedRedis(place / "one", port=_free_port() if kind.needs_replica else 0, appendfsync=kind.appendfsync)
    await asyncio.to_thread(server.start)
    proxy = Proxy(server.port or server.socket)
    await proxy.start()
    postgresql, settings = None, {}
    if store == "postgresql":
        postgresql = PostgresqlServer()  # on a disk of its own, as servers have
        await asyncio.to_thread(postgresql.start)
        settings = {"CORANTO_SINK__DATABASE": postgresql.url("postgres")}
    fleet = Fleet(place / "services", proxy.url, settings)
    scene = Scene(kind, data, fleet, server, proxy, dice, seconds, disk=disk, postgresql=postgresql)
    if kind.needs_replica:
        scene.replication = Proxy(server.port)
        await scene.replication.start()
        scene.replica = EmbeddedRedis(place / "two", port=_free_port(), appendfsync=kind.appendfsync)
        await asyncio.to_thread(scene.replica.start)
        async with Redis.from_url(scene.replica.url) as client:
            await client.execute_command("REPLICAOF", "127.0.0.1", str(scene.replication.port))
    return scene


async def _play(scene: Scene, site: Site, report: Report, articles: int, drain_seconds: float) -> None:
    for service in WORKERS:
        scene.fleet.start(service)
    if scene.kind.begin is not None:
        await scene.kind.begin(scene)
    await _eventually(scene.fleet.is_ready)  # harm done to what does not run yet proves nothing
    numbers = {site.url(number): number for number in range(articles)}
    submissions = [new_submission(url, kind="page", source="chaos") for url in numbers]
    submitting = asyncio.create_task(submit_in_time(scene, submissions))
    await do_harm(scene, report)
    await submitting
    report.unsettled = await come_to_rest(scene, drain_seconds)
    missing = await count(scene, numbers, report)
    if missing and scene.kind.redis_forgets:
        report.forgotten_by_account = await asyncio.to_thread(find_in_account, scene, missing)
        report.submitted_again = len(missing)
        again = [new_submission(url, kind="page", source="chaos", is_recrawl=True) for url in sorted(missing)]
        async with AsyncClient.from_url(scene.proxy.url) as client:
            await submit_until_confirmed(client, again)
        report.unsettled = await come_to_rest(scene, drain_seconds)
        await count(scene, numbers, report)


async def _is_in_step(replica: Redis) -> bool:
    state: Any = await replica.info("replication")
    return str(state.get("master_link_status")) == "up"


async def _eventually(claim: Callable[[], Awaitable[bool]], within_seconds: float = 90.0) -> None:
    async with asyncio.timeout(within_seconds):
        while not await claim():
            await asyncio.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> int:
    """Run the kinds one after the other, print the reports, and tell by the exit code whether all are sound."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=20_000, help="in all kinds together")
    parser.add_argument("--seconds", type=float, default=300, help="how long there is trouble, in all kinds together")
    parser.add_argument("--store", choices=STORES, default="sqlite", help="what has the articles")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", choices=[kind.name for kind in KINDS], nargs="+", help="these kinds alone")
    parser.add_argument("--result", type=Path, help="file that takes the reports as JSON")
    arguments = parser.parse_args()
    # Told to end, it ends what it has started: as with Ctrl-C, and not at once.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    kinds = [kind for kind in KINDS if not arguments.only or kind.name in arguments.only]
    reports: list[Report] = []
    for kind in kinds:
        with tempfile.TemporaryDirectory(prefix="coranto-chaos-") as directory:
            share, seconds = arguments.articles // len(kinds), max(8.0, arguments.seconds / len(kinds))
            data, store = Path(directory), arguments.store
            reports.append(asyncio.run(run(kind, share, seconds, seed=arguments.seed, data=data, store=store)))
        print(reports[-1].line(), flush=True)
        if not reports[-1].is_sound:
            print(json.dumps(asdict(reports[-1]), indent=2), flush=True)
    is_sound = all(report.is_sound for report in reports)
    result = {
        "is_sound": is_sound,
        "articles": sum(report.submitted for report in reports if not report.skipped),
        "lost": sum(report.lost for report in reports),
        "doubled": sum(report.duplicate_records + report.duplicate_finished for report in reports),
        "server": _name_of_server(),
        "python": platform.python_version(),
        "kinds": [{"is_sound": report.is_sound, **asdict(report)} for report in reports],
    }
    if arguments.result is not None:
        arguments.result.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0 if is_sound else 1


def _name_of_server() -> str:
    server = choose_server()
    return f"{server.name} {server.version}"


if __name__ == "__main__":
    sys.exit(main())
