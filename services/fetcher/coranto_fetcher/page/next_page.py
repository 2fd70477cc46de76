"""Finds the next page of an article that is spread over several (`rel=next`, WHATWG HTML, 4.6.7)."""

from __future__ import annotations

from typing import Final

from coranto.http.page.html_attributes import find_tags
from coranto.pagination import follows
from coranto.urls import UnsupportedUrlError, join

_TAGS: Final = frozenset({"a", "link"})
# A page that really has a next page links it once or twice, above and below the text.
_MOST_LINKS: Final = 20


def find_next_page(body: bytes, own_url: str, first_url: str) -> str | None:
    """The address of the page after `own_url`, of the article that begins at `first_url`; None when there is none."""
    if b"next" not in body.lower():
        return None
    links = 0
    for tag in find_tags(body.decode("utf-8", "replace"), _TAGS):
        if "next" not in tag.attributes.get("rel", "").lower().split():
            continue
        links += 1
        if links > _MOST_LINKS:
            return None
        try:
            url = join(own_url, tag.attributes.get("href", "")).partition("#")[0]
        except UnsupportedUrlError:
            continue
        # Blogs use rel=next for the next article too.
        if follows(url, own_url, first_url):
            return url
    return None
