"""What the fetcher wants to know about a page's contents: whether the article continues elsewhere, and how it may be used.

Anybody may have written the page, so it is read in a process of its own. A page that takes too long ends its process,
and the event loop, on which all other pages depend, never waits.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from coranto.charset import decode, is_same_charset, web_label
from coranto.http.page.html_attributes import find_tags
from coranto.process_pool import ProcessPool
from coranto_fetcher.page.next_page import find_next_page
from coranto_fetcher.rights.signals import rights_in_page

_SEARCHED_BYTES: Final = 2_000_000
_TITLE_LOOKED_AT: Final = 500_000
_LONGEST_TITLE: Final = 500
_MOST_TITLES: Final = 50
_TITLE_OR_PICTURE: Final = re.compile(r"<(?:title(?:\s[^>]{0,500})?>|(?P<svg>svg)\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What a page says about itself."""

    next_url: str | None
    """Address of the next page of the same article."""
    rights: tuple[str, ...] = ()
    """Rights signals in the page's head."""


@dataclass(frozen=True, slots=True)
class PageDescription:
    """What a page is, for people."""

    title: str | None
    charset: str
    """What the page is decoded from, by the name that the web uses."""

    def is_what_is_stated(self, stated: str) -> bool:
        """Whether the server's label means the charset of the page. Every page in ASCII is what it is called."""
        return is_same_charset(stated, self.charset)


class PageReader(Protocol):
    """Reads pages."""

    async def read(self, body: bytes, *, own_url: str, first_url: str) -> PageFacts:
        """The facts of the page at `own_url`, of the article that begins at `first_url`.

        Raises OverdueError and ProcessLostError.
        """


class PageReaderPool:
    """Reads pages in processes, which start with the first page."""

    def __init__(self, *, processes: int, deadline: timedelta, max_process_bytes: int) -> None:
        self._processes = ProcessPool(
            processes, deadline=deadline, preload=("coranto_fetcher.page.facts",), max_bytes=max_process_bytes
        )
        self.start, self.stop = self._processes.start, self._processes.stop

    async def read(self, body: bytes, *, own_url: str, first_url: str) -> PageFacts:
        """The facts of the page at `own_url`, of the article that begins at `first_url`."""
        return await self._processes.call(read_page, body[:_SEARCHED_BYTES], own_url=own_url, first_url=first_url)

    async def describe(self, body: bytes, *, stated_charset: str | None) -> PageDescription:
        """Title and charset of the page. Raises OverdueError and ProcessLostError."""
        return await self._processes.call(describe_page, body[:_SEARCHED_BYTES], stated_charset=stated_charset)


def read_page(body: bytes, *, own_url: str, first_url: str) -> PageFacts:
    """The facts of the page; this is what runs in the processes."""
    return PageFacts(find_next_page(body, own_url, first_url), rights_in_page(body))


def describe_page(body: bytes, *, stated_charset: str | None) -> PageDescription:
    """Title and charset of the page; `stated_charset` is what the server says."""
    decoded = decode(body, stated_charset)
    return PageDescription(_title(decoded.text), web_label(decoded.charset))


def _title(page: str) -> str | None:
    beginning = page[:_TITLE_LOOKED_AT]
    for start in _title_starts(beginning):
        end = beginning.find("</", start)
        title = " ".join(html.unescape(beginning[start : max(end, start)][:_LONGEST_TITLE]).split())
        if title:
            return title
    for tag in find_tags(beginning, frozenset({"meta"})):
        if tag.attributes.get("property", "").lower() == "og:title":
            return " ".join(tag.attributes.get("content", "")[:_LONGEST_TITLE].split()) or None
    return None


def _title_starts(page: str) -> Iterator[int]:
    """Where the texts of title elements begin, those of pictures left out."""
    at = 0
    for _ in range(_MOST_TITLES):
        match = _TITLE_OR_PICTURE.search(page, at)
        if match is None:
            return
        at = match.end()
        if match["svg"] is not None:
            closing = page.find("</svg", at)
            at = closing if closing >= 0 else len(page)
        else:
            yield at
