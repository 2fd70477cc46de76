"""The table of stages that `coranto status` and `coranto top` print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from coranto.admin.pipeline import StageState
from coranto_cli.console import new_table
from coranto_cli.text import span

_REASONS_SHOWN = 8


def stage_table(states: Sequence[StageState], *, rates: Mapping[str, float] | None = None) -> Table:
    """Every stage with what waits there and how its messages ended; with rates, also how fast."""
    columns = [
        "stage",
        "waiting#",
        "in progress#",
        "delayed#",
        "dead#",
        "oldest#",
        "published#",
        "dropped#",
        "retried#",
    ]
    table = new_table(*columns, *(["per s#"] if rates is not None else []))
    for state in states:
        depth = state.depth
        row = [state.stage, _number(depth.waiting), _number(depth.pending), _number(depth.delayed)]
        row.append(f"[red]{depth.dead}[/red]" if depth.dead else "·")
        row.append(span(depth.oldest_age_seconds) if depth.waiting + depth.pending else "·")
        row += [_number(state.count(kind)) for kind in ("published", "dropped", "retried")]
        if rates is not None:
            row.append(f"{rates.get(state.stage, 0.0):.1f}")
        table.add_row(*row)
    return table


def _number(value: int) -> str:
    return f"{value:,}".replace(",", "\N{THIN SPACE}") if value else "·"


def reason_lines(states: Sequence[StageState]) -> str:
    """What was dropped, retried and given up, by reason: a line for each stage that has any."""
    lines = []
    for state in states:
        found = [
            (number, f"{kind} {reason} {number}") for (kind, reason), number in state.outcomes.items() if reason != "ok"
        ]
        if found:
            shown = [text for _, text in sorted(found, reverse=True)[:_REASONS_SHOWN]]
            lines.append(f"{state.stage}: {', '.join(shown)}")
    return "\n".join(lines)
