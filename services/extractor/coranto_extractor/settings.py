"""The extractor's settings."""

from __future__ import annotations

import os
from datetime import timedelta

from pydantic import Field

from coranto.settings import Duration, SettingsSection
from coranto.worker.settings import WorkerSettings
from coranto_extractor.page.tree import TreeLimits


def _usable_cores() -> int:
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


class ExtractorSettings(SettingsSection):
    """How pages are read: processes, deadline and limits."""

    processes: int = Field(
        default_factory=_usable_cores, ge=1, le=256, description="Processes that read pages; as many as cores."
    )
    page_deadline: Duration = Field(
        timedelta(seconds=10),
        ge=timedelta(milliseconds=50),
        description="Longest time for one page; then its process is ended and replaced.",
    )
    max_page_bytes: int = Field(20_000_000, ge=1000, description="Largest page that is read, in bytes.")
    max_nodes: int = Field(120_000, ge=100, description="Most elements a page may have.")
    max_depth: int = Field(400, ge=10, le=800, description="Deepest nesting of elements a page may have.")
    # Each level takes two frames of Python's stack, whose default limit is 1000: hence the bound of 800 above, and the
    # raised limit in the worker processes.
    pages_per_process: int = Field(
        2000, ge=1, description="Pages after which a process is replaced, so that leaks stay small."
    )
    max_process_bytes: int = Field(
        2_000_000_000, ge=300_000_000, description="Address space of one process; a page that needs more is refused."
    )
    keeps_notes: bool = Field(False, description="Whether records tell what was seen on the page and turned down.")

    def tree_limits(self) -> TreeLimits:
        """The limits as the reader takes them."""
        return TreeLimits(self.max_page_bytes, self.max_nodes, self.max_depth)


class Settings(WorkerSettings):
    """All settings of the extractor."""

    extractor: ExtractorSettings = Field(default_factory=ExtractorSettings)
