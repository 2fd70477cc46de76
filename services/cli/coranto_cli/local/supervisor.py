"""The processes behind `coranto up`: Redis where none is configured, every service, and what keeps them alive.

A service that dies is started again, sooner at first and later when it keeps dying. Stopping goes in order: services
finish or hand back what they have in hand, then Redis writes what it holds. `guardian` does the same when we are killed.
"""

from __future__ import annotations

import asyncio
import fcntl
import importlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from pydantic import ValidationError
from redis import Redis
from redis.exceptions import RedisError

from coranto.client import environment
from coranto.topology import SERVICES
from coranto_cli.errors import CommandError, explain_settings
from coranto_cli.local import reaper
from coranto_cli.local.redis_server import EmbeddedRedis, NoRedisServerError, choose_server

Say = Callable[[str], None]

_GRACE_SECONDS = 30.0  # ten more than a service's own grace period: it must be able to use all of it
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 15.0
_STEADY_AFTER_SECONDS = 30.0
_STARTS_BEFORE_GIVING_UP = 4
_LOG_BYTES = 10_000_000
_LOG_CHECK_SECONDS = 5.0
_MARKER = ".coranto-sample"
"""Lies in a directory that each run may empty, because runs alone have written to it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to run, and where."""

    data: Path
    replicas: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(SERVICES, 1))
    """Number of processes of each service."""
    redis_url: str | None = None
    """Address of the user's Redis; None starts our own in the data directory."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Variables for the services, where the user has not set them."""
    is_fresh: bool = False
    """True to begin with an empty data directory: what an earlier run left there is removed."""
    is_data_named: bool = True
    """True when the user named the directory: then it says where things are, whatever the environment says."""


class Processes:
    """What `coranto up` runs, between `async with` and its end."""

    def __init__(self, plan: Plan, *, say: Say) -> None:
        self.plan = plan
        self.say = say
        self._redis: EmbeddedRedis | None = None
        self._guardian: _Guardian | None = None
        self._lock: IO[str] | None = None
        self._services = [
            _Service(name, number, self)
            for name, replicas in plan.replicas.items()
            for number in range(1, replicas + 1)
        ]
        self._tasks: list[asyncio.Task[None]] = []

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
            self._lock = await _lock(data, self.say)
            if self.plan.is_fresh:
                await asyncio.to_thread(_clear, data)
            (data / "logs").mkdir(exist_ok=True)
            for left_over in (data / "run").glob("*.address"):
                left_over.unlink(missing_ok=True)
            self._guardian = _Guardian(self._lock.fileno())
            await self._guardian.start()
            self._tasks.append(asyncio.create_task(self._guardian.keep_running()))
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
                raise CommandError(hopeless.what_is_wrong())
            waiting = [service for service in self._services if not await service.is_ready()]
            if not waiting:
                return
            if time.monotonic() > told_at:
                self.say(
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
            "CORANTO_SINK__DATABASE": str(data / "library.sqlite"),
            "CORANTO_FEEDER__DATA": str(data / "feeder"),
        }
        always = {
            "CORANTO_REDIS__URL": self.redis_url,
            "CORANTO_OPERATIONS__READY_FILE": str(self.address_file(service)),
            # One port cannot serve several processes; where each listens stands in its address file.
            "CORANTO_OPERATIONS__PORT": "0",
        }
        if self.plan.is_data_named:
            return {**self.plan.settings, **os.environ, **places, **always}
        return {**self.plan.settings, **places, **os.environ, **always}

    def address_file(self, service: str) -> Path:
        """File in which the service process says where its /ready is."""
        return self.plan.data / "run" / f"{service}.address"

    def log_file(self, service: str) -> Path:
        """File that takes what the service process writes."""
        return self.plan.data / "logs" / f"{service}.log"

    def note(self, kind: str, pid: int) -> None:
        """Tell the guardian about a process: `service`, `redis` or `gone`."""
        if self._guardian is not None:
            self._guardian.note(kind, pid)

    async def _start_redis(self) -> None:
        server = choose_server()  # says what to install, before anything is touched
        await asyncio.to_thread(_end_left_over_redis, self.plan.data, self.say)
        self._redis = EmbeddedRedis(self.plan.data)
        await asyncio.to_thread(self._redis.start)
        self.say(f"redis is {server}")
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
            self.say(f"redis has died and is being started (log: {self.plan.data / 'redis' / 'redis.log'})")
            while True:
                try:
                    await _finished(asyncio.to_thread(redis.start))
                    break
                except NoRedisServerError as error:
                    self.say(f"redis does not start: {error}")
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            self.note("redis", redis.pid)
            self.say("redis runs again")
            if time.monotonic() - started > _STEADY_AFTER_SECONDS:
                pause = _FIRST_PAUSE_SECONDS

    async def _bound_logs(self) -> None:
        while True:
            await asyncio.sleep(_LOG_CHECK_SECONDS)
            for file in (*(self.log_file(name) for name in self.names), self.plan.data / "redis" / "redis.log"):
                with suppress(OSError):  # a full disk must not end the services
                    bound_log(file)

    async def _end(self) -> None:
        """Stop services, then Redis. What is cut short by a second signal is finished by the guardian."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await asyncio.gather(*(service.stop() for service in self._services))
        if self._redis is not None and self._redis.is_running:
            pid = self._redis.pid
            await asyncio.to_thread(self._redis.stop)
            self.note("gone", pid)
        if self._guardian is not None:
            await self._guardian.stop()
            self._guardian = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None


class _Service:
    """One process of a service, through all its lives."""

    def __init__(self, service: str, number: int, owner: Processes) -> None:
        self.name = f"{service}-{number}"
        self._module = f"coranto_{service}"
        self._owner = owner
        self._process: asyncio.subprocess.Process | None = None
        self._was_ready = False
        self._starts = 0
        self._ended = ""
        self._wrong_settings = ""

    @property
    def is_hopeless(self) -> bool:
        """Whether it has died time and again without ever being ready, or its settings say that it must."""
        return not self._was_ready and (self._starts >= _STARTS_BEFORE_GIVING_UP or bool(self._wrong_settings))

    async def keep_running(self) -> None:
        """Run it, again each time it ends, until cancelled; the process is left to `stop`."""
        pause = _FIRST_PAUSE_SECONDS
        while not self.is_hopeless:
            started = time.monotonic()
            self._ended = await self._live()
            self._starts += 1
            if not self._was_ready:
                self._wrong_settings = _find_wrong_settings(self._module)
            if time.monotonic() - started > _STEADY_AFTER_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            if not self.is_hopeless:
                log = self._owner.log_file(self.name)
                self._owner.say(f"{self.name} {self._ended}; started again in {pause:g} s (log: {log})")
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _live(self) -> str:
        """Start the process, wait for its end, and say how it came."""
        try:
            process = await self._start()
        except OSError as error:  # no memory, no file descriptors, a full disk: perhaps later
            return f"could not be started ({error})"
        code = await process.wait()
        reaper.sweep(process.pid)
        self._owner.note("gone", process.pid)
        self._process = None
        return _how_it_ended(code)

    async def _start(self) -> asyncio.subprocess.Process:
        owner = self._owner
        owner.address_file(self.name).unlink(missing_ok=True)
        log_file = owner.log_file(self.name)
        bound_log(log_file)
        with log_file.open("ab") as log:
            # -P: a file of the user's directory must not stand in for a module. A session of its own: Ctrl-C in the
            # terminal reaches us alone, and we stop services in order.
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", self._module,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                env=owner.environment(self.name), start_new_session=True,
            )  # fmt: skip
        owner.note("service", self._process.pid)
        return self._process

    async def is_ready(self) -> bool:
        """Whether it says that it is ready."""
        answer = await ask_ready(self._owner.address_file(self.name))
        is_ready = answer is not None and answer.is_ready
        self._was_ready = self._was_ready or is_ready
        return is_ready

    def what_is_wrong(self) -> str:
        """Why it does not start, with the last line it wrote."""
        if self._wrong_settings:
            return f"{self.name} does not start: {self._wrong_settings}"
        log = self._owner.log_file(self.name)
        return (
            f"{self.name} does not start: it {self._ended} {self._starts} times in a row; "
            f"the last line of {log} is: {_last_line(log)}"
        )

    async def stop(self) -> None:
        """End the process: asked first, then made to."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(_GRACE_SECONDS):
                await process.wait()
        except TimeoutError:
            self._owner.say(f"{self.name} did not stop within {_GRACE_SECONDS:g} s and is killed")
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        reaper.sweep(process.pid)
        self._owner.note("gone", process.pid)


class _Guardian:
    """The small process that ends the others when we are killed."""

    def __init__(self, lock: int) -> None:
        self._lock = lock
        self._process: asyncio.subprocess.Process | None = None
        self._living: dict[int, str] = {}

    async def start(self) -> None:
        # By its file, and isolated: it needs the standard library only, and starts in milliseconds.
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", str(Path(reaper.__file__)),
            stdin=asyncio.subprocess.PIPE, pass_fds=(self._lock,), start_new_session=True,
        )  # fmt: skip
        for pid, kind in self._living.items():
            self._write(f"{kind} {pid}")

    async def keep_running(self) -> None:
        while self._process is not None:
            await self._process.wait()
            await asyncio.sleep(_FIRST_PAUSE_SECONDS)
            await self.start()

    def note(self, kind: str, pid: int) -> None:
        if kind == "gone":
            self._living.pop(pid, None)
        else:
            self._living[pid] = kind
        self._write(f"{kind} {pid}")

    def _write(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(f"{line}\n".encode())

    async def stop(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(ConnectionError):
                self._process.stdin.close()
                await self._process.stdin.wait_closed()
            await self._process.wait()


@dataclass(frozen=True, slots=True)
class Readiness:
    """What a service process says of itself."""

    is_ready: bool
    state: dict[str, Any]


async def ask_ready(address_file: Path) -> Readiness | None:
    """The answer of the service process whose address is in the file; None when there is none."""
    import aiohttp  # late: most commands need no HTTP

    try:
        address = (await asyncio.to_thread(address_file.read_text, encoding="utf-8")).strip()
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(f"{address}/ready") as response:
            state = await response.json()
            return Readiness(response.status == 200, state if isinstance(state, dict) else {})
    except (OSError, aiohttp.ClientError, TimeoutError, json.JSONDecodeError):
        return None


def bound_log(file: Path, *, most_bytes: int = _LOG_BYTES) -> None:
    """Move a log that has grown too long aside, in place, so that the process that writes it need not know.

    One older file is kept. Lines that are written while it is copied may be lost.
    """
    if not file.exists() or file.stat().st_size <= most_bytes:
        return
    shutil.copyfile(file, file.with_name(f"{file.name}.1"))
    os.truncate(file, 0)  # the writer appends, so it goes on at the new end


async def _finished(work: Coroutine[Any, Any, None]) -> None:
    """Await the work to its end even when cancelled: a Redis that is half started would be nobody's."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


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


async def _lock(data: Path, say: Say) -> IO[str]:
    """The lock on the data directory. Raises CommandError when another `coranto up` has it."""
    file = (data / "run" / "up.lock").open("a+", encoding="utf-8")
    deadline, is_told = time.monotonic() + _GRACE_SECONDS, False
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError as error:
            file.seek(0)
            owner = file.read().strip()
            if (owner.isdigit() and reaper.is_alive(int(owner))) or time.monotonic() > deadline:
                file.close()
                raise CommandError(
                    f"the directory {data} is in use by another `coranto up` (process {owner or 'unknown'}); "
                    "stop that one, or choose another directory with --data"
                ) from error
            if not is_told:
                say("waiting for what a killed `coranto up` left behind to stop")
                is_told = True
            await asyncio.sleep(0.2)
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def _end_left_over_redis(data: Path, say: Say) -> None:
    """Stop a Redis that outlived its `up`: two servers must never write to one append-only file."""
    try:
        url = environment.redis_url(data=data)
    except environment.NotRunningError:
        return
    try:
        with Redis.from_url(url, socket_timeout=10.0) as client:
            pid = int(client.info("server")["process_id"])
            say(f"a Redis (process {pid}) was left in {data}; it is stopped first")
            client.shutdown()
    except (RedisError, OSError):
        return  # nobody listens: the socket is only a file
    deadline = time.monotonic() + _GRACE_SECONDS
    while reaper.is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)


def _require_installed(services: Mapping[str, int]) -> None:
    missing = [name for name, replicas in services.items() if replicas and find_spec(f"coranto_{name}") is None]
    if missing:
        raise CommandError(
            f"{_listed(missing)} {'is' if len(missing) == 1 else 'are'} not installed in {sys.prefix}; "
            f"install with: pip install {' '.join(f'./services/{name}' for name in missing)}"
        )


def _find_wrong_settings(module: str) -> str:
    """What is wrong with the settings of a service that died at its start; empty when they are right."""
    try:
        importlib.import_module(f"{module}.settings").Settings()
    except ValidationError as error:
        return explain_settings(error)
    except Exception:  # noqa: BLE001 - whatever else keeps the service from starting stands in its log
        return ""
    return ""


def _listed(names: list[str]) -> str:
    what = "the service" if len(names) == 1 else "the services"
    return f"{what} {', '.join(names)}"


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def _last_line(file: Path) -> str:
    try:
        with file.open("rb") as log:
            log.seek(max(0, file.stat().st_size - 20_000))
            lines = [line for line in log.read().decode("utf-8", "replace").splitlines() if line.strip()]
    except OSError as error:
        return f"(unreadable: {error})"
    return lines[-1][-500:] if lines else "(empty)"
