"""The settings every service shares. Read once, in a service's `app.py`, and passed in from there.

Variables begin with `CORANTO_` and nest by two underscores: `CORANTO_REDIS__URL`, `CORANTO_FETCHER__MIN_DELAY`. A file of
the variable's name in lower case in `/run/secrets` (or `CORANTO_SECRETS_DIR`) does as well, so that secrets need not be
in the environment.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from coranto.settings import (
    Duration,
    LogSettings,
    PageStoreSettings,
    PipelineSettings,
    RedisSettings,
    SettingsSection,
)
from coranto.streams.interface import Retention
from coranto.topology import DEAD_LETTERS, DROPPED, FINISHED


def _duration_list(value: Any) -> Any:
    """Time spans as a JSON list or separated by commas."""
    if isinstance(value, str):
        text = value.strip()
        value = json.loads(text) if text.startswith("[") else [part.strip() for part in text.split(",") if part.strip()]
    return value


DurationList = Annotated[tuple[Duration, ...], NoDecode, BeforeValidator(_duration_list)]
"""Time spans in seconds or ISO 8601: a JSON list, or separated by commas."""


class DeliverySettings(SettingsSection):
    """How messages are taken, kept and given back."""

    claim_after: Duration = Field(
        timedelta(seconds=60),
        ge=timedelta(seconds=1),
        description="Idle time after which another worker may take a message over.",
    )
    # A live worker renews what it holds every third of this, so a slow one keeps its message and a dead one loses it.
    max_deliveries: int = Field(3, ge=1, description="Workers a message may take down before it becomes a dead letter.")
    poll_interval: Duration = Field(
        timedelta(seconds=1), gt=timedelta(0), description="Longest wait for new entries in one read."
    )
    commit_batch: int = Field(200, ge=1, le=1000, description="Outcomes committed in one script call.")
    grace_period: Duration = Field(
        timedelta(seconds=20), description="Time after SIGTERM for messages in progress; what is left is handed back."
    )
    max_backlog: int = Field(
        2000, ge=1, description="Waiting entries in a stage's stream above which the stage upstream pauses."
    )
    max_delayed: int = Field(
        50_000, ge=1, description="Delayed messages of a stage above which it reads no new ones until some come back."
    )
    housekeeping_interval: Duration = Field(
        timedelta(seconds=2),
        gt=timedelta(0),
        description="Time between rounds of claiming, moving due retries, trimming and measuring.",
    )


class StreamRetention(SettingsSection):
    """How much of one kept stream stays. The limit that is reached first counts."""

    age: Duration = Field(timedelta(days=7), gt=timedelta(0), description="Age after which entries that were read go.")
    unread_age: Duration = Field(
        timedelta(days=30), gt=timedelta(0), description="Age after which entries go even if a group has not read them."
    )
    entries: int | None = Field(None, ge=1, description="Most entries kept; none for no such limit.")
    memory_share: float | None = Field(
        0.25, gt=0, le=1, description="Most of the server's memory they may take, as a share; none for no such limit."
    )
    # Of `maxmemory`; of the machine's memory where the server has no limit. All partitions together.

    def to_retention(self, *, partitions: int = 1) -> Retention:
        """The same for one partition of so many."""
        entries = None if self.entries is None else max(1, self.entries // partitions)
        share = None if self.memory_share is None else self.memory_share / partitions
        return Retention(self.age, max(self.age, self.unread_age), entries, share)


def _dropped() -> StreamRetention:
    return StreamRetention(memory_share=0.05)


def _dead_letters() -> StreamRetention:
    # Nobody reads them as a group does, so both ages are one. Long enough for a team's holidays.
    return StreamRetention(age=timedelta(days=90), unread_age=timedelta(days=90), memory_share=0.02)


class RetentionSettings(SettingsSection):
    """How much of what is kept in Redis stays there: in age, entries and bytes."""

    finished: StreamRetention = Field(
        default_factory=StreamRetention, description="Finished articles, kept for subscribers to replay."
    )
    dropped: StreamRetention = Field(default_factory=_dropped, description="Events of articles that ended early.")
    dead_letters: StreamRetention = Field(default_factory=_dead_letters, description="Dead letters of each stage.")

    def by_stream(self, *, partitions: int = 1) -> dict[str, Retention]:
        """What is kept, by the name of the stream."""
        return {
            FINISHED.name: self.finished.to_retention(partitions=partitions),
            DROPPED.name: self.dropped.to_retention(partitions=partitions),
            DEAD_LETTERS: self.dead_letters.to_retention(partitions=partitions),
        }


class BreakerSettings(SettingsSection):
    """When a stage stops reading: while everything fails for one reason that is not the messages', or everything dies."""

    failures: int = Field(
        20,
        ge=1,
        description="Failures of one systemic reason in a row that open the breaker; of `error` and `deadline`, which a page may "
        "bring about, only if they are of three sites or more.",
    )
    max_dead_in_a_row: int = Field(50, ge=1, description="Dead letters in a row that open the breaker.")
    max_dead_share: float = Field(
        0.5, gt=0, le=1, description="Share of dead letters among the messages that ended last that opens the breaker."
    )
    dead_window: int = Field(
        200, ge=2, description="Messages that the share is taken of; judged once half as many have ended."
    )
    probe_after: Duration = Field(
        timedelta(seconds=5), gt=timedelta(0), description="Pause before the first trial; doubled each time."
    )
    max_pause: Duration = Field(timedelta(minutes=2), description="Longest pause between trials.")


class HealthSettings(SettingsSection):
    """The small HTTP server with /live, /ready and /metrics."""

    host: str = Field("127.0.0.1", description="Address it listens on; 0.0.0.0 in a container.")
    port: int = Field(0, ge=0, le=65535, description="Port; 0 takes a free one and logs it.")
    ready_file: Path | None = Field(None, description="File that holds the server's address while the service runs.")


class WorkerSettings(BaseSettings):
    """Base of every service's `Settings`."""

    model_config = SettingsConfigDict(
        frozen=True,
        env_prefix="CORANTO_",
        env_nested_delimiter="__",
        # Variables of other services share the prefix; a misspelt one of ours is found by `coranto settings`.
        extra="ignore",
        # An address that is refused may hold a password.
        hide_input_in_errors=True,
    )

    redis: RedisSettings = Field(default_factory=RedisSettings)
    pipeline: PipelineSettings = Field(default_factory=PipelineSettings)
    delivery: DeliverySettings = Field(default_factory=DeliverySettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    breaker: BreakerSettings = Field(default_factory=BreakerSettings)
    health: HealthSettings = Field(default_factory=HealthSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    pages: PageStoreSettings = Field(default_factory=PageStoreSettings)
    consumer_name: str = Field(
        # Random, because containers may share a hostname, and each begins to count its processes at 1: two workers of one name
        # would hand back each other's work.
        default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}",
        description="Name of this worker in Redis and logs; no two may share one.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic-settings'
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic-settings'
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then files; no .env file is read behind the user's back."""
        directory = Path(os.environ.get("CORANTO_SECRETS_DIR", "/run/secrets"))
        sources: list[PydanticBaseSettingsSource] = [init_settings, env_settings]
        if directory.is_dir():
            from pydantic_settings import NestedSecretsSettingsSource

            sources.append(
                NestedSecretsSettingsSource(
                    SecretsSettingsSource(settings_cls, secrets_dir=directory),
                    secrets_nested_delimiter="__",
                    env_prefix="CORANTO_",  # files are named like the variables
                )
            )
        return tuple(sources)
