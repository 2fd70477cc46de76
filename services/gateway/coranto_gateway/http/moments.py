"""Times as clients write them: with a date and a zone."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AwareDatetime, BeforeValidator

_NUMBER: Final = re.compile(r"\s*[-+]?[\d._]+(e[-+]?\d+)?\s*", re.IGNORECASE)


def _no_number(value: object) -> object:
    # pydantic takes a number for seconds since 1970, so that the year 2026 would be half an hour after midnight of that day.
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        raise ValueError(
            f"expected a time with its date and zone, such as 2026-03-14T08:00Z, got {value.strip()[:40]!r}"
        )
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_no_number)]
"""A time with its zone."""
