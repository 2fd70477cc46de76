"""Settings of every service that goes to the web: who we say we are, and where we may go."""

from __future__ import annotations

import json
from ipaddress import ip_network
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from coranto.http.addresses import AddressGuard
from coranto.http.client import WebClient
from coranto.http.limits import WebLimits
from coranto.settings import SettingsSection


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


class WebSettings(SettingsSection):
    """Base of the settings of a service that goes to the web."""

    user_agent: str = Field(
        "CorantoBot/0.1",
        min_length=3,
        description="Who we say we are; robots.txt is searched for the part before the slash. "
        "Add an address where sites find you: YourBot/1.0 (+https://your.site/bot).",
    )
    allowed_networks: NetworkList = Field(
        (), description="Networks that may be asked although they are not public: a JSON list, or separated by commas."
    )
    proxy: SecretStr | None = Field(
        None,
        description="HTTP proxy for all requests, http://user:password@host:port. It must refuse private addresses itself.",
    )

    @property
    def robots_agent(self) -> str:
        """The name that robots.txt files are searched for."""
        return self.user_agent.partition("/")[0].strip()

    def to_client(self, limits: WebLimits, *, connections: int = 64) -> WebClient:
        """A web client that keeps to these settings and limits."""
        return WebClient(
            user_agent=self.user_agent,
            guard=AddressGuard(self.allowed_networks),
            limits=limits,
            proxy=None if self.proxy is None else self.proxy.get_secret_value(),
            connections=connections,
        )
