"""The sink's settings."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from coranto.settings import Duration, SettingsSection, StoreAddress
from coranto.worker.settings import WorkerSettings


class SinkSettings(SettingsSection):
    """Where finished articles are kept, and how they are written."""

    database: StoreAddress = Field(
        Path("coranto-data/articles.sqlite"),
        description="Where the article store is: path of a SQLite file, or `postgresql://user:password@host/database`. "
        "Several sinks may share it.",
    )
    batch_size: int = Field(
        200, ge=1, le=5000, description="Articles committed in one transaction at most, and in flight at once."
    )
    busy_timeout: Duration = Field(
        timedelta(seconds=10), ge=timedelta(0), description="Longest wait for another process that writes the store."
    )
    # A sixth of the stage's deadline: a busy file is reported as such, and not as a handler that ran too long.


class Settings(WorkerSettings):
    """Everything the sink reads from its environment."""

    sink: SinkSettings = Field(default_factory=SinkSettings)
