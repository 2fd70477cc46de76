"""How a user says which dead letters are meant: by name, or by a filter."""

from __future__ import annotations

from typing import Annotated

import typer

from coranto.admin.dead_letters import Filter
from coranto.topology import STAGES
from coranto_cli.errors import USAGE, CommandError

StageOption = Annotated[str | None, typer.Option("--stage", help="Only letters of this stage.")]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Only letters with this reason.")]
HostOption = Annotated[str | None, typer.Option("--host", help="Only letters about articles of this host.")]
CauseOption = Annotated[
    str | None, typer.Option("--cause", help="Only letters of this cause, as `dead causes` names it.")
]
LetterArgument = Annotated[str, typer.Argument(help="Its id or its name, as `dead list` shows them.")]
LettersArgument = Annotated[
    list[str] | None, typer.Argument(metavar="LETTER...", help="Ids or names, as `dead list` shows them.")
]
AllOption = Annotated[bool, typer.Option("--all", help="Every letter.")]


def letter_filter(stage: str | None, reason: str | None, host: str | None, cause: str | None) -> Filter:
    """The filter of these options. Raises CommandError when there is no such stage."""
    names = [spec.name for spec in STAGES]
    if stage is not None and stage not in names:
        raise CommandError(f"there is no stage {stage!r}; the stages are {', '.join(names)}", exit_code=USAGE)
    return Filter(stage, reason, host, cause)
