"""States, delays and spans of time in words, as several commands print them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from coranto.admin.idle import IdleResult
from coranto.admin.pipeline import DelayedFor, StageState


def span(seconds: float) -> str:
    """A span of time as people say it: 40 s, 12 min, 3 h."""
    if seconds < 0:
        return "a moment"
    for limit, divisor, unit in ((90, 1, "s"), (5400, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / divisor:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"


def count(number: int, what: str, plural: str = "") -> str:
    """The number with its noun: 1 page, 2 pages."""
    return f"{number} {what if number == 1 else plural or f'{what}s'}"


def size(number_of_bytes: int) -> str:
    """A size as people say it: 512 bytes, 3.4 MB."""
    if number_of_bytes < 1000:
        return count(number_of_bytes, "byte")
    for limit, divisor, unit in ((1e6, 1e3, "kB"), (1e9, 1e6, "MB")):
        if number_of_bytes < limit:
            return f"{number_of_bytes / divisor:.1f} {unit}"
    return f"{number_of_bytes / 1e9:.1f} GB"


def without_reason(detail: str, reason: str) -> str:
    """The detail without the reason it begins with, for places where the reason stands beside it."""
    return detail.removeprefix(f"{reason}: ") if detail != reason else ""


def describe_states(states: Sequence[StageState]) -> str:
    """What is unsettled, in a line."""
    parts = []
    for state in states:
        depth = state.depth
        numbers = (("waiting", depth.waiting), ("in flight", depth.pending), ("delayed", depth.delayed))
        if found := [f"{number} {name}" for name, number in numbers if number]:
            parts.append(f"{state.stage}: {', '.join(found)}")
    return "; ".join(parts) or "nothing is left"


def describe_unfinished(result: IdleResult) -> str:
    """What was left when the time was over."""
    if result.unread_feeds:
        return f"{', '.join(result.unread_feeds)} not read yet"
    return describe_states(result.states)


def describe_delays(delays: Sequence[DelayedFor]) -> str:
    """What is delayed, where, and for how long."""
    return "; ".join(
        f"{each.count} in the {each.stage}, the next in {span(each.seconds_to_go)} ({each.soonest.reason})"
        for each in delays
    )


def command_here() -> str:
    """The command as it can be typed here: by its path where it is not on PATH, as after `make run`."""
    script = Path(sys.executable).with_name("coranto")
    if shutil.which("coranto") is not None or not script.exists():
        return "coranto"
    return str(script.relative_to(Path.cwd()) if script.is_relative_to(Path.cwd()) else script)
