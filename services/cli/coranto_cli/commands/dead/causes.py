"""`coranto dead causes`."""

from __future__ import annotations

import asyncio
from pathlib import Path

from coranto.admin import dead_letters
from coranto.admin.dead_letters import Filter
from coranto.admin.pipeline import connected
from coranto_cli.commands.dead.letters import age, time_of
from coranto_cli.commands.dead.options import HostOption, ReasonOption, StageOption, letter_filter
from coranto_cli.terminal.console import cell, new_table, print_message, print_result, print_table, write_json_lines
from coranto_cli.terminal.options import DataOption, JsonOption


def causes(
    stage: StageOption = None,
    reason: ReasonOption = None,
    host: HostOption = None,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Count dead letters by cause: stage, reason, and the error without its numbers and ids."""
    found = asyncio.run(_groups(letter_filter(stage, reason, host, None), data))
    if as_json:
        write_json_lines(
            {
                "cause": group.cause.id,
                "stage": group.cause.stage,
                "reason": group.cause.reason,
                "error": group.cause.error,
                "count": group.count,
                "first": time_of(group.first_ms),
                "last": time_of(group.last_ms),
                "example": str(group.example),
            }
            for group in found
        )
    elif not found:
        print_result("no dead letters")
    else:
        table = new_table("cause", "count#", "stage", "reason", "last#", "example", "error")
        for group in found:
            table.add_row(
                group.cause.id, str(group.count), cell(group.cause.stage), cell(group.cause.reason),
                age(group.last_ms), str(group.example), cell(group.cause.error),
            )  # fmt: skip
        print_table(table)
        print_message("`coranto dead redeliver --cause CAUSE --dry-run` shows what would be redelivered")


async def _groups(chosen: Filter, data: Path | None) -> list[dead_letters.Group]:
    async with connected(data) as pipeline:
        return await dead_letters.group_by_cause(pipeline.streams, chosen)
