"""The settings every service shares. Read once, in a service's `app.py`, and passed in from there.

Variables begin with `CORANTO_` and nest by two underscores: `CORANTO_REDIS__URL`, `CORANTO_FETCHER__MIN_DELAY`. A file of
the variable's name in lower case in `/run/secrets` (or `CORANTO_SECRETS_DIR`) does as well, so that secrets need not be
in the environment.
"""

from __future__ import annotations

import os
import secrets
import socket
from datetime import timedelta
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict

from coranto.settings import (
    Duration,
    LogSettings,
    PageStoreSettings,
    PipelineSettings,
    RedisSettings,
    SettingsSection,
)


class DeliverySettings(SettingsSection):
    """How messages are taken, kept and given back."""

    claim_after: Duration = Field(
        timedelta(seconds=60),
        ge=timedelta(seconds=1),
        description="Idle time after which another worker may take a message over.",
    )
    # A live worker renews what it holds every third of this, so a slow one keeps its message and a dead one loses it.
    claims_before_dead: int = Field(
        3, ge=1, description="Workers a message may take down before it becomes a dead letter."
    )
    poll_interval: Duration = Field(
        timedelta(seconds=1), gt=timedelta(0), description="Longest wait for new entries in one read."
    )
    commit_batch: int = Field(200, ge=1, le=1000, description="Outcomes committed in one script call.")
    grace_period: Duration = Field(
        timedelta(seconds=20), description="Time after SIGTERM for messages in hand; what is left is handed back."
    )
    high_water: int = Field(
        2000, ge=1, description="Waiting entries in a stage's stream above which the stage upstream pauses."
    )
    parking_high_water: int = Field(
        50_000, ge=1, description="Delayed messages of a stage above which it reads no new ones until some come back."
    )
    keep_finished: Duration = Field(
        timedelta(days=7), description="Span of finished and dropped events kept for replay."
    )
    keep_finished_at_most: Duration = Field(
        timedelta(days=30),
        description="Span after which finished and dropped events go even if a group has not read them.",
    )
    housekeeping_interval: Duration = Field(
        timedelta(seconds=2),
        gt=timedelta(0),
        description="Time between rounds of claiming, moving due retries, trimming and measuring.",
    )


class BreakerSettings(SettingsSection):
    """When a stage stops reading because everything fails for one reason that is not the messages' fault."""

    failures: int = Field(20, ge=1, description="Failures of one systemic reason in a row that open the breaker.")
    probe_after: Duration = Field(
        timedelta(seconds=5), gt=timedelta(0), description="Pause before the first probe; doubled each time."
    )
    longest_pause: Duration = Field(timedelta(minutes=2), description="Longest pause between probes.")


class OperationsSettings(SettingsSection):
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
    )

    redis: RedisSettings = Field(default_factory=RedisSettings)
    pipeline: PipelineSettings = Field(default_factory=PipelineSettings)
    delivery: DeliverySettings = Field(default_factory=DeliverySettings)
    breaker: BreakerSettings = Field(default_factory=BreakerSettings)
    operations: OperationsSettings = Field(default_factory=OperationsSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    pages: PageStoreSettings = Field(default_factory=PageStoreSettings)
    worker_name: str = Field(
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
