"""The services' log files as people read them: one line for each event, the oldest first, whichever service wrote it."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import merge
from pathlib import Path
from typing import Any, BinaryIO

LEVELS = ("debug", "info", "warning", "error", "critical")
# Shown by themselves, or no news to whoever reads one machine's files.
_LEFT_OUT = frozenset({"event", "level", "timestamp", "worker", "exception", "stage", "service"})


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a log file."""

    process: str
    """Such as fetcher-1."""
    at: str
    """ISO 8601, or that of the line before where it has none of its own: what a crash prints is not JSON."""
    fields: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    """The line itself, where it is not JSON."""

    @property
    def level(self) -> str:
        """As it was logged; `error` for a line that is not JSON, which a service prints only as it crashes."""
        return str(self.fields.get("level", "error" if self.text else "info"))

    def is_at_least(self, level: str) -> bool:
        """Whether it is of this level or a graver one."""
        mine = self.level if self.level in LEVELS else "error"
        return LEVELS.index(mine) >= LEVELS.index(level)

    def rendered(self) -> str:
        """The line for a person, its time that of this machine."""
        where = f"{_local(self.at)}  {self.process:<13}"
        if self.text:
            return f"{where} {self.text}"
        level = "" if self.level == "info" else f" {self.level}:"
        facts = [f"{name}={_value(value)}" for name, value in self.fields.items() if _is_shown(name, value)]
        stage = self.fields.get("stage") or self.fields.get("service")
        if stage and not self.process.startswith(str(stage)):
            facts.insert(0, f"stage={stage}")
        line = " ".join([f"{where}{level} {self.fields.get('event', '')}", *facts])
        if trace := self.fields.get("exception"):
            line += "\n" + "\n".join(f"    {each}" for each in str(trace).splitlines())
        return line


class LogFile:
    """One process' log, read from its beginning and then as it grows. It may be cut back to nothing meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process = path.name.partition(".log")[0]
        self._position = 0
        self._at = ""

    def earlier(self) -> Iterator[LogLine]:
        """The lines of the file that was moved aside, then those of the file."""
        older = self._path.with_name(f"{self._path.name}.1")
        if older.exists():
            with older.open("rb") as file:
                yield from self._lines(file)
        yield from self.more()

    def more(self) -> Iterator[LogLine]:
        """What was written since."""
        try:
            with self._path.open("rb") as file:
                if self._path.stat().st_size < self._position:
                    self._position = 0
                file.seek(self._position)
                yield from self._lines(file)
        except FileNotFoundError:
            return

    def _lines(self, file: BinaryIO) -> Iterator[LogLine]:
        for raw in file:
            if not raw.endswith(b"\n"):
                break  # its writer is not done
            if file.name == str(self._path):
                self._position += len(raw)
            if raw.strip():
                yield self._read(raw.decode("utf-8", "replace").rstrip("\n"))

    def _read(self, text: str) -> LogLine:
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            fields = None
        if not isinstance(fields, dict):
            return LogLine(self._process, self._at, text=text)
        if isinstance(at := fields.get("timestamp"), str):
            self._at = at
        return LogLine(self._process, self._at, fields)


def find_files(directory: Path, services: Sequence[str]) -> list[LogFile]:
    """The logs of these services or processes (`fetcher`, `fetcher-2`); of all where none is named."""
    found = sorted(directory.glob("*.log"))
    if services:
        found = [path for path in found if path.stem in services or path.stem.rpartition("-")[0] in services]
    return [LogFile(path) for path in found]


def last_lines(files: Iterable[LogFile], number: int, *, level: str) -> list[LogLine]:
    """The last lines of all files together, at least of this level, in the order of their times."""
    kept = [deque((line for line in file.earlier() if line.is_at_least(level)), maxlen=number) for file in files]
    return list(deque(merge(*kept, key=lambda line: line.at), maxlen=number))


def _is_shown(name: str, value: Any) -> bool:
    return name not in _LEFT_OUT and value is not None and value != ""


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return json.dumps(text, ensure_ascii=False) if isinstance(value, str) and (" " in text or "=" in text) else text


def _local(at: str) -> str:
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return " " * len("11-28 13:40:41")
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return f"{aware.astimezone():%m-%d %H:%M:%S}"
