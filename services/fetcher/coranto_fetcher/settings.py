"""The fetcher's settings."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from coranto.frontier import HostPolicy, read_hosts_file
from coranto.http import WebClient, WebLimits
from coranto.http.settings import WebSettings
from coranto.settings import Duration
from coranto.worker.settings import DurationList, WorkerSettings
from coranto_fetcher.page.facts import PageReaderPool
from coranto_fetcher.rights.signals import RESERVATIONS, Reservation
from coranto_fetcher.warc_files import ArchivingClient, WarcFiles


def _reservations(value: Any) -> Any:
    if isinstance(value, str):
        text = value.strip()
        value = json.loads(text) if text.startswith("[") else [part.strip() for part in text.split(",") if part.strip()]
    return RESERVATIONS if value in (["all"], ("all",)) else value


ReservationList = Annotated[tuple[Reservation, ...], NoDecode, BeforeValidator(_reservations)]
"""Uses such as noarchive,tdm: a JSON list, or separated by commas."""


class FetcherSettings(WebSettings, WebLimits):
    """How pages are fetched: politeness, guards and limits."""

    min_delay: Duration = Field(
        timedelta(seconds=2),
        ge=timedelta(0),
        description="Pause after each request to a host (a registered domain with all its names). A crawl-delay in its "
        "robots.txt makes it longer, and so does a host that is slow: it rests at least twice as long as it takes to answer.",
    )
    max_crawl_delay: Duration = Field(
        timedelta(seconds=60), ge=timedelta(0), description="A longer crawl-delay is shortened to this."
    )
    max_retry_after: Duration = Field(
        timedelta(hours=24), ge=timedelta(0), description="A longer Retry-After is shortened to this."
    )
    hosts_file: Path | None = Field(
        None,
        description='TOML file with pauses of single hosts: a table for each, such as ["paper.example"] with '
        "min_delay = 10 (seconds) and ignores_crawl_delay = true.",
    )
    host_patience: Duration = Field(
        timedelta(hours=24),
        gt=timedelta(0),
        description="How long an article is tried again while its host refuses, fails or does not answer; then it is a dead "
        "letter.",
    )
    early_retries: DurationList = Field(
        (timedelta(minutes=2), timedelta(minutes=10), timedelta(minutes=30)),
        description="Ages at which an article that a feed or sitemap announced is tried again when its page is not there yet "
        "(404), is refused (403) or is a test for humans; a list separated by commas, empty to give up at once.",
    )
    obey_robots: bool = Field(True, description="Whether robots.txt is obeyed. Turn off only for hosts that are yours.")
    obey_rights: ReservationList = Field(
        (),
        description="Uses that you have in mind: pages reserved against one of them are not taken. Of noarchive, noindex, "
        "nosnippet, noai, tdm, train-ai, ai-input, search, bots; or all. With tdm, sites are asked for /.well-known/tdmrep.json.",
    )
    warc_directory: Path | None = Field(
        None, description="Directory for WARC files of all that is asked and answered; without it, none are written."
    )
    concurrency: int = Field(
        32, ge=1, le=1000, description="Pages that one worker fetches concurrently, from different hosts."
    )
    max_redirects: int = Field(10, ge=0, le=20, description="Redirects followed for one page.")
    max_pages: int = Field(
        10,
        ge=1,
        le=100,
        description="Pages fetched of an article that has several; 1 fetches only the first.",
    )
    reader_processes: int = Field(
        1,
        ge=1,
        le=64,
        description="Processes that search pages for links and rights signals, each one page at a time.",
    )
    reading_deadline: Duration = Field(
        timedelta(seconds=10),
        gt=timedelta(0),
        description="Longest time for searching one page; then its process is ended, and the page is a dead letter.",
    )
    max_reader_bytes: int = Field(
        1_000_000_000,
        ge=200_000_000,
        description="Address space that a process which searches pages may take, in bytes.",
    )

    @property
    def page_deadline(self) -> timedelta:
        """Longest time for one article. Every redirect may take the whole time of one response; a chain of slow ones is not
        worth waiting for.
        """
        return 4 * self.total_timeout + timedelta(seconds=30)

    @property
    def chain_seconds(self) -> float:
        """After so long an article gives up its slot between two requests: its stage's deadline is twice as far away."""
        return 2 * self.total_timeout.total_seconds()

    def to_policy(self) -> HostPolicy:
        """The pauses of all hosts. Raises WrongHostsFileError."""
        return HostPolicy(
            self.min_delay,
            self.max_crawl_delay,
            read_hosts_file(self.hosts_file) if self.hosts_file is not None else {},
        )

    def to_archiving_client(self) -> WebClient:
        """The web client, which keeps what it sees in WARC files where they are wanted."""
        web = self.to_client(self, connections=2 * self.concurrency)
        if self.warc_directory is None:
            return web
        return ArchivingClient(web, WarcFiles(self.warc_directory), user_agent=self.full_user_agent)

    def to_reader(self) -> PageReaderPool:
        """The reader of pages within these bounds."""
        return PageReaderPool(
            processes=self.reader_processes,
            deadline=self.reading_deadline,
            max_process_bytes=self.max_reader_bytes,
        )


class Settings(WorkerSettings):
    """Everything the fetcher reads from its environment."""

    fetcher: FetcherSettings = Field(default_factory=FetcherSettings)
