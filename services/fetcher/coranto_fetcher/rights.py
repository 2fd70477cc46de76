"""What a site says about the use of a page. It is recorded, not judged: whoever uses the article decides with it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from multidict import CIMultiDictProxy

from coranto.http.html_attributes import find_tags
from coranto_fetcher.response_headers import LONGEST_READ, LONGEST_VALUE, MOST_VALUES, printable

_MOST_SIGNALS: Final = 20
_HEAD_BYTES: Final = 65_536
_META: Final = frozenset({"meta"})

# Words in robots directives that are about use, not about crawling.
_USE_WORDS: Final = re.compile(
    r"\b(?:no-?ai|no-?imageai|no-?ml|noarchive|nocache|nosnippet|noindex|none|max-snippet|unavailable_after)\b",
    re.IGNORECASE,
)


def rights_signals(
    headers: CIMultiDictProxy[str], in_page: Iterable[str] = (), content_signals: Iterable[str] = ()
) -> tuple[str, ...]:
    """What headers, the page and robots.txt say about the page's use, such as `x-robots-tag: noai`."""
    tags = (value[:LONGEST_READ] for value in headers.getall("x-robots-tag", ())[:MOST_VALUES])
    found = [f"x-robots-tag: {value}" for value in tags if _USE_WORDS.search(value)]
    found += [f"{name}: {headers[name]}" for name in ("tdm-reservation", "tdm-policy") if name in headers]
    content = (*headers.getall("content-signal", ())[:MOST_VALUES], *content_signals)
    found += [f"content-signal: {value}" for value in content]
    found += in_page
    return tuple(dict.fromkeys(printable(signal)[:LONGEST_VALUE] for signal in found))[:_MOST_SIGNALS]


def rights_in_page(body: bytes) -> tuple[str, ...]:
    """What the page's head says about its use. Call it off the event loop: anybody may have written the page."""
    found = []
    for tag in find_tags(body[:_HEAD_BYTES].decode("utf-8", "replace"), _META):
        name = tag.attributes.get("name", "").strip().lower()
        value = tag.attributes.get("content", "").strip()
        if name in ("tdm-reservation", "tdm-policy") and value:
            found.append(f"{name}: {value}")
        elif name == "robots" and _USE_WORDS.search(value):
            found.append(f"meta robots: {value}")
    return tuple(printable(signal)[:LONGEST_VALUE] for signal in found[:_MOST_SIGNALS])
