"""What a response says about itself that is worth keeping: headers, charset, and what may be done with the page.

Rights signals are recorded, not judged: whoever uses the article decides with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from multidict import CIMultiDictProxy

from coranto_fetcher.markup import attributes_of

KEPT_HEADERS: Final = (
    "age", "cache-control", "content-language", "content-length", "content-type", "date", "etag", "expires", "last-modified",
    "link", "server", "tdm-policy", "tdm-reservation", "x-robots-tag",
)  # fmt: skip
"""Response headers that go into the record. A closed list: cookies and tokens stay out."""

_LONGEST_VALUE: Final = 500
_MOST_SIGNALS: Final = 20
_HEAD_BYTES: Final = 65_536

# Words in robots directives that speak of use, not of crawling.
_USE_WORDS: Final = re.compile(
    r"\b(?:no-?ai|no-?imageai|no-?ml|noarchive|nocache|nosnippet|noindex|none|max-snippet|unavailable_after)\b",
    re.IGNORECASE,
)
_META: Final = re.compile(rb"<meta\b[^>]{0,500}>", re.IGNORECASE)
_CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?\s*([A-Za-z0-9._:\-]{1,40})", re.IGNORECASE)


def kept_headers(headers: CIMultiDictProxy[str]) -> dict[str, str]:
    """The headers that go into the record, names in lower case; repeated ones joined."""
    return {
        name: ", ".join(_clean(value) for value in headers.getall(name))[:_LONGEST_VALUE]
        for name in KEPT_HEADERS
        if name in headers
    }


def stated_charset(headers: CIMultiDictProxy[str]) -> str | None:
    """Charset the Content-Type header names, in lower case."""
    match = _CHARSET.search(headers.get("Content-Type", ""))
    return match[1].lower() if match is not None else None


def rights_signals(headers: CIMultiDictProxy[str], body: bytes, content_signals: Iterable[str] = ()) -> tuple[str, ...]:
    """What headers, the page's head and robots.txt say about its use, such as `x-robots-tag: noai`."""
    tags = (value for value in headers.getall("x-robots-tag", ()) if _USE_WORDS.search(value))
    found = [f"x-robots-tag: {value}" for value in tags]
    found += [f"{name}: {headers[name]}" for name in ("tdm-reservation", "tdm-policy") if name in headers]
    found += [f"content-signal: {value}" for value in (*headers.getall("content-signal", ()), *content_signals)]
    found += _from_meta(body[:_HEAD_BYTES])
    return tuple(dict.fromkeys(_clean(signal)[:_LONGEST_VALUE] for signal in found))[:_MOST_SIGNALS]


def _from_meta(head: bytes) -> list[str]:
    found = []
    for tag in _META.findall(head):
        attributes = attributes_of(tag)
        name = attributes.get("name", "").strip().lower()
        value = attributes.get("content", "").strip()
        if name in ("tdm-reservation", "tdm-policy") and value:
            found.append(f"{name}: {value}")
        elif name == "robots" and _USE_WORDS.search(value):
            found.append(f"meta robots: {value}")
    return found


def _clean(value: str) -> str:
    """The header's text without control characters or bytes that are no text."""
    plain = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(char for char in plain if char.isprintable()).strip()
