"""Ages as people type them: 36h, 30d, 2y."""

from __future__ import annotations

import re
from datetime import timedelta

from coranto_cli.errors import USAGE, CommandError

_AGE = re.compile(r"([0-9]{1,6})\s*(min|h|d|w|y)")
_UNITS = {
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}


def parse_age(option: str, text: str) -> timedelta:
    """The age in the text. Raises CommandError, which names the option, when it is none."""
    found = _AGE.fullmatch(text.strip())
    if found is None or int(found[1]) * _UNITS[found[2]] > timedelta(days=365_000):
        raise CommandError(
            f"{option} {text}: expected a number with min, h, d, w or y, such as 36h or 30d", exit_code=USAGE
        )
    return int(found[1]) * _UNITS[found[2]]
