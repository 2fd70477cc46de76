"""The gateway's settings."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from coranto.http.client import WebClient
from coranto.http.settings import SharedWebSettings
from coranto.settings import Duration, SettingsSection, StoreAddress
from coranto.worker.settings import WorkerSettings
from coranto_gateway.addresses.web_address import web_address
from coranto_gateway.alerts.settings import AlertSettings
from coranto_gateway.webhooks.settings import WebhookSettings


class GatewaySettings(SettingsSection):
    """Where the gateway listens, who may use it, and how much of it."""

    host: str = Field("127.0.0.1", description="Address to listen on. Anything but loopback needs a token.")
    port: int = Field(8420, ge=0, le=65535, description="Port to listen on; 0 takes a free one and logs it.")
    public_url: Annotated[str | None, AfterValidator(web_address)] = Field(
        None,
        description="Address under which users reach the gateway, as through a proxy. Links that leave it begin with this.",
    )
    allowed_hosts: tuple[str, ...] = Field(
        (),
        description="Further names that requests may give as their host, without a port, as JSON; beside the names of "
        "loopback and that of the public address.",
    )
    # Without the list, any web page that an operator opens could read the gateway through a name that it points here.
    token: SecretStr | None = Field(
        None, min_length=20, description="A token that may do everything, beside those made with `coranto token`."
    )
    token_file: Path | None = Field(
        None,
        description="File that holds such a token; made, with a new token that its owner alone can read, when it is missing.",
    )
    database: StoreAddress = Field(
        Path("coranto-data/articles.sqlite"),
        description="The article store that the sink writes: path of a SQLite file, or `postgresql://user:password@host/database`.",
    )
    readers: int = Field(4, ge=1, le=64, description="Queries on the article store at once.")
    max_body_bytes: int = Field(
        10_000_000, ge=1000, description="Largest request body, such as a page that is handed over, in bytes."
    )
    preview_timeout: timedelta = Field(
        timedelta(seconds=30),
        gt=timedelta(0),
        le=timedelta(minutes=5),
        description="Longest wait for a feeder to say what a source would bring.",
    )
    max_backlog: int = Field(
        10_000, ge=1, description="Submissions waiting for the feeder above which further ones are refused for now."
    )
    requests_per_minute: int = Field(
        600, ge=1, description="Requests that one token may make in a minute; a stream counts as one."
    )
    heartbeat: Duration = Field(
        timedelta(seconds=15), ge=timedelta(seconds=1), description="Time between two signs of life on a stream."
    )
    # Below the minute after which common proxies take a silent connection for dead.
    send_timeout: Duration = Field(
        timedelta(seconds=20),
        ge=timedelta(seconds=1),
        description="Time in which a reader of a stream has to take what it is sent; a slower one is cut off.",
    )
    receive_timeout: Duration = Field(
        timedelta(seconds=60),
        ge=timedelta(seconds=1),
        description="Time in which a client has to send the head of a request, and then its body; a slower one is cut off.",
    )
    replay_buffer: int = Field(
        1000, ge=10, description="Latest articles kept in memory for readers of streams that lag a little."
    )
    grace_period: Duration = Field(
        timedelta(seconds=5), ge=timedelta(0), description="Time after SIGTERM for requests in progress."
    )

    webhooks: WebhookSettings = Field(default_factory=WebhookSettings)
    alerts: AlertSettings = Field(default_factory=AlertSettings)

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


class Settings(WorkerSettings):
    """Everything the gateway reads from its environment."""

    gateway: GatewaySettings = Field(default_factory=GatewaySettings)
    fetcher: SharedWebSettings = Field(default_factory=SharedWebSettings)

    def to_webhook_client(self) -> WebClient:
        """What posts to webhooks: by the fetcher's settings of the web, and no contact is needed, since receivers asked for it."""
        webhooks = self.gateway.webhooks
        return self.fetcher.to_client(
            webhooks.limits,
            # So many that receivers which do not answer leave connections for the others.
            connections=1000,
            more_networks=webhooks.allowed_networks,
            needs_contact=False,
        )
