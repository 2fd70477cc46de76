"""What the user is told when a command cannot do its work: what was seen, what was expected, what to do.

A traceback is for developers: it goes to a file, and only for errors that nobody foresaw.
"""

from __future__ import annotations

import os
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path

import typer
from pydantic import ValidationError
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from coranto.client import PipelineMismatchError, TooMuchWaitingError
from coranto.client.environment import NotRunningError
from coranto.streams.address import WrongAddressError
from coranto.urls import UnsupportedUrlError
from coranto_cli.errors import FAILED, USAGE, CommandError
from coranto_cli.local.redis_server import NoRedisServerError


@dataclass(frozen=True, slots=True)
class Explanation:
    """What to tell the user, and how the command ends."""

    text: str
    exit_code: int = FAILED


def explain(error: Exception) -> Explanation:
    """The error in words for the user. One that nobody foresaw is kept in a file, which the text names."""
    if (usage := _of_usage(error)) is not None:
        return usage
    match error:
        case CommandError():
            return Explanation(str(error), error.exit_code)
        case UnsupportedUrlError() | WrongAddressError() | PipelineMismatchError():
            return Explanation(str(error), USAGE)
        case NotRunningError() | NoRedisServerError() | TooMuchWaitingError():
            return Explanation(str(error))
        case ValidationError():
            return Explanation(explain_settings(error), USAGE)
        case AuthenticationError() | NoPermissionError():
            return Explanation(
                f"Redis refused the login: {error}; check user name and password in CORANTO_REDIS__URL and the user's permissions"
            )
        case ResponseError():
            return Explanation(
                f"Redis answered with an error: {error}; if it is restarting or failing over, try again in a moment"
            )
        case RedisError() | TimeoutError():
            return Explanation(
                f"Redis does not answer ({str(error) or 'timed out'}); "
                "if the system was stopped, start it with `coranto up`, otherwise check CORANTO_REDIS__URL or --data"
            )
        case OSError():
            return _of_system(error)
        case ValueError() if "CORANTO_" in str(error):
            return Explanation(str(error), USAGE)
        case _:
            return _unforeseen(error)


def _of_usage(error: Exception) -> Explanation | None:
    """What typer has found wrong with the words of the command; None for any other error."""
    if isinstance(error, typer.Abort):
        return Explanation("nothing was done")
    format_message = getattr(error, "format_message", None)
    if format_message is None:
        return None
    text = (
        str(format_message()).strip().replace("Value error, ", "")
    )  # pydantic's word for what a check of typer's says
    context = getattr(error, "ctx", None)
    if not text or context is None:  # the help has been printed, as for a command without arguments
        return Explanation(text, USAGE)
    return Explanation(f"{text[:1].lower()}{text[1:].rstrip('.')}; see `{context.command_path} --help`", USAGE)


def _of_system(error: OSError) -> Explanation:
    if error.filename is None:
        return Explanation(f"the operating system reported an error: {error}")
    if isinstance(error, PermissionError):
        return Explanation(f"permission denied: {error.filename}; check who owns it, or name another place", USAGE)
    is_wrong_name = isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError)
    said = f"cannot use {error.filename}: {(error.strerror or str(error)).lower()}"
    return Explanation(said, USAGE if is_wrong_name else FAILED)


def explain_settings(error: ValidationError) -> str:
    """Which variables are wrong, what they hold and what they should."""
    lines = []
    for problem in error.errors(include_url=False):
        name = "CORANTO_" + "__".join(str(part).upper() for part in problem["loc"])
        seen = problem.get("input")
        # A value that may be a secret is not repeated.
        shown = (
            ""
            if any(word in name for word in ("URL", "SECRET", "TOKEN", "PASSWORD", "KEY", "PROXY", "DATABASE"))
            else f", got {seen!r}"
        )
        said = problem["msg"].removeprefix("Value error, ").removeprefix(f"{name} ")
        if problem["type"] == "extra_forbidden":
            said = "there is no such setting; `coranto settings SERVICE` lists those there are"
        lines.append(f"{name}: {said}{shown}")
    return "invalid setting: " + "; ".join(lines)


def _unforeseen(error: Exception) -> Explanation:
    text = f"unexpected {type(error).__name__}: {error}"
    try:
        descriptor, name = tempfile.mkstemp(prefix="coranto-error-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            traceback.print_exception(error, file=file)
    except OSError:
        return Explanation(f"{text}. This is a bug in Coranto; please report it")
    return Explanation(
        f"{text}. This is a bug in Coranto; please report it and attach {Path(name)}, which holds the traceback"
    )
