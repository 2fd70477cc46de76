"""The `coranto` command: starts a pipeline, feeds it, watches it, and explains where an article ended.

`commands` has one module per verb; `command_group` adds those the services bring. This package never
imports a service: stages and commands of theirs come through entry points.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from typing import NoReturn

# Its own requirements: an installation with --no-deps puts the command on PATH all the same.
_NEEDED = ("typer", "rich", "pydantic_settings", "structlog", "aiohttp", "zstandard")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give the exit code: 0 done, 1 failed, 2 wrong usage, 3 refused or not found."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"coranto: the command line needs what is not installed here: {', '.join(missing)}; "
            "install them with: pip install ./shared ./services/cli\n"
        )
        return 1
    from coranto_cli.application import run

    code = run(arguments)
    if arguments is None:
        _leave(code)
    return code


def _leave(code: int) -> NoReturn:
    """End the process without taking the interpreter apart.

    That takes 0.2 s where models are loaded, and gives back only what the system takes back anyway.
    """
    atexit._run_exitfuncs()
    with suppress(OSError, ValueError, AttributeError):  # a reader that has gone, or streams that were closed
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
