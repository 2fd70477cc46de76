"""What a response says about itself that is worth keeping: headers, charset, and what may be done with the page.

Rights signals are recorded, not judged: whoever uses the article decides with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from multidict import CIMultiDictProxy

from coranto.http.html_attributes import find_tags

KEPT_HEADERS: Final = (
    "age", "cache-control", "content-language", "content-length", "content-type", "date", "etag", "expires", "last-modified",
    "link", "server", "tdm-policy", "tdm-reservation", "x-robots-tag",
)  # fmt: skip
"""Response headers that go into the record. A closed list: cookies and tokens stay out."""

_LONGEST_VALUE: Final = 500
# Of a header's value no more is looked at: a response may have 128 lines of 16 KB.
_LONGEST_READ: Final = 4 * _LONGEST_VALUE
_MOST_SIGNALS: Final = 20
_HEAD_BYTES: Final = 65_536

# Words in robots directives that speak of use, not of crawling.
_USE_WORDS: Final = re.compile(
    r"\b(?:no-?ai|no-?imageai|no-?ml|noarchive|nocache|nosnippet|noindex|none|max-snippet|unavailable_after)\b",
    re.IGNORECASE,
)
_META: Final = frozenset({"meta"})
# White space is bounded: two unbounded runs of it with an optional quote between them match in n² ways.
_CHARSET: Final = re.compile(r"charset\s{0,20}=\s{0,20}[\"']?\s{0,20}([A-Za-z0-9._:\-]{1,40})", re.IGNORECASE)


def kept_headers(headers: CIMultiDictProxy[str]) -> dict[str, str]:
    """The headers that go into the record, names in lower case; repeated ones joined."""
    return {
        name: ", ".join(_clean(value) for value in headers.getall(name)[:_MOST_SIGNALS])[:_LONGEST_VALUE]
        for name in KEPT_HEADERS
        if name in headers
    }


def stated_charset(headers: CIMultiDictProxy[str]) -> str | None:
    """Charset the Content-Type header names, in lower case."""
    match = _CHARSET.search(headers.get("Content-Type", ""))
    return match[1].lower() if match is not None else None


def rights_signals(
    headers: CIMultiDictProxy[str], in_page: Iterable[str] = (), content_signals: Iterable[str] = ()
) -> tuple[str, ...]:
    """What headers, the page's head and robots.txt say about its use, such as `x-robots-tag: noai`."""
    tags = (value[:_LONGEST_READ] for value in headers.getall("x-robots-tag", ())[:_MOST_SIGNALS])
    found = [f"x-robots-tag: {value}" for value in tags if _USE_WORDS.search(value)]
    found += [f"{name}: {headers[name]}" for name in ("tdm-reservation", "tdm-policy") if name in headers]
    content = (*headers.getall("content-signal", ())[:_MOST_SIGNALS], *content_signals)
    found += [f"content-signal: {value}" for value in content]
    found += in_page
    return tuple(dict.fromkeys(_clean(signal)[:_LONGEST_VALUE] for signal in found))[:_MOST_SIGNALS]


def rights_in_page(body: bytes) -> tuple[str, ...]:
    """What the page's head says about its use. To be called off the event loop: the page is a stranger's."""
    found = []
    for tag in find_tags(body[:_HEAD_BYTES].decode("utf-8", "replace"), _META):
        name = tag.attributes.get("name", "").strip().lower()
        value = tag.attributes.get("content", "").strip()
        if name in ("tdm-reservation", "tdm-policy") and value:
            found.append(f"{name}: {value}")
        elif name == "robots" and _USE_WORDS.search(value):
            found.append(f"meta robots: {value}")
    return tuple(_clean(signal)[:_LONGEST_VALUE] for signal in found[:_MOST_SIGNALS])


def _clean(value: str) -> str:
    """The header's text without control characters or bytes that are no text."""
    plain = value[:_LONGEST_READ].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(char for char in plain if char.isprintable()).strip()
