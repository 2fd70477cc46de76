"""Whom the gateways can tell as they are set up: kept in Redis as they start, so that the command line warns as they do."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Final, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from redis.asyncio import Redis

from coranto.http.connection.addresses import AddressGuard
from coranto.http.errors import RefusedHereError
from coranto.urls import DEFAULT_PORTS, UnsupportedUrlError, parse
from coranto_gateway.alerts.alert import Kind, Recipient, shown_recipient
from coranto_gateway.settings import Settings
from coranto_gateway.webhooks.sending import told

_ADDRESSES: Final = frozenset({"webhook", "slack", "ntfy"})


class Reach(BaseModel):
    """What a gateway sends through, and where it may go."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    missing: dict[str, str] = Field(description="By kind of recipient, the settings that are missing to tell one.")
    networks: list[str] = Field(description="Networks that are allowed although they are not public.")
    ports: list[int] | None = Field(description="The only ports that are asked; null for those of the web.")

    @classmethod
    def of(cls, settings: Settings) -> Reach:
        """That of a gateway with these settings."""
        missing = {kind: settings.gateway.alerts.missing_for(kind) for kind in get_args(Kind)}
        web = settings.fetcher
        return cls(
            missing={kind: setting for kind, setting in missing.items() if setting is not None},
            networks=[str(each) for each in (*web.allowed_networks, *settings.gateway.webhooks.allowed_networks)],
            ports=None if web.allowed_ports is None else sorted(web.allowed_ports),
        )

    def refusal(self, url: str) -> str | None:
        """Why nothing will be sent to the address, as far as it says so itself; a name may still lead to one that is refused."""
        try:
            address = parse(url)
            port = address.port if address.port is not None else DEFAULT_PORTS[address.scheme]
            AddressGuard(self.networks, ports=self.ports).check_literal(address.host, port)
        except (RefusedHereError, UnsupportedUrlError) as error:
            return told(error)
        return None

    def warnings(self, recipients: Iterable[str]) -> list[str]:
        """Of those who cannot be told, why."""
        found: list[str] = []
        for to in recipients:
            recipient = Recipient.parse(to)
            if recipient.kind in self.missing:
                found.append(f"{shown_recipient(to)} cannot be told: {self.missing[recipient.kind]} is not set")
            elif recipient.kind in _ADDRESSES and (refused := self.refusal(recipient.target)) is not None:
                found.append(f"{shown_recipient(to)} cannot be told: {refused}")
        return found


async def keep_reach(redis: Redis, prefix: str, reach: Reach) -> None:
    """Keep it for the command line."""
    await redis.set(_key(prefix), reach.model_dump_json())


async def find_reach(redis: Redis, prefix: str) -> Reach | None:
    """That of the gateway that started last; None when none has."""
    packed = await redis.get(_key(prefix))
    with suppress(ValidationError):  # another version keeps it otherwise, until it starts anew
        return None if packed is None else Reach.model_validate_json(packed)
    return None


def _key(prefix: str) -> str:
    return f"{prefix}:gateway:reach"
