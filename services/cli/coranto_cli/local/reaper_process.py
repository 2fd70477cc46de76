"""The supervisor's hold on the reaper: starts it, keeps it running, and tells it which processes live."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

from coranto_cli.local import reaper

_PAUSE_SECONDS = 0.2


class ReaperProcess:
    """The small process that ends the others when the supervisor is killed."""

    def __init__(self, lock: int) -> None:
        self._lock = lock
        self._process: asyncio.subprocess.Process | None = None
        self._living: dict[int, str] = {}

    async def start(self) -> None:
        """Start it, and tell it what lives already."""
        # By its file, and isolated: it needs the standard library only, and starts in milliseconds.
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", str(Path(reaper.__file__)),
            stdin=asyncio.subprocess.PIPE, pass_fds=(self._lock,), start_new_session=True,
        )  # fmt: skip
        for pid, kind in self._living.items():
            self._write(f"{kind} {pid}")

    async def keep_running(self) -> None:
        """Start it again each time it ends, until cancelled."""
        while self._process is not None:
            await self._process.wait()
            await asyncio.sleep(_PAUSE_SECONDS)
            await self.start()

    def note(self, kind: str, pid: int) -> None:
        """Tell it about a process: `service`, `redis` or `gone`."""
        if kind == "gone":
            self._living.pop(pid, None)
        else:
            self._living[pid] = kind
        self._write(f"{kind} {pid}")

    def _write(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(f"{line}\n".encode())

    async def stop(self) -> None:
        """Let it end what is left, and then itself."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(ConnectionError):
                self._process.stdin.close()
                await self._process.stdin.wait_closed()
            await self._process.wait()
