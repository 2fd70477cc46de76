"""Conditional requests (RFC 9110): whether a client has already what it asks for."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from starlette.requests import Request

_TAG: Final = re.compile(r'"[^"]*"')


def has_it(request: Request, etag: str, modified: datetime | None = None) -> bool:
    """Whether the client names this tag, which proxies that compress make weak; else, whether nothing came since its time."""
    if (named := request.headers.get("if-none-match")) is not None:
        return named.strip() == "*" or etag in _TAG.findall(named)
    if modified is None:
        return False
    try:
        since = parsedate_to_datetime(request.headers.get("if-modified-since", ""))
    except (ValueError, OverflowError):  # the year may have any number of digits
        return False
    return since.tzinfo is not None and modified.astimezone(UTC).replace(microsecond=0) <= since
