"""The settings that every program of a pipeline shares: where Redis is, which pipeline it is, where pages and logs go.

Sections are small frozen classes; `coranto.worker.settings` puts them together for a service.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from coranto.streams.address import parse_address
from coranto.topology import Pipeline


def _seconds_or_iso(value: Any) -> Any:
    """A bare number means seconds, so that CORANTO_FETCHER__MIN_DELAY=0.5 works."""
    if isinstance(value, str):
        try:
            return timedelta(seconds=float(value))
        except ValueError:
            return value
    return value


Duration = Annotated[timedelta, BeforeValidator(_seconds_or_iso)]
"""A time span: seconds as a number, or ISO 8601 such as PT5M."""


def _redis_url(url: SecretStr) -> SecretStr:
    parse_address(url.get_secret_value())
    return url


def _path_or_secret(value: Any) -> Any:
    """An address of a server may hold a password; a path is shown."""
    if isinstance(value, str):
        return SecretStr(value) if "://" in value else Path(value)
    return value


def _is_known(address: Path | SecretStr) -> Path | SecretStr:
    if isinstance(address, SecretStr) and not address.get_secret_value().startswith(("postgresql://", "postgres://")):
        scheme = address.get_secret_value().partition("://")[0]
        raise ValueError(
            f"expected the path of a SQLite file or postgresql://…, got an address that begins with {scheme}://"
        )
    return address


StoreAddress = Annotated[Path | SecretStr, BeforeValidator(_path_or_secret), AfterValidator(_is_known)]
"""Where an article store is: a file, or the address of a server."""


def revealed(address: Path | SecretStr) -> Path | str:
    """The address as it is opened."""
    return address.get_secret_value() if isinstance(address, SecretStr) else address


class SettingsSection(BaseModel):
    """Base of the small settings classes, one per concern."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RedisSettings(SettingsSection):
    """Where Redis is."""

    url: Annotated[SecretStr, AfterValidator(_redis_url)] = Field(
        SecretStr("redis://127.0.0.1:6379/0"),
        description="Address of Redis: redis://, rediss:// or unix://, redis+cluster:// or redis+sentinel://; may hold a password.",
    )
    refuse_unsafe: bool = Field(
        False,
        description="Refuse to start, instead of warning, when Redis has no append-only file, may evict keys, or, where it "
        "should have replicas, takes writes without.",
    )


class PipelineSettings(SettingsSection):
    """The pipeline the service belongs to. Every service and client of a pipeline needs the same values."""

    prefix: str = Field("coranto", pattern=r"^[a-z][a-z0-9_-]*$", description="First part of every Redis key.")
    partitions: int = Field(
        1, ge=1, le=256, description="Partitions of every stream; on a cluster at least as many as it has masters."
    )

    def to_topology(self) -> Pipeline:
        """The pipeline as the topology describes it."""
        return Pipeline(self.partitions, self.prefix)


class LogSettings(SettingsSection):
    """Logging."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe level that is written."
    )
    format: Literal["auto", "json", "console"] = Field(
        "auto", description="auto: console on a terminal, else JSON lines."
    )


class PageStoreSettings(SettingsSection):
    """Where pages are kept."""

    path: Path = Field(
        Path("coranto-data/pages"), description="Directory of the page store, shared by fetcher and extractor."
    )


def effective_settings(settings: BaseModel) -> dict[str, Any]:
    """The settings as they are in force, one flat name to one JSON value, secrets masked."""
    flat: dict[str, Any] = {}

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(f"{prefix}{name}" if not prefix else f"{prefix}.{name}", inner)
        else:
            flat[prefix] = value

    walk("", settings.model_dump(mode="json"))
    return flat
