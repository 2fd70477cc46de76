"""Ends what `coranto up` started when `up` itself was killed: no orphan keeps a port or writes a file.

Run as a program of its own, with the standard library only. It holds the reading end of a pipe: lines `service PID`,
`redis PID` and `gone PID` say what lives; the end of the pipe says that `up` has gone, however that came. Then services
are ended first and Redis last, as `up` would have done. It also holds `up`'s lock until that is done.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_GRACE_SECONDS = 10.0


def watch(lines: Iterable[str]) -> dict[int, str]:
    """What lives when the lines end: process id to `service` or `redis`."""
    living: dict[int, str] = {}
    for line in lines:
        kind, _, number = line.strip().partition(" ")
        if not number.isdigit():
            continue
        if kind == "gone":
            living.pop(int(number), None)
        else:
            living[int(number)] = kind
    return living


def end(pids: list[int]) -> None:
    """End these processes: asked first, then made to. Returns when none is left."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_SECONDS
    while (left := [pid for pid in pids if is_alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in left:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    for pid in pids:
        sweep(pid)


def sweep(pid: int) -> None:
    """Kill what a process that has ended left behind in its group, such as the workers of its pool."""
    with suppress(ProcessLookupError, PermissionError):  # nothing is left, which is as it should be
        os.killpg(pid, signal.SIGKILL)


def is_alive(pid: int) -> bool:
    """Whether the process lives; one that has ended and waits for its parent to notice does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with suppress(OSError, IndexError):  # no /proc here: what the signal said must do
        return (
            Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0] != "Z"
        )
    return True


def main() -> None:
    """Wait for the end of standard input, then end what is left."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    living = watch(sys.stdin)
    end([pid for pid, kind in living.items() if kind == "service"])
    end([pid for pid, kind in living.items() if kind == "redis"])


if __name__ == "__main__":
    main()
