"""The feeder's settings."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, field_validator
from pydantic_settings import NoDecode
from redis.asyncio import Redis

from coranto.domains import registered_domain
from coranto.frontier import HostLeases, HostPolicy, read_hosts_file
from coranto.http import WebClient, WebLimits
from coranto.http.robots.cache import RobotsCache
from coranto.http.settings import NetworkList, SharedWebSettings
from coranto.settings import Duration
from coranto.worker.settings import DurationList, WorkerSettings
from coranto_feeder.polite_client import PoliteClient
from coranto_feeder.polling.feed_parser_pool import FeedParserPool
from coranto_feeder.sources import FeedLimits

_LATEST_REFETCH = timedelta(days=30)
"""For as long as the fetcher keeps validators: later visits would transfer each page whole."""


def _web_address(url: str | None) -> str | None:
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"must be an address such as https://news.example.org/websub, got {url[:200]!r}")
    return url.rstrip("/")


def _domain_list(value: Any) -> Any:
    """Domains as a JSON list or separated by commas, each as its owner registered it."""
    if isinstance(value, str):
        text = value.strip()
        value = json.loads(text) if text.startswith("[") else [part.strip() for part in text.split(",") if part.strip()]
    return tuple(registered_domain(str(one)) for one in value) if isinstance(value, list | tuple) else value


DomainList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_domain_list)]
"""Domains such as paper.example: a JSON list, or separated by commas."""


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
    concurrency: int = Field(64, ge=1, le=1000, description="Submissions handled concurrently.")
    polls: bool = Field(True, description="Whether this feeder polls feeds. Replicas share the feeds between them.")
    poll_concurrency: int = Field(8, ge=1, le=100, description="Feeds polled concurrently.")
    shortest_interval: Duration = Field(
        timedelta(minutes=2),
        gt=timedelta(0),
        description="No feed is polled more often than this, but for what its hub announces.",
    )
    first_interval: Duration = Field(
        timedelta(minutes=15),
        gt=timedelta(0),
        description="Time between the first two polls of a feed; from then on it doubles at most from poll to poll.",
    )
    longest_interval: Duration = Field(
        timedelta(hours=24), description="A feed is polled at least this often, however little it brings."
    )
    longest_failing_interval: Duration = Field(
        timedelta(hours=24), description="A feed that fails is tried again at least this often; it is never given up."
    )
    sitemap_max_age: Duration = Field(
        timedelta(days=3),
        ge=timedelta(0),
        description="Entries older than this, in the sitemaps of a sitemap index, are remembered but not submitted; 0 submits all.",
    )
    max_child_sitemaps: int = Field(
        200,
        ge=1,
        le=10_000,
        description="Sitemaps polled at once of one sitemap index; of more than that all get their turn one after the other.",
    )
    sitemap_domains: DomainList = Field(
        (),
        description="Registered domains whose sitemaps are followed from any sitemap index: a JSON list, or separated by commas. "
        "An index leads to sitemaps of its own domain and of these.",
    )
    refetch_after: DurationList = Field(
        (timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=3)),
        max_length=20,
        description="Times after its first storing at which an article is fetched again to look for corrections, up to 30 days; a "
        "list separated by commas, empty for never. Articles published longer before their storing than the last of these, "
        "and backlog, are left alone.",
    )
    refetch_limit: int = Field(
        100_000,
        ge=1,
        le=10_000_000,
        description="Articles kept to be fetched again, some 700 bytes of Redis' memory each, 8 KB at most; beyond it those go "
        "whose next visit is farthest away.",
    )
    total_timeout: Duration = Field(
        timedelta(seconds=60), gt=timedelta(0), description="Longest time for fetching one feed."
    )
    websub_callback_url: Annotated[str | None, AfterValidator(_web_address)] = Field(
        None,
        description="Address under which hubs reach this feeder, as through a proxy that ends TLS, such as "
        "`https://news.example.org/websub`. With it, feeds that name a WebSub hub are polled as soon as that announces a "
        "change, beside their ordinary polls; without it, hubs are ignored. Feeders that share a Redis share it.",
    )
    websub_host: str = Field("127.0.0.1", description="Address to listen on for hubs.")
    websub_port: int = Field(
        8430, ge=0, le=65535, description="Port to listen on for hubs; 0 takes a free one and logs it."
    )
    websub_lease: Duration = Field(
        timedelta(days=7),
        ge=timedelta(hours=1),
        le=timedelta(days=30),
        description="Time for which hubs are asked to announce changes; it is renewed before its end.",
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

    @field_validator("refetch_after")
    @classmethod
    def _within_a_month(cls, spans: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
        for span in spans:
            if not timedelta(0) < span <= _LATEST_REFETCH:
                raise ValueError(
                    f"expected time spans above 0 and up to 30 days, got {span.total_seconds():g} s; spans are seconds, or ISO "
                    "8601 such as PT6H or P1D"
                )
        return spans

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


class FetcherSettings(SharedWebSettings):
    """What the fetcher is told of hosts, which the feeder keeps to: the same hosts are asked by both."""

    min_delay: Duration = Field(
        timedelta(seconds=2),
        ge=timedelta(0),
        description="Pause between the end of one request to a host and the next.",
    )
    max_crawl_delay: Duration = Field(
        timedelta(seconds=60), ge=timedelta(0), description="A longer crawl-delay is shortened to this."
    )
    hosts_file: Path | None = Field(None, description="TOML file with the pauses of certain hosts.")
    obey_robots: bool = Field(True, description="Whether robots.txt is obeyed.")

    def to_host_policy(self) -> HostPolicy:
        """How long hosts are left alone between requests. Raises WrongHostsFileError."""
        rules = read_hosts_file(self.hosts_file) if self.hosts_file is not None else {}
        return HostPolicy(min_delay=self.min_delay, max_crawl_delay=self.max_crawl_delay, rules=rules)


class Settings(WorkerSettings):
    """Everything the feeder reads from its environment."""

    feeder: FeederSettings = Field(default_factory=FeederSettings)
    fetcher: FetcherSettings = Field(default_factory=FetcherSettings)

    def to_polite_client(
        self, web: WebClient, hosts: HostLeases, *, redis: Redis | None = None, prefix: str = "coranto"
    ) -> PoliteClient:
        """What asks hosts in their turn, and their robots.txt first. Raises WrongHostsFileError."""
        robots = self.to_robots(web, redis=redis, prefix=prefix)
        return PoliteClient(web, hosts, self.fetcher.to_host_policy(), robots if self.fetcher.obey_robots else None)

    def to_robots(self, web: WebClient, *, redis: Redis | None = None, prefix: str = "coranto") -> RobotsCache:
        """What sites' robots.txt say to us."""
        return RobotsCache(redis, web, agent=self.fetcher.robots_agent, prefix=prefix)

    def to_web_client(self) -> WebClient:
        """The web client, by the settings that feeder and fetcher share."""
        return self.fetcher.to_client(self.feeder.web_limits(), more_networks=self.feeder.allowed_networks)
