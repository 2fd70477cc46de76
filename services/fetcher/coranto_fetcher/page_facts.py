"""What the fetcher wants to know of a page it has got: whether the article goes on elsewhere, and how it may be used.

Pages are strangers' bytes, so they are read in processes of their own: one that takes too long is ended, and the event
loop, on which all other pages depend, never waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from coranto.process_pool import Processes
from coranto_fetcher.nextpart import find_next_part
from coranto_fetcher.signals import rights_in_page

_SEARCHED_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What a page says of itself."""

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
        self._processes = Processes(
            processes, deadline=deadline, preload=("coranto_fetcher.page_facts",), max_bytes=max_process_bytes
        )
        self.stop = self._processes.stop

    async def read(self, body: bytes, *, own_url: str, first_url: str) -> PageFacts:
        """The facts of the page at `own_url`, of the article that begins at `first_url`."""
        return await self._processes.call(read_page, body[:_SEARCHED_BYTES], own_url=own_url, first_url=first_url)


def read_page(body: bytes, *, own_url: str, first_url: str) -> PageFacts:
    """The facts of the page; what `PageReaderPool` calls in its processes."""
    return PageFacts(find_next_part(body, own_url, first_url), rights_in_page(body))
