"""Finds the address of an article's next part in a page's bytes (`rel=next`, WHATWG HTML, 4.6.7)."""

from __future__ import annotations

import re
from typing import Final

from coranto.pagination import follows
from coranto.urls import UnsupportedUrlError, join
from coranto_fetcher.markup import attributes_of

_TAG: Final = re.compile(rb"<(?:link|a)\s[^>]{0,2000}>", re.IGNORECASE)
_SEARCHED_BYTES: Final = 2_000_000


def find_next_part(body: bytes, own: str, first: str) -> str | None:
    """The address of the part after the page `own` of the article that begins at `first`; None when it has none."""
    for match in _TAG.finditer(body, 0, _SEARCHED_BYTES):
        tag = match[0]
        if b"next" not in tag.lower():
            continue
        attributes = attributes_of(tag)
        if "next" not in attributes.get("rel", "").lower().split():
            continue
        try:
            url = join(own, attributes.get("href", "")).partition("#")[0]
        except UnsupportedUrlError:
            continue
        # Blogs say rel=next of the next article too.
        if follows(url, own, first):
            return url
    return None
