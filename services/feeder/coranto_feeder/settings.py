"""The feeder's settings."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from coranto.http import WebClient, WebLimits
from coranto.http.settings import NetworkList, SharedWebSettings
from coranto.settings import Duration
from coranto.worker.settings import WorkerSettings
from coranto_feeder.feed_parser_pool import FeedParserPool
from coranto_feeder.sources import FeedLimits


class FeederSettings(FeedLimits):
    """How articles are found: which count as known, and how feeds are polled."""

    data: Path = Field(
        Path("coranto-data/feeder"), description="Directory of the feeder's journal of what it has passed on."
    )
    allowed_networks: NetworkList = Field(
        (),
        description="Networks that may be asked for feeds although they are not public, beside those of "
        "CORANTO_FETCHER__ALLOWED_NETWORKS: a JSON list, or separated by commas.",
    )
    dedup_window: Duration = Field(
        timedelta(days=7),
        gt=timedelta(0),
        description="Time for which an article that was found counts as known and is not passed on again.",
    )
    merges_amp_and_mobile: bool = Field(
        True,
        description="Whether AMP and mobile addresses count as the article's main address, where they show that they are.",
    )
    concurrency: int = Field(64, ge=1, le=1000, description="Submissions handled concurrently.")
    polls: bool = Field(True, description="Whether this feeder polls feeds. Replicas share the feeds between them.")
    poll_concurrency: int = Field(8, ge=1, le=100, description="Feeds polled concurrently.")
    min_interval: Duration = Field(
        timedelta(minutes=2), gt=timedelta(0), description="No feed is polled more often than this."
    )
    first_interval: Duration = Field(timedelta(minutes=15), description="Time between the first polls of a feed.")
    max_interval: Duration = Field(
        timedelta(hours=6), description="A feed is polled at least this often, however little it brings."
    )
    max_failing_interval: Duration = Field(
        timedelta(hours=24), description="A feed that fails is tried again at least this often; it is never given up."
    )
    sitemap_max_age: Duration = Field(
        timedelta(days=3),
        ge=timedelta(0),
        description="Entries older than this, in the sitemaps of a sitemap index, are remembered but not submitted; 0 submits all.",
    )
    total_timeout: Duration = Field(
        timedelta(seconds=60), gt=timedelta(0), description="Longest time for fetching one feed."
    )
    reader_processes: int = Field(2, ge=1, le=64, description="Processes that parse feeds, each one feed at a time.")
    reading_deadline: Duration = Field(
        timedelta(seconds=30),
        gt=timedelta(0),
        description="Longest time for parsing one feed; then its process is ended, and the poll has failed.",
    )
    max_reader_bytes: int = Field(
        2_000_000_000, ge=200_000_000, description="Address space that a process which parses feeds may take, in bytes."
    )

    def web_limits(self) -> WebLimits:
        """The limits on one response, as the web client takes them."""
        # Sitemaps pack well: 50 MB in 300 KB are ordinary there.
        return WebLimits(
            total_timeout=self.total_timeout,
            max_body_bytes=self.max_feed_bytes,
            max_decoded_bytes=self.max_feed_bytes,
            max_compression_ratio=500,
        )

    def to_parser(self) -> FeedParserPool:
        """The parser of feeds within these bounds."""
        return FeedParserPool(
            self,
            processes=self.reader_processes,
            deadline=self.reading_deadline,
            max_process_bytes=self.max_reader_bytes,
        )


class Settings(WorkerSettings):
    """Everything the feeder reads from its environment."""

    feeder: FeederSettings = Field(default_factory=FeederSettings)
    fetcher: SharedWebSettings = Field(default_factory=SharedWebSettings)

    def to_web_client(self) -> WebClient:
        """The web client, by the settings that feeder and fetcher share."""
        return self.fetcher.to_client(self.feeder.web_limits(), more_networks=self.feeder.allowed_networks)
