"""Finds the address of an article's next part in a page's bytes (`rel=next`, WHATWG HTML, 4.6.7)."""

from __future__ import annotations

from typing import Final

from coranto.http.html_attributes import find_tags
from coranto.pagination import follows
from coranto.urls import UnsupportedUrlError, join

_TAGS: Final = frozenset({"a", "link"})
# A page that names a next page in earnest does so once or twice, above and below the text.
_MOST_LINKS: Final = 20


def find_next_part(body: bytes, own: str, first: str) -> str | None:
    """The address of the part after the page `own` of the article that begins at `first`; None when it has none."""
    if b"next" not in body.lower():
        return None
    looked_at = 0
    for tag in find_tags(body.decode("utf-8", "replace"), _TAGS):
        if "next" not in tag.attributes.get("rel", "").lower().split():
            continue
        looked_at += 1
        if looked_at > _MOST_LINKS:
            return None
        try:
            url = join(own, tag.attributes.get("href", "")).partition("#")[0]
        except UnsupportedUrlError:
            continue
        # Blogs say rel=next of the next article too.
        if follows(url, own, first):
            return url
    return None
