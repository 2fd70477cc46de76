"""The extractor's settings."""

from __future__ import annotations

import os
from datetime import timedelta

from pydantic import Field

from coranto.settings import Duration
from coranto.worker.settings import WorkerSettings
from coranto_extractor.page.limits import PageLimits
from coranto_extractor.page_request import REFUSE_FROM


def _usable_cores() -> int:
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


class ExtractorSettings(PageLimits):
    """How pages are read: limits of a page, processes and their deadline."""

    processes: int = Field(
        default_factory=_usable_cores, ge=1, le=256, description="Processes that read pages; as many as cores."
    )
    page_deadline: Duration = Field(
        timedelta(seconds=10),
        ge=timedelta(milliseconds=50),
        description="Longest time for one page; then its process is killed and replaced.",
    )
    pages_per_process: int = Field(
        2000, ge=1, description="Pages after which a process is replaced, so that leaks stay small."
    )
    max_process_bytes: int = Field(
        2_000_000_000, ge=300_000_000, description="Address space of one process; a page that needs more is refused."
    )
    refuse_from: float = Field(
        REFUSE_FROM,
        gt=0,
        le=1,
        description="Probability of being a list, a product or a video from which a page is refused. Below it, the record "
        "is published and says so in `content.doubt`. Walls, error pages and pages without text are refused always.",
    )
    records_rejections: bool = Field(False, description="Whether records list what was seen on the page and rejected.")


class Settings(WorkerSettings):
    """All settings of the extractor."""

    extractor: ExtractorSettings = Field(default_factory=ExtractorSettings)
