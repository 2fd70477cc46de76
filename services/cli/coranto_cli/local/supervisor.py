"""The processes behind `coranto up`: Redis where none is configured, every service, and what keeps them alive.

A service that dies is started again, sooner at first and later when it keeps dying. Stopping goes in order: services
finish or hand back the messages they are working on, then Redis writes what it holds. `reaper` does the same when the
supervisor is killed.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from redis import Redis

from coranto.client import environment
from coranto_cli.articles.stored_articles import store_address
from coranto_cli.errors import CommandError
from coranto_cli.local.left_over_redis import end_left_over_redis
from coranto_cli.local.lock import lock_directory
from coranto_cli.local.log_rotation import bound_log
from coranto_cli.local.plan import Plan, port_of
from coranto_cli.local.readiness import ask_ready
from coranto_cli.local.reaper_process import ReaperProcess
from coranto_cli.local.redis_server import EmbeddedRedis, NoRedisServerError, choose_server
from coranto_cli.local.service_process import ServiceProcess

_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 15.0
_STEADY_AFTER_SECONDS = 30.0
_LOG_CHECK_SECONDS = 5.0
GATEWAY_PORT = 8420
"""Where the gateway answers unless the settings say otherwise or another program is there."""
_MARKER = ".coranto-sample"
"""Lies in a directory that each run may empty, because runs alone have written to it."""


class Supervisor:
    """Runs the processes of a plan between `async with` and its end."""

    def __init__(self, plan: Plan, *, report: Callable[[str], None]) -> None:
        self.plan = plan
        self.report = report
        self._redis: EmbeddedRedis | None = None
        self._reaper: ReaperProcess | None = None
        self._lock: IO[str] | None = None
        self._services = [
            ServiceProcess(name, number, self)
            for name, replicas in plan.replicas.items()
            for number in range(1, replicas + 1)
        ]
        self._tasks: list[asyncio.Task[None]] = []
        self._is_port_told = False
        self._is_page_port_told = False

    @property
    def redis_url(self) -> str:
        """Address of the Redis that the services use."""
        if self.plan.redis_url is not None:
            return self.plan.redis_url
        if self._redis is None:
            raise RuntimeError("Redis is started by entering the context")
        return self._redis.url

    @property
    def names(self) -> list[str]:
        """Names of the service processes, such as extractor-2."""
        return [service.name for service in self._services]

    async def __aenter__(self) -> Self:
        _require_installed(self.plan.replicas)
        try:
            data = self.plan.data
            if self.plan.is_fresh:
                _claim(data)
            (data / "run").mkdir(parents=True, exist_ok=True)
            self._lock = await lock_directory(data, self.report)
            if self.plan.is_fresh:
                await asyncio.to_thread(_clear, data)
            (data / "logs").mkdir(exist_ok=True)
            for left_over in (data / "run").glob("*.address"):
                left_over.unlink(missing_ok=True)
            self._reaper = ReaperProcess(self._lock.fileno())
            await self._reaper.start()
            self._tasks.append(asyncio.create_task(self._reaper.keep_running()))
            if self.plan.redis_url is None:
                await self._start_redis()
                if self.plan.is_fresh:
                    await asyncio.to_thread(_empty, self.redis_url)
            self._tasks += [asyncio.create_task(service.keep_running()) for service in self._services]
            self._tasks.append(asyncio.create_task(self._bound_logs()))
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def ready(self, *, patience_seconds: float = 15.0) -> None:
        """Return when every service says that it is ready. Raises CommandError when one cannot start."""
        told_at = time.monotonic() + patience_seconds
        while True:
            if hopeless := next((service for service in self._services if service.is_hopeless), None):
                raise CommandError(hopeless.what_is_wrong(), exit_code=hopeless.exit_code)
            waiting = [service for service in self._services if not await service.is_ready()]
            if not waiting:
                return
            if time.monotonic() > told_at:
                self.report(
                    f"still waiting for {', '.join(service.name for service in waiting)}; "
                    f"see {self.log_file(waiting[0].name)}"
                )
                told_at = time.monotonic() + patience_seconds
            await asyncio.sleep(0.1)

    def environment(self, service: str) -> dict[str, str]:
        """Variables for one service process: what the user set, and behind it what makes it part of this system."""
        data = self.plan.data
        places = {
            "CORANTO_DATA": str(data),
            "CORANTO_PAGES__PATH": str(data / "pages"),
            "CORANTO_SINK__DATABASE": str(store_address(data)),
            "CORANTO_FEEDER__DATA": str(data / "feeder"),
            "CORANTO_GATEWAY__DATABASE": str(store_address(data)),
        }
        always = {
            "CORANTO_REDIS__URL": self.redis_url,
            "CORANTO_HEALTH__READY_FILE": str(self.address_file(service)),
            # Where it really listens stands in its address file.
            "CORANTO_HEALTH__PORT": str(self._free_port(service)),
        }
        # On a port of its own where another system has taken the usual one.
        defaults = {**self.plan.settings, "CORANTO_GATEWAY__PORT": str(self._page_port(service))}
        if self.plan.is_data_named:
            return {**defaults, **os.environ, **places, **always}
        return {**defaults, **places, **os.environ, **always}

    def _page_port(self, service: str) -> int:
        """The gateway's usual port, or 0, which takes any, where another program has it."""
        if _is_free("127.0.0.1", GATEWAY_PORT):
            return GATEWAY_PORT
        if service.startswith("gateway-") and "CORANTO_GATEWAY__PORT" not in os.environ and not self._is_page_port_told:
            self.report(
                f"port {GATEWAY_PORT} is taken by another program: the page is at a free one; "
                "CORANTO_GATEWAY__PORT names one of your choice"
            )
            self._is_page_port_told = True
        return 0

    async def page_address(self) -> str | None:
        """Where the gateway serves its page; None when none is part of this system."""
        if not self.plan.replicas.get("gateway"):
            return None
        answer = await ask_ready(self.address_file("gateway-1"))
        return f"{answer.state['address']}/" if answer is not None and "address" in answer.state else None

    def _free_port(self, service: str) -> int:
        """The process' port in the plan, or 0, which takes any, where another program has it."""
        name, _, number = service.rpartition("-")
        port = port_of(self.plan, name, int(number))
        if port and not _is_free(os.environ.get("CORANTO_HEALTH__HOST", "127.0.0.1"), port):
            if not self._is_port_told:
                self.report(
                    f"port {port} is taken: /metrics are at free ports where theirs are taken (see `coranto status`)"
                )
                self._is_port_told = True
            return 0
        return port

    def address_file(self, service: str) -> Path:
        """File in which the service process says where its /ready is."""
        return self.plan.data / "run" / f"{service}.address"

    def log_file(self, service: str) -> Path:
        """File that takes what the service process writes."""
        return self.plan.data / "logs" / f"{service}.log"

    def note(self, kind: str, pid: int) -> None:
        """Tell the reaper about a process: `service`, `redis` or `gone`."""
        if self._reaper is not None:
            self._reaper.note(kind, pid)

    async def _start_redis(self) -> None:
        server = choose_server()  # says what to install, before anything is touched
        await asyncio.to_thread(end_left_over_redis, self.plan.data, self.report)
        self._redis = EmbeddedRedis(self.plan.data)
        await asyncio.to_thread(self._redis.start)
        self.report(f"redis is {server}")
        self.note("redis", self._redis.pid)
        self._tasks.append(asyncio.create_task(self._keep_redis(self._redis)))

    async def _keep_redis(self, redis: EmbeddedRedis) -> None:
        """Start Redis again when it dies: its append-only file has what it held, and services wait for it."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            started, pid = time.monotonic(), redis.pid
            while redis.is_running:  # noqa: ASYNC110 - a process is polled; it sets no event
                await asyncio.sleep(0.1)
            self.note("gone", pid)
            self.report(f"redis has died and is being started (log: {self.plan.data / 'redis' / 'redis.log'})")
            while True:
                try:
                    await _finished(asyncio.to_thread(redis.start))
                    break
                except NoRedisServerError as error:
                    self.report(f"redis does not start: {error}")
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            self.note("redis", redis.pid)
            self.report("redis runs again")
            if time.monotonic() - started > _STEADY_AFTER_SECONDS:
                pause = _FIRST_PAUSE_SECONDS

    async def _bound_logs(self) -> None:
        while True:
            await asyncio.sleep(_LOG_CHECK_SECONDS)
            for file in (*(self.log_file(name) for name in self.names), self.plan.data / "redis" / "redis.log"):
                with suppress(OSError):  # a full disk must not end the services
                    bound_log(file)

    async def _end(self) -> None:
        """Stop services, then Redis. What is cut short by a second signal is finished by the reaper."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await asyncio.gather(*(service.stop() for service in self._services))
        if self._redis is not None and self._redis.is_running:
            pid = self._redis.pid
            await asyncio.to_thread(self._redis.stop)
            self.note("gone", pid)
        if self._reaper is not None:
            await self._reaper.stop()
            self._reaper = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None


async def _finished(work: Coroutine[Any, Any, None]) -> None:
    """Await the work to its end even when cancelled: a Redis that is half started would be nobody's."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As the service does: one that ended a moment ago is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _claim(data: Path) -> None:
    """Mark the directory as one that each run empties. Raises CommandError when it holds what we did not put there."""
    marker = data / _MARKER
    if marker.exists():
        return
    if data.is_dir() and any(data.iterdir()):
        raise CommandError(
            f"{data} is emptied by each run of the sample site, and it holds files that none of them wrote "
            f"(there is no {_MARKER} in it): move them away, or choose another directory with --data"
        )
    data.mkdir(parents=True, exist_ok=True)
    marker.write_text(
        "What is in this directory belongs to `coranto run` and goes with its next run.\n", encoding="utf-8"
    )


def _clear(data: Path) -> None:
    """Remove what an earlier run left; the lock, which we hold, stays, and Redis' own files are Redis' business."""
    for left in data.iterdir():
        if left.name in ("run", "redis", _MARKER) or left.name.startswith(environment.SOCKET_NAME.partition(".")[0]):
            continue
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        else:
            left.unlink()


def _empty(url: str) -> None:
    """Empty our own Redis."""
    with Redis.from_url(url) as redis:
        redis.flushall()


def _require_installed(services: Mapping[str, int]) -> None:
    missing = [name for name, replicas in services.items() if replicas and find_spec(f"coranto_{name}") is None]
    if missing:
        raise CommandError(
            f"{_listed(missing)} {'is' if len(missing) == 1 else 'are'} not installed in {sys.prefix}; "
            f"install with: pip install {' '.join(f'./services/{name}' for name in missing)}"
        )


def _listed(names: list[str]) -> str:
    what = "the service" if len(names) == 1 else "the services"
    return f"{what} {', '.join(names)}"
