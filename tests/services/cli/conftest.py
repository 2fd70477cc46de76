"""The command line under test, with small services in place of the real ones (`standin_services`)."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest

from coranto_cli import main

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


class Shell:
    """Runs `coranto` in a directory of its own, without the variables of whoever runs the tests."""

    def __init__(self, directory: Path, packages: Path) -> None:
        self.directory = directory
        self.data = directory / "data"
        own = {name: value for name, value in os.environ.items() if not name.startswith("CORANTO_")}
        self.environment = own | {"PYTHONPATH": f"{packages}:{HERE}", "COLUMNS": "200"}

    def __call__(self, *arguments: str, text: str = "", **environment: str) -> Ended:
        """Run the command in this process, which saves a second of imports each time."""
        out, err = io.StringIO(), io.StringIO()
        with self._in_its_place(environment, text), redirect_stdout(out), redirect_stderr(err):
            code = main(arguments)
        return self._ended(code, out.getvalue(), err.getvalue())

    def apart(self, *arguments: str, seconds: float = 60, **environment: str) -> Ended:
        """Run the command in a process of its own, as users do."""
        done = subprocess.run(
            [sys.executable, "-m", "coranto_cli", *arguments],
            cwd=self.directory,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        return self._ended(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str, **environment: str) -> Background:
        """Run the command in the background."""
        log = self.directory / f"{arguments[0]}-{time.monotonic_ns()}.log"
        command = [sys.executable, "-m", "coranto_cli", *arguments]
        return Background(command, self.directory, self.environment | environment, log)

    def page(self, name: str, *paragraphs: str, title: str = "A title") -> Path:
        """A saved page with these paragraphs."""
        file = self.directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
        file.write_text(f"<title>{title}</title>{text}", encoding="utf-8")
        return file

    def processes(self) -> dict[int, str]:
        """Processes of the system in the data directory: their ids, and what they run."""
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                command = (entry / "cmdline").read_text().split("\0")
                environment = (entry / "environ").read_text(errors="replace")
            except OSError:
                continue
            if f"CORANTO_HEALTH__READY_FILE={self.data}/" in environment:
                found[int(entry.name)] = next(part for part in command if part.startswith("coranto_"))
            elif f"unixsocket:{self.data}/redis.sock" in command[0]:
                found[int(entry.name)] = "redis"
        return found

    @contextmanager
    def _in_its_place(self, environment: dict[str, str], text: str) -> Iterator[None]:
        before, directory, stdin = dict(os.environ), Path.cwd(), sys.stdin
        os.chdir(self.directory)
        os.environ.clear()
        os.environ.update(self.environment | environment)
        sys.stdin = io.StringIO(text)
        had_server = _fork_server_runs()
        try:
            yield
        finally:
            if not had_server:
                # It has this environment, and with it the stand-ins: no other test's processes may be forked from it.
                forkserver._forkserver._stop()
            sys.stdin = stdin
            os.environ.clear()
            os.environ.update(before)
            os.chdir(directory)

    @staticmethod
    def _ended(code: int, out: str, err: str) -> Ended:
        assert "Traceback" not in err
        return Ended(code, out, err)


def _fork_server_runs() -> bool:
    return forkserver._forkserver._forkserver_pid is not None  # the standard library names it nowhere else


def heed_interrupt() -> None:
    """In the child, before its program: Ctrl-C ends it, as at a terminal. A runner in the background ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Background:
    """A command that goes on."""

    def __init__(self, command: list[str], directory: Path, environment: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                command,
                cwd=directory,
                env=environment,
                stdout=file,
                stderr=file,
                start_new_session=True,
                preexec_fn=heed_interrupt,  # noqa: PLW1509 - it takes no lock, and tests start nothing from threads
            )

    @property
    def output(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def until(self, text: str, *, seconds: float = 90, times: int = 1) -> None:
        deadline = time.monotonic() + seconds
        while self.output.count(text) < times:
            if self.process.poll() is not None and self.output.count(text) < times:
                pytest.fail(f"ended with {self.process.returncode} before {text!r}:\n{self.output}")
            if time.monotonic() > deadline:
                pytest.fail(f"no {text!r} within {seconds:g} s:\n{self.output}")
            time.sleep(0.05)

    def stop(self, number: signal.Signals = signal.SIGINT, *, seconds: float = 90) -> int:
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packages `coranto_feeder` and so on, which count before the installed ones and run the stand-ins."""
    directory = tmp_path_factory.mktemp("packages")
    for name in ("feeder", "fetcher", "extractor", "classifier"):
        package = directory / f"coranto_{name}"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(f"from standin_services import run\n\nrun({name!r})\n", encoding="utf-8")
    return directory


@pytest.fixture
def shell(tmp_path: Path, packages: Path) -> Shell:
    return Shell(tmp_path, packages)


@pytest.fixture
def start(shell: Shell) -> Iterator[Callable[..., Background]]:
    """Starts commands that go on, and ends them with the test."""
    begun: list[Background] = []

    def begin(*arguments: str, **environment: str) -> Background:
        begun.append(shell.start(*arguments, **environment))
        return begun[-1]

    yield begin
    for background in begun:
        background.end()


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, packages: Path) -> Iterator[Shell]:
    """One running system for the tests of a module, which use addresses of their own."""
    shell = Shell(tmp_path_factory.mktemp("system"), packages)
    background = shell.start("up", "--data", str(shell.data))
    background.until("ready")
    shell.environment["CORANTO_DATA"] = str(shell.data)
    yield shell
    background.end()
