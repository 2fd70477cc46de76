"""What the fetcher wants to know about a page's contents: whether the article continues elsewhere, and how it may be used.

Anybody may have written the page, so it is read in a process of its own. A page that takes too long ends its process,
and the event loop, on which all other pages depend, never waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from coranto.process_pool import ProcessPool
from coranto_fetcher.pagination_links import find_next_page
from coranto_fetcher.rights import rights_in_page

_SEARCHED_BYTES: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What a page says about itself."""

    next_url: str | None
    """Address of the next page of the same article."""
    rights: tuple[str, ...] = ()
    """Rights signals in the page's head."""


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
            processes, deadline=deadline, preload=("coranto_fetcher.page_facts",), max_bytes=max_process_bytes
        )
        self.stop = self._processes.stop

    async def read(self, body: bytes, *, own_url: str, first_url: str) -> PageFacts:
        """The facts of the page at `own_url`, of the article that begins at `first_url`."""
        return await self._processes.call(read_page, body[:_SEARCHED_BYTES], own_url=own_url, first_url=first_url)


def read_page(body: bytes, *, own_url: str, first_url: str) -> PageFacts:
    """The facts of the page; this is what runs in the processes."""
    return PageFacts(find_next_page(body, own_url, first_url), rights_in_page(body))
