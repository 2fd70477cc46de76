"""Settings of every service that goes to the web: who we say we are, and where we may go.

They carry the fetcher's name, `CORANTO_FETCHER__CONTACT` and so on, and the feeder obeys the same ones: to a site both are
one client.
"""

from __future__ import annotations

import json
import re
import ssl
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import NoDecode

from coranto.http.client import WebClient
from coranto.http.connection.addresses import AddressGuard
from coranto.http.connection.resolver import DnsResolver
from coranto.http.limits import WebLimits
from coranto.settings import SettingsSection

_CONTACT: Final = re.compile(r"https?://[!-'*-~]{3,300}|(?:mailto:)?[!-'*-?A-~]{1,100}@[!-'*-~]{3,200}")
_CONTACT_IN_AGENT: Final = re.compile(r"https?://|\S@\S")


def _items(value: Any) -> Any:
    """A list in JSON, or separated by commas."""
    if isinstance(value, str):
        text = value.strip()
        return json.loads(text) if text.startswith("[") else [part.strip() for part in text.split(",") if part.strip()]
    return [value] if isinstance(value, int) else value


def _network_list(value: Any) -> Any:
    value = _items(value)
    return (
        tuple(str(ip_network(str(part), strict=False)) for part in value) if isinstance(value, list | tuple) else value
    )


def _server_list(value: Any) -> Any:
    value = _items(value)
    return tuple(_server(str(part)) for part in value) if isinstance(value, list | tuple) else value


def _server(text: str) -> str:
    match = (
        re.fullmatch(r"\[?([0-9a-fA-F:.]+?)\]?(?::(\d{1,5}))?", text) if text.count(":") < 2 or "]" in text else None
    )
    host, port = (match[1], int(match[2] or 53)) if match is not None else (text, 53)
    try:
        address = ip_address(host)
    except ValueError:
        address = None
    if address is None or not 0 < port < 65_536:
        raise ValueError(
            f"a name server must be an address and a port such as 9.9.9.9:53 or [2620:fe::fe]:53, got {text!r}"
        )
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def _contact(value: str | None) -> str | None:
    text = (value or "").strip()
    if text and _CONTACT.fullmatch(text) is None:
        raise ValueError(
            f"a contact must be a web page or a mail address, https://your.site/bot or bot@your.site, got {text!r}"
        )
    return text or None


def _proxy(value: SecretStr | None) -> SecretStr | None:
    url = "" if value is None else value.get_secret_value().strip()
    if url and re.match(r"(?:https?|socks5h?)://[^/\s]", url, re.IGNORECASE) is None:
        raise ValueError("a proxy must be http://user:password@host:port or socks5://user:password@host:port")
    return SecretStr(url) if url else None


def _ca_file(value: Path | None) -> Path | None:
    if value is not None and not value.is_file():
        raise ValueError(f"expected a file with certificates in PEM format, and there is none at {value}")
    return value


NetworkList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_network_list)]
"""Networks such as 10.1.0.0/16: a JSON list, or separated by commas."""

Port = Annotated[int, Field(ge=1, le=65_535)]
PortList = Annotated[tuple[Port, ...], NoDecode, BeforeValidator(_items)]
"""Ports such as 80,443: a JSON list, or separated by commas."""

ServerList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_server_list)]
"""Name servers such as 9.9.9.9:53: a JSON list, or separated by commas."""


class WebSettings(SettingsSection):
    """Who we say we are, and where we may go."""

    user_agent: str = Field(
        "CorantoBot/0.1",
        min_length=3,
        description="Who we say we are; robots.txt is searched for the name in it.",
    )
    contact: Annotated[str | None, AfterValidator(_contact)] = Field(
        None,
        description="Where a site's operator reaches you, a web page or a mail address; it becomes part of the User-Agent. "
        "Without it no public host is asked.",
    )
    allowed_networks: NetworkList = Field(
        (), description="Networks that may be asked although they are not public: a JSON list, or separated by commas."
    )
    allowed_ports: PortList | None = Field(
        None,
        description="The only ports that may be asked. Without it: those of the web at public addresses (80, 443, 8000, 8008, "
        "8080, 8081, 8088, 8443, 8888), all in allowed networks.",
    )
    dns_servers: ServerList = Field(
        (), description="Name servers to ask, each with its port, such as 9.9.9.9:53; without any, the system's."
    )
    ca_file: Annotated[Path | None, AfterValidator(_ca_file)] = Field(
        None, description="File with certificates (PEM) of authorities to trust beside the system's."
    )
    proxy: Annotated[SecretStr | None, AfterValidator(_proxy)] = Field(
        None, description="Proxy for all requests: http://user:password@host:port or socks5://user:password@host:port."
    )
    proxy_is_guarded: bool = Field(
        False,
        description="Whether the proxy resolves names and refuses private addresses itself. "
        "If not, names are resolved and judged here, and one without an address here is not asked for.",
    )

    @property
    def robots_agent(self) -> str:
        """Whom robots.txt files are searched for: the names in the User-Agent, those that every browser has left out."""
        return self.user_agent

    @property
    def full_user_agent(self) -> str:
        """The User-Agent header, the contact included."""
        return self.user_agent if self.contact is None else f"{self.user_agent} (+{self.contact})"

    @property
    def has_contact(self) -> bool:
        """Whether the User-Agent says how its operator is reached."""
        return self.contact is not None or _CONTACT_IN_AGENT.search(self.user_agent) is not None

    def to_client(
        self, limits: WebLimits, *, connections: int = 64, more_networks: NetworkList = (), needs_contact: bool = True
    ) -> WebClient:
        """A web client that keeps to these settings and limits; `more_networks` are allowed too.

        Whoever asks only hosts that asked for it needs no contact.
        """
        return WebClient(
            user_agent=self.full_user_agent,
            guard=AddressGuard(
                (*self.allowed_networks, *more_networks),
                ports=self.allowed_ports,
                has_contact=self.has_contact or not needs_contact,
            ),
            limits=limits,
            proxy=None if self.proxy is None else self.proxy.get_secret_value(),
            proxy_is_guarded=self.proxy_is_guarded,
            ssl_context=_trusting(self.ca_file),
            resolver=DnsResolver(self.dns_servers, timeout=limits.connect_timeout),
            connections=connections,
        )


class SharedWebSettings(WebSettings):
    """The fetcher's settings of the web, as another service reads them: what else the fetcher has is not looked at."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def _trusting(ca_file: Path | None) -> ssl.SSLContext | None:
    if ca_file is None:
        return None
    context = ssl.create_default_context()
    context.load_verify_locations(cafile=ca_file)
    return context
