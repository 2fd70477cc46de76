"""Processes that read one page at a time. At the deadline they are killed and replaced."""

from __future__ import annotations

import sys
from datetime import timedelta

from coranto.process_pool import ProcessPool
from coranto.records import Content
from coranto_extractor.page.limits import PageLimits
from coranto_extractor.page_request import PageRequest
from coranto_extractor.refusal import NotAnArticle

_RECURSION_LIMIT = 6000
_WARM_UP_PAGE = b"""<!doctype html><html lang="en"><head><title>Warm-up - Site</title></head><body><h1>Warm-up</h1>
<p>By Jane Doe, 5 January 2024. The first page a process reads fills its caches, so it reads this one before any other.</p>
<p>Word lists are loaded, patterns are compiled, and the library behind the third candidate does the same for itself.</p>
</body></html>"""

MAX_PARAGRAPHS = 10_000
"""Most paragraphs of one article: a thick novel has half as many. Each stage that follows reads them as one message, on its
event loop, where so many take some 30 ms."""


class ReaderPool:
    """Reads pages in separate processes."""

    def __init__(
        self,
        *,
        processes: int,
        deadline: timedelta,
        limits: PageLimits,
        pages_per_process: int = 2000,
        max_process_bytes: int = 2_000_000_000,
    ) -> None:
        self._limits = limits
        self._processes = ProcessPool(
            processes,
            deadline=deadline,
            prepare=_warm_up,
            preload=("coranto_extractor.pool", "coranto_extractor.reader"),
            calls_per_process=pages_per_process,
            max_bytes=max_process_bytes,
        )
        self.start = self._processes.start
        self.stop = self._processes.stop

    async def read(self, page: bytes, request: PageRequest) -> Content | NotAnArticle:
        """What the page says, or why it is not an article. Raises OverdueError and ProcessLostError."""
        return await self._processes.call(read_in_process, page, request, limits=self._limits)


def read_in_process(page: bytes, request: PageRequest, *, limits: PageLimits) -> Content | NotAnArticle:
    """As `reader.read`, and no article of more paragraphs than the stages that follow can take in one piece."""
    from coranto_extractor import reader  # in here: the process that owns the pool needs none of its libraries

    result = reader.read(page, request, limits=limits)
    if isinstance(result, Content) and len(result.paragraphs) > MAX_PARAGRAPHS:
        return NotAnArticle("too_many_nodes", f"{len(result.paragraphs)} paragraphs, {MAX_PARAGRAPHS} allowed")
    return result


def _warm_up() -> None:
    """Read a page, so that the first real one takes no longer than the thousandth."""
    from coranto_extractor import reader

    sys.setrecursionlimit(_RECURSION_LIMIT)
    reader.read(_WARM_UP_PAGE, PageRequest(url="https://warm-up.invalid/page"))
