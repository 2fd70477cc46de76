"""`coranto dead redeliver` and `coranto dead discard`: one command with two actions."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import typer

from coranto.admin import dead_letters
from coranto.admin.dead_letters import Cause, Filter, Reference
from coranto.admin.pipeline import ConnectedPipeline, connected
from coranto_cli.commands.dead.letters import letter_reference, not_found
from coranto_cli.commands.dead.options import (
    AllOption,
    CauseOption,
    HostOption,
    LettersArgument,
    ReasonOption,
    StageOption,
    letter_filter,
)
from coranto_cli.errors import NOT_FOUND, USAGE, CommandError
from coranto_cli.terminal.console import (
    cell,
    confirm,
    err,
    new_table,
    print_message,
    print_result,
    print_table,
    progress,
    write_json,
)
from coranto_cli.terminal.options import DataOption, DryRunOption, JsonOption, YesOption
from coranto_cli.terminal.text import count

Action = Literal["redeliver", "discard"]


def _command(action: Action, summary: str) -> Callable[..., None]:
    """A command that does this to the letters that its options choose."""

    def command(
        letters: LettersArgument = None,
        stage: StageOption = None,
        reason: ReasonOption = None,
        host: HostOption = None,
        cause: CauseOption = None,
        every: AllOption = False,
        dry_run: DryRunOption = False,
        yes: YesOption = False,
        as_json: JsonOption = False,
        data: DataOption = None,
    ) -> None:
        choice = _Choice(letters or [], letter_filter(stage, reason, host, cause), every)
        asyncio.run(_act(action, choice, dry_run=dry_run, yes=yes, as_json=as_json, data=data))

    command.__doc__ = summary
    return command


redeliver = _command("redeliver", "Redeliver dead letters to their stages with fresh attempts, by name or by filter.")
discard = _command("discard", "Discard dead letters permanently, by name or by filter.")


@dataclass(frozen=True, slots=True)
class _Choice:
    """Which letters the user means."""

    names: Sequence[str]
    filter: Filter
    is_every: bool

    def __post_init__(self) -> None:
        has_filter = self.filter != dead_letters.EVERY
        if sum((bool(self.names), has_filter, self.is_every)) != 1:
            raise CommandError(
                "choose letters in one way: by name, or by --stage, --reason, --host and --cause, or with --all",
                exit_code=USAGE,
            )

    async def resolve(self, pipeline: ConnectedPipeline) -> tuple[list[tuple[Reference, Cause]], list[Reference]]:
        """The letters meant, and the names of those that are not there."""
        if not self.names:
            return await dead_letters.choose(pipeline.streams, self.filter), []
        found, missing = [], []
        for name in self.names:
            reference = await letter_reference(pipeline, name)
            letter = await dead_letters.find_letter(pipeline.streams, reference)
            if letter is None:
                missing.append(reference)
            else:
                found.append((reference, dead_letters.cause_of(letter)))
        return found, missing


async def _act(
    action: Action,
    choice: _Choice,
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    data: Path | None,
) -> None:
    verb, done_verb = {"redeliver": ("redeliver", "redelivered"), "discard": ("discard", "discarded")}[action]
    async with connected(data) as pipeline:
        chosen, missing = await choice.resolve(pipeline)
        for reference in missing:
            print_message(str(not_found(reference)), style="yellow")
        if not chosen:
            if as_json:
                write_json({action: 0, "gone": len(missing), "dry_run": dry_run})
            else:
                print_result("no dead letters match")
            raise typer.Exit(NOT_FOUND)
        letters = count(len(chosen), "letter")
        if not as_json:
            _summarise(chosen)
        if dry_run:
            if as_json:
                write_json({action: len(chosen), "gone": len(missing), "dry_run": True})
            else:
                print_result(f"{letters} would be {done_verb}; leave --dry-run out to do it")
            return
        if not yes:
            confirm(f"{verb} {letters}?")
        done = gone = 0
        with progress() as bar:
            task = bar.add_task(verb, total=len(chosen))
            async for _, is_done in dead_letters.act(pipeline.streams, [reference for reference, _ in chosen], action):
                done, gone = done + int(is_done), gone + int(not is_done)
                bar.advance(task)
    if as_json:
        write_json({action: done, "gone": gone + len(missing), "dry_run": False})
    else:
        print_result(f"{count(done, 'letter')} {done_verb}" + (f", {gone} were already gone" if gone else ""))
    if missing:
        raise typer.Exit(NOT_FOUND)


def _summarise(chosen: Sequence[tuple[Reference, Cause]]) -> None:
    table = new_table("count#", "cause", "stage", "reason", "error")
    for cause, number in Counter(cause for _, cause in chosen).most_common():
        table.add_row(str(number), cause.id, cell(cause.stage), cell(cause.reason), cell(cause.error))
    print_table(table, console=err)
