"""One process of a service: started, watched, started again when it dies, and stopped."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from coranto_cli.errors import FAILED, USAGE
from coranto_cli.explanation import explain_settings
from coranto_cli.local import reaper
from coranto_cli.local.log_rotation import bound_log
from coranto_cli.local.readiness import ask_ready

_GRACE_SECONDS = 30.0  # ten more than a service's own grace period: it must be able to use all of it
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 15.0
_STEADY_AFTER_SECONDS = 30.0
_STARTS_BEFORE_GIVING_UP = 4


class Owner(Protocol):
    """What a service process asks of its supervisor."""

    def environment(self, service: str) -> dict[str, str]:
        """Variables for the process."""

    def address_file(self, service: str) -> Path:
        """File in which the process says where its /ready is."""

    def log_file(self, service: str) -> Path:
        """File that takes what the process writes."""

    def note(self, kind: str, pid: int) -> None:
        """Tell the reaper about a process: `service` or `gone`."""

    def report(self, text: str) -> None:
        """Tell the user."""


class ServiceProcess:
    """One process of a service, through all its restarts."""

    def __init__(self, service: str, number: int, owner: Owner) -> None:
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
        """Whether it has died again and again without ever being ready, or its settings make it."""
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
                self._owner.report(f"{self.name} {self._ended}; started again in {pause:g} s (log: {log})")
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _live(self) -> str:
        """Start the process, wait for its end, and say how it ended."""
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
            # terminal reaches the supervisor alone, which stops services in order.
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

    @property
    def exit_code(self) -> int:
        """How the command ends when the process cannot start: wrong settings are wrong usage."""
        return USAGE if self._wrong_settings else FAILED

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
            self._owner.report(f"{self.name} did not stop within {_GRACE_SECONDS:g} s and is killed")
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        reaper.sweep(process.pid)
        self._owner.note("gone", process.pid)


def _find_wrong_settings(module: str) -> str:
    """What is wrong with the settings of a service that died at its start; empty when they are right."""
    try:
        import_module(f"{module}.settings").Settings()
    except ValidationError as error:
        return explain_settings(error)
    except Exception:  # noqa: BLE001 - anything else that keeps the service from starting is in its log
        return ""
    return ""


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
