"""A look at a page's text on the event loop, where there is time for one pass and no parser."""

from __future__ import annotations

from typing import Final

_SKIPPED: Final = (b"script", b"style", b"noscript", b"svg", b"template")


def count_words(page: bytes) -> int:
    """Words outside of markup, scripts and styles, in one pass. The page is in lower case."""
    count, at = 0, 0
    while True:
        tag = page.find(b"<", at)
        count += len(page[at : tag if tag >= 0 else len(page)].split())
        if tag < 0:
            return count
        skipped = next((name for name in _SKIPPED if page.startswith(name, tag + 1)), None)
        end = page.find(b"</" + skipped, tag) if skipped is not None else tag
        end = page.find(b">", end) if end >= 0 else -1
        if end < 0:
            return count
        at = end + 1
