"""The response headers that are kept in the record, and the charset they state."""

from __future__ import annotations

import re
from typing import Final

from multidict import CIMultiDictProxy

KEPT_HEADERS: Final = (
    "age", "cache-control", "content-language", "content-length", "content-type", "date", "etag", "expires", "last-modified",
    "link", "server", "tdm-policy", "tdm-reservation", "x-robots-tag",
)  # fmt: skip
"""Response headers that go into the record. A closed list: cookies and tokens stay out."""

LONGEST_VALUE: Final = 500
"""Characters kept of one header or signal."""

MOST_VALUES: Final = 20
"""Lines looked at of one header that is repeated."""

LONGEST_READ: Final = 4 * LONGEST_VALUE
"""Characters looked at of one line: a response may have 128 lines of 16 KB."""

# White space is bounded: two unbounded runs of it around an optional quote take time with the square of their length.
_CHARSET: Final = re.compile(r"charset\s{0,20}=\s{0,20}[\"']?\s{0,20}([A-Za-z0-9._:\-]{1,40})", re.IGNORECASE)


def kept_headers(headers: CIMultiDictProxy[str]) -> dict[str, str]:
    """The headers that go into the record, names in lower case; repeated ones joined."""
    return {
        name: ", ".join(printable(value) for value in headers.getall(name)[:MOST_VALUES])[:LONGEST_VALUE]
        for name in KEPT_HEADERS
        if name in headers
    }


def stated_charset(headers: CIMultiDictProxy[str]) -> str | None:
    """The charset that the Content-Type header states, in lower case."""
    match = _CHARSET.search(headers.get("Content-Type", ""))
    return match[1].lower() if match is not None else None


def printable(value: str) -> str:
    """The text of a header line without control characters and without bytes that are not UTF-8."""
    plain = value[:LONGEST_READ].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(char for char in plain if char.isprintable()).strip()
