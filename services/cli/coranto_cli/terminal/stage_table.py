"""The table of stages that `coranto status` and `coranto top` print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from coranto.admin.pipeline import StageState
from coranto_cli.terminal.console import is_narrow, new_table
from coranto_cli.terminal.text import span

_REASONS_SHOWN = 8


_COLUMNS = ("stage", "waiting#", "in flight#", "delayed#", "dead#", "oldest#", "published#", "dropped#", "retried#")
# For 60 columns: the same in short, with 12k for 12,345.
_NARROW_COLUMNS = ("stage", "wait#", "work#", "delay#", "dead#", "oldest#", "out#", "drop#", "retry#")


def stage_table(states: Sequence[StageState], *, rates: Mapping[str, float] | None = None) -> Table:
    """Every stage with what waits there and how its messages ended; with rates, also how fast."""
    narrow = is_narrow()
    number = _short if narrow else _number
    columns = _NARROW_COLUMNS if narrow else _COLUMNS
    table = new_table(*columns, *(["/s#" if narrow else "per s#"] if rates is not None else []), gap=1 if narrow else 2)
    for state in states:
        depth = state.depth
        row = [state.stage, number(depth.waiting), number(depth.pending), number(depth.delayed)]
        row.append(f"[red]{number(depth.dead)}[/red]" if depth.dead else "·")
        row.append(span(depth.oldest_age_seconds) if depth.waiting + depth.pending else "·")
        row += [number(state.count("published")), number(state.count("dropped")), number(state.retried)]
        if rates is not None:
            rate = rates.get(state.stage, 0.0)
            row.append(f"{rate:.0f}" if narrow and rate >= 10 else f"{rate:.1f}")
        table.add_row(*row)
    return table


def _number(value: int) -> str:
    return f"{value:,}".replace(",", "\N{THIN SPACE}") if value else "·"


def _short(value: int) -> str:
    """The number in at most four characters."""
    for limit, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (10_000, "k")):
        if value >= limit:
            return f"{value // (1000 if unit == 'k' else limit)}{unit}"
    return str(value) if value else "·"


def reason_lines(states: Sequence[StageState]) -> str:
    """What was accepted, dropped, retried and given up, by reason: a line for each stage that has any."""
    lines = []
    for state in states:
        found = [
            (number, f"{kind} {reason} {number}") for (kind, reason), number in state.outcomes.items() if reason != "ok"
        ]
        if found:
            shown = [text for _, text in sorted(found, reverse=True)[:_REASONS_SHOWN]]
            lines.append(f"{state.stage}: {', '.join(shown)}")
    return "\n".join(lines)
