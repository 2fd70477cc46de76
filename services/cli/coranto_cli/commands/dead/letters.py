"""`coranto dead`: looking at dead letters, mending them, sending them back or giving them up."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from coranto.admin import dead_letters
from coranto.admin.dead_letters import Cause, Filter, Reference
from coranto.admin.pipeline import RunningSystem, connected
from coranto.records.envelope import MalformedEventError
from coranto.streams.interface import DeadLetter
from coranto.topology import STAGES
from coranto_cli.commands.watching import span, without_reason
from coranto_cli.console import (
    cell,
    err,
    new_table,
    print_table,
    progress,
    say,
    tell,
    write_json,
    write_json_lines,
)
from coranto_cli.errors import NOT_FOUND, USAGE, CommandError
from coranto_cli.options import DataOption, JsonOption

app = typer.Typer(
    help="Messages that could not be handled: look at them, mend them, send them back or give them up.",
    no_args_is_help=True,
)

StageOption = Annotated[str | None, typer.Option("--stage", help="Letters of this stage only.")]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Letters with this reason only.")]
HostOption = Annotated[str | None, typer.Option("--host", help="Letters about articles of this host only.")]
CauseOption = Annotated[
    str | None, typer.Option("--cause", help="Letters of this cause only, as `dead groups` names it.")
]
ReferencesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[LETTER]...", help="Names as `dead list` gives them.")
]
AllOption = Annotated[bool, typer.Option("--all", help="Every letter.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

_SHOWN_BY_DEFAULT = 50


@app.command("list")
def list_letters(
    stage: StageOption = None,
    reason: ReasonOption = None,
    host: HostOption = None,
    cause: CauseOption = None,
    limit: Annotated[
        int, typer.Option("--limit", min=0, help="Number of letters at most; 0 for all.")
    ] = _SHOWN_BY_DEFAULT,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """List dead letters, stage by stage, oldest first."""
    asyncio.run(_list(_filter(stage, reason, host, cause), limit, as_json, data))


async def _list(chosen: Filter, limit: int, as_json: bool, data: Path | None) -> None:
    async with connected(data) as system:
        letters: list[DeadLetter] = []
        more = 0
        async for letter in dead_letters.find_letters(system.streams, chosen):
            if limit and len(letters) >= limit:
                more += 1
            else:
                letters.append(letter)
    if as_json:
        write_json_lines(_brief(letter) for letter in letters)
    elif not letters:
        say("no dead letters")
    else:
        table = new_table("letter", "age#", "reason", "about", "error")
        for letter in letters:
            table.add_row(
                str(Reference.of(letter)),
                _age(letter.died_at_ms),
                cell(letter.reason),
                cell(dead_letters.url_of_letter(letter) or "(unreadable)"),
                cell(_first_line(letter)),
            )
        print_table(table)
    if more:
        tell(f"and {more} more; --limit 0 lists all, `coranto dead groups` counts them by cause")


@app.command()
def groups(
    stage: StageOption = None,
    reason: ReasonOption = None,
    host: HostOption = None,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Count dead letters by cause: stage, reason, and the error with numbers and ids folded away."""
    found = asyncio.run(_groups(_filter(stage, reason, host, None), data))
    if as_json:
        write_json_lines(
            {
                "cause": group.cause.id,
                "stage": group.cause.stage,
                "reason": group.cause.reason,
                "error": group.cause.error,
                "count": group.count,
                "first": _time(group.first_ms),
                "last": _time(group.last_ms),
                "example": str(group.example),
            }
            for group in found
        )
    elif not found:
        say("no dead letters")
    else:
        table = new_table("cause", "count#", "stage", "reason", "last#", "example", "error")
        for group in found:
            table.add_row(
                group.cause.id, str(group.count), cell(group.cause.stage), cell(group.cause.reason),
                _age(group.last_ms), str(group.example), cell(group.cause.error),
            )  # fmt: skip
        print_table(table)
        tell("`coranto dead redeliver --cause CAUSE --dry-run` says what would be sent back")


async def _groups(chosen: Filter, data: Path | None) -> list[dead_letters.Group]:
    async with connected(data) as system:
        return await dead_letters.group_by_cause(system.streams, chosen)


@app.command()
def show(
    letter: Annotated[str, typer.Argument(help="Its name, as `dead list` gives it.")],
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Show one dead letter whole: error, traceback and the message itself."""
    found = asyncio.run(_get(_reference(letter), data))
    if as_json:
        write_json(_brief(found) | {"traceback": found.traceback, "event": _readable(found.event)})
        return
    say(f"{Reference.of(found)}", style="bold")
    say(f"stage     {found.stage}")
    say(f"reason    {found.reason}")
    say(f"attempts  {found.attempts}")
    say(f"died      {_time(found.died_at_ms)}, {_age(found.died_at_ms)} ago")
    say(f"about     {dead_letters.url_of_letter(found) or '(unreadable)'}")
    say(f"cause     {dead_letters.cause_of(found).id}")
    say(f"error     {found.error}")
    if found.traceback:
        say(f"\n{found.traceback.rstrip()}", style="dim")
    say("\n" + _pretty(found.event))


@app.command()
def edit(
    letter: Annotated[str, typer.Argument(help="Its name, as `dead list` gives it.")],
    file: Annotated[
        Path | None,
        typer.Option("--file", help="File with the mended event; - for standard input. Else $EDITOR opens."),
    ] = None,
    dry_run: DryRunOption = False,
    data: DataOption = None,
) -> None:
    """Mend a dead letter's event and send it back to its stage. It must validate, or nothing is sent."""
    reference = _reference(letter)
    found = asyncio.run(_get(reference, data))
    before = _pretty(found.event)
    after = _edited(before) if file is None else sys.stdin.read() if str(file) == "-" else _read(file)
    if file is None and after.strip() == before.strip():
        say("nothing was changed, and nothing is sent")
        return
    try:
        event = json.dumps(json.loads(after), ensure_ascii=False).encode()
    except ValueError as error:
        raise CommandError(f"the mended event is no JSON: {error}; nothing was sent", exit_code=USAGE) from error
    asyncio.run(_send_edited(reference, event, dry_run, data))


async def _send_edited(reference: Reference, event: bytes, dry_run: bool, data: Path | None) -> None:
    try:
        if dry_run:
            dead_letters.check_event(reference, event)
            say(f"{reference} would be sent back with the mended event")
            return
        async with connected(data) as system:
            if not await dead_letters.redeliver_edited(system.streams, reference, event):
                raise _gone(reference)
    except MalformedEventError as error:
        raise CommandError(f"the mended event does not validate: {error}; nothing was sent", exit_code=USAGE) from error
    say(f"{reference} was sent back with the mended event")


@app.command()
def redeliver(
    letters: ReferencesArgument = None,
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
    """Send dead letters back to their stages, with fresh attempts: those named, or those a filter takes."""
    choice = _Choice(letters or [], _filter(stage, reason, host, cause), every)
    asyncio.run(_act("redeliver", choice, dry_run=dry_run, yes=yes, as_json=as_json, data=data))


@app.command()
def drop(
    letters: ReferencesArgument = None,
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
    """Give dead letters up for good: those named, or those a filter takes."""
    choice = _Choice(letters or [], _filter(stage, reason, host, cause), every)
    asyncio.run(_act("discard", choice, dry_run=dry_run, yes=yes, as_json=as_json, data=data))


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
                "say which letters are meant in one way: by name, or by --stage, --reason, --host and --cause, or with --all",
                exit_code=USAGE,
            )

    async def resolve(self, system: RunningSystem) -> tuple[list[tuple[Reference, Cause]], list[Reference]]:
        """The letters meant, and the names of those that are not there."""
        if not self.names:
            return await dead_letters.choose(system.streams, self.filter), []
        found, missing = [], []
        for reference in (_reference(name) for name in self.names):
            letter = await dead_letters.find_letter(system.streams, reference)
            if letter is None:
                missing.append(reference)
            else:
                found.append((reference, dead_letters.cause_of(letter)))
        return found, missing


async def _act(
    action: Literal["redeliver", "discard"],
    choice: _Choice,
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    data: Path | None,
) -> None:
    verb, done_verb = {"redeliver": ("send back", "sent back"), "discard": ("drop for good", "dropped")}[action]
    async with connected(data) as system:
        chosen, missing = await choice.resolve(system)
        for reference in missing:
            tell(str(_gone(reference)), style="yellow")
        if not chosen:
            if as_json:
                write_json({action: 0, "gone": len(missing), "dry_run": dry_run})
            else:
                say("no such dead letters")
            raise typer.Exit(NOT_FOUND)
        if not as_json:
            _summarise(chosen)
        if dry_run:
            if as_json:
                write_json({action: len(chosen), "gone": len(missing), "dry_run": True})
            else:
                say(f"{_letters(len(chosen))} would be {done_verb}; without --dry-run they are")
            return
        if not yes:
            _confirm(f"{verb} {_letters(len(chosen))}?")
        done = gone = 0
        with progress() as bar:
            task = bar.add_task(verb, total=len(chosen))
            async for _, is_done in dead_letters.act(system.streams, [reference for reference, _ in chosen], action):
                done, gone = done + int(is_done), gone + int(not is_done)
                bar.advance(task)
    if as_json:
        write_json({action: done, "gone": gone + len(missing), "dry_run": False})
    else:
        say(f"{_letters(done)} {done_verb}" + (f", {gone} had gone meanwhile" if gone else ""))
    if missing:
        raise typer.Exit(NOT_FOUND)


def _summarise(chosen: Sequence[tuple[Reference, Cause]]) -> None:
    table = new_table("count#", "cause", "stage", "reason", "error")
    for cause, count in Counter(cause for _, cause in chosen).most_common():
        table.add_row(str(count), cause.id, cell(cause.stage), cell(cause.reason), cell(cause.error))
    print_table(table, console=err)


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise CommandError(
            f"{question} There is nobody to ask; add --yes to do it, or --dry-run to see what it means", exit_code=USAGE
        )
    if not typer.confirm(question, err=True):
        raise CommandError("nothing was done")


async def _get(reference: Reference, data: Path | None) -> DeadLetter:
    async with connected(data) as system:
        found = await dead_letters.find_letter(system.streams, reference)
    if found is None:
        raise _gone(reference)
    return found


def _gone(reference: Reference) -> CommandError:
    return CommandError(
        f"there is no dead letter {reference}: it was sent back or dropped, or the name is wrong; see `coranto dead list`",
        exit_code=NOT_FOUND,
    )


def _reference(text: str) -> Reference:
    try:
        return Reference.parse(text)
    except ValueError as error:
        raise CommandError(str(error), exit_code=USAGE) from error


def _filter(stage: str | None, reason: str | None, host: str | None, cause: str | None) -> Filter:
    names = [spec.name for spec in STAGES]
    if stage is not None and stage not in names:
        raise CommandError(f"there is no stage {stage!r}; the stages are {', '.join(names)}", exit_code=USAGE)
    return Filter(stage, reason, host, cause)


def _edited(text: str) -> str:
    """The text as the user leaves it in the editor."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise CommandError("no editor is set: set EDITOR, or give the mended event with --file FILE", exit_code=USAGE)
    with tempfile.TemporaryDirectory(prefix="coranto-") as directory:
        file = Path(directory) / "event.json"
        file.write_text(text + "\n", encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)  # noqa: S603 - the editor the user has chosen
        except (OSError, subprocess.CalledProcessError) as error:
            raise CommandError(f"the editor failed ({error}); nothing was sent") from error
        return file.read_text(encoding="utf-8")


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}") from error


def _brief(letter: DeadLetter) -> dict[str, Any]:
    return {
        "letter": str(Reference.of(letter)),
        "stage": letter.stage,
        "reason": letter.reason,
        "error": letter.error,
        "cause": dead_letters.cause_of(letter).id,
        "attempts": letter.attempts,
        "died_at": _time(letter.died_at_ms),
        "url": dead_letters.url_of_letter(letter),
        "article": dead_letters.article_of_letter(letter),
    }


def _readable(event: bytes) -> Any:
    """The event as JSON; as text where it is none."""
    try:
        return json.loads(event)
    except ValueError:
        return event.decode("utf-8", "backslashreplace")


def _pretty(event: bytes) -> str:
    value = _readable(event)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def _first_line(letter: DeadLetter) -> str:
    text = without_reason(letter.error.strip(), letter.reason)
    return text.splitlines()[0] if text else ""


def _letters(number: int) -> str:
    return f"{number} letter{'' if number == 1 else 's'}"


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


def _age(milliseconds: int) -> str:
    return span(datetime.now(UTC).timestamp() - milliseconds / 1000)
