"""What the `dead` commands share: getting a letter, and how one is shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from coranto.admin import dead_letters
from coranto.admin.dead_letters import Reference
from coranto.admin.pipeline import ConnectedPipeline, connected
from coranto.records import time_text
from coranto.streams.interface import DeadLetter
from coranto_cli.errors import NOT_FOUND, USAGE, CommandError
from coranto_cli.terminal.text import span


async def get_letter(name: str, data: Path | None) -> DeadLetter:
    """The letter. Raises CommandError when the text is not a name of one, or it is gone."""
    async with connected(data) as pipeline:
        reference = await letter_reference(pipeline, name)
        found = await dead_letters.find_letter(pipeline.streams, reference)
    if found is None:
        raise not_found(reference)
    return found


async def letter_reference(pipeline: ConnectedPipeline, name: str) -> Reference:
    """The letter of this name. Raises CommandError when the text is not a name of one, or no letter has it."""
    try:
        return await dead_letters.find_reference(pipeline.streams, name)
    except ValueError as error:
        raise CommandError(str(error), exit_code=USAGE) from error
    except LookupError as error:
        raise CommandError(f"{error.args[0]}; see `coranto dead list`", exit_code=NOT_FOUND) from error


def not_found(reference: Reference) -> CommandError:
    """What to tell the user about a letter that is not there."""
    return CommandError(
        f"there is no dead letter {reference}: it was redelivered or dropped, or the name is wrong; see `coranto dead list`",
        exit_code=NOT_FOUND,
    )


def summary(letter: DeadLetter) -> dict[str, Any]:
    """The letter for JSON, without its event and traceback."""
    return {
        "letter": str(Reference.of(letter)),
        "short": Reference.of(letter).short,
        "stage": letter.stage,
        "reason": letter.reason,
        "error": letter.error,
        "cause": dead_letters.cause_of(letter).id,
        "attempts": letter.attempts,
        "died_at": time_of(letter.died_at_ms),
        "url": dead_letters.url_of_letter(letter),
        "article": dead_letters.article_of_letter(letter),
    }


def readable(event: bytes) -> Any:
    """The event as JSON; as text where it is not JSON."""
    try:
        return json.loads(event)
    except ValueError:
        return event.decode("utf-8", "backslashreplace")


def pretty(event: bytes) -> str:
    """The event as a person reads it."""
    value = readable(event)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def time_of(milliseconds: int) -> str:
    """The moment as ISO 8601 in UTC."""
    return time_text(datetime.fromtimestamp(milliseconds / 1000, UTC))


def age(milliseconds: int) -> str:
    """How long ago the moment was."""
    return span(datetime.now(UTC).timestamp() - milliseconds / 1000)
