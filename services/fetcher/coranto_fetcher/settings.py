"""The fetcher's settings."""

from __future__ import annotations

import json
from datetime import timedelta
from ipaddress import ip_network
from typing import Annotated, Any

from coranto.web import WebLimits
from coranto.worker.settings import Concern, Duration, WorkerSettings
from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode


def _network_list(value: Any) -> Any:
    """Networks as a JSON list or separated by commas, each checked."""
    if isinstance(value, str):
        text = value.strip()
        value = json.loads(text) if text.startswith("[") else [part.strip() for part in text.split(",") if part.strip()]
    if isinstance(value, list | tuple):
        return tuple(str(ip_network(str(part), strict=False)) for part in value)
    return value


NetworkList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_network_list)]
"""Networks such as 10.1.0.0/16: a JSON list, or separated by commas."""


class FetcherSettings(Concern):
    """How pages are fetched: politeness, guards and limits."""

    user_agent: str = Field(
        "CorantoBot/0.1 (+https://github.com/coranto/coranto)",
        min_length=3,
        description="Who we say we are. The part before the slash is the name that robots.txt files are searched for.",
    )
    min_delay: Duration = Field(
        timedelta(seconds=1),
        ge=timedelta(0),
        description="Pause after each request to a host; a crawl-delay in its robots.txt makes it longer.",
    )
    longest_crawl_delay: Duration = Field(
        timedelta(seconds=60), description="A crawl-delay beyond this counts as this much."
    )
    longest_retry_after: Duration = Field(
        timedelta(hours=1), description="A Retry-After beyond this counts as this much."
    )
    allowed_networks: NetworkList = Field(
        (),
        description="Networks that may be fetched from although they are not public: a JSON list, or separated by commas.",
    )
    obeys_robots: bool = Field(
        True, description="Whether robots.txt is obeyed. Turn off only for hosts that are yours."
    )
    proxy: SecretStr | None = Field(
        None,
        description="HTTP proxy for all requests, http://user:password@host:port. It must refuse private addresses itself.",
    )
    concurrency: int = Field(32, ge=1, le=1000, description="Pages fetched at once by one worker, of different hosts.")
    max_redirects: int = Field(10, ge=0, le=20, description="Redirects followed for one page.")
    max_body_bytes: int = Field(10_000_000, ge=1000, description="Largest page, as sent and unpacked, in bytes.")
    max_header_bytes: int = Field(16_384, ge=1000, description="Longest line of response headers, in bytes.")
    max_ratio: int = Field(100, ge=2, description="Largest ratio of unpacked to sent size, beyond the first megabyte.")
    total_time: Duration = Field(timedelta(seconds=30), gt=timedelta(0), description="Longest time for one response.")
    connect_time: Duration = Field(timedelta(seconds=10), gt=timedelta(0), description="Longest time for a connection.")
    silence: Duration = Field(timedelta(seconds=15), gt=timedelta(0), description="Longest time without a byte.")

    @property
    def robots_agent(self) -> str:
        """The name that robots.txt files are searched for."""
        return self.user_agent.partition("/")[0].strip()

    def web_limits(self) -> WebLimits:
        """The limits on one response, as the web client takes them."""
        return WebLimits(
            total_time=self.total_time,
            connect_time=self.connect_time,
            silence=self.silence,
            max_header_bytes=self.max_header_bytes,
            max_body_bytes=self.max_body_bytes,
            max_ratio=self.max_ratio,
        )


class Settings(WorkerSettings):
    """Everything the fetcher reads from its environment."""

    fetcher: FetcherSettings = Field(default_factory=FetcherSettings)
