"""Options that many commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Data directory of the running system; by default CORANTO_DATA, else ./coranto-data."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
