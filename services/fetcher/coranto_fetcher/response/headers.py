"""What the record keeps of the response headers: the validators, and the charset they state."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from multidict import CIMultiDictProxy

LONGEST_VALUE: Final = 500
"""Characters kept of one header or signal."""

LONGEST_DATE: Final = 100
"""Characters looked at of a date."""

MOST_VALUES: Final = 20
"""Lines looked at of one header that is repeated."""

LONGEST_READ: Final = 4 * LONGEST_VALUE
"""Characters looked at of one line: a response may have 128 lines of 16 KB."""

# White space is bounded: two unbounded runs of it around an optional quote take time with the square of their length.
_CHARSET: Final = re.compile(r"charset\s{0,20}=\s{0,20}[\"']?\s{0,20}([A-Za-z0-9._:\-]{1,40})", re.IGNORECASE)


def etag_of(headers: CIMultiDictProxy[str]) -> str | None:
    """The page's ETag, for a conditional request; None where there is none that could be sent back."""
    value = headers.get("ETag", "")
    return value if 0 < len(value) <= LONGEST_VALUE and value == printable(value) else None


def last_modified_of(headers: CIMultiDictProxy[str]) -> datetime | None:
    """The time that Last-Modified states; None where it states none."""
    try:
        moment = parsedate_to_datetime(headers.get("Last-Modified", "")[:LONGEST_DATE])
        # RFC 9110, 5.6.7 knows GMT only; a date without a zone is one all the same.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def stated_charset(headers: CIMultiDictProxy[str]) -> str | None:
    """The charset that the Content-Type header states, in lower case."""
    match = _CHARSET.search(headers.get("Content-Type", ""))
    return match[1].lower() if match is not None else None


def printable(value: str) -> str:
    """The text of a header line without control characters and without bytes that are not UTF-8."""
    plain = value[:LONGEST_READ].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(char for char in plain if char.isprintable()).strip()
