"""What a token is and may do, and who makes a request with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Scope(StrEnum):
    """What a token may do."""

    READ = "read"
    """Read articles, sources and the state of the pipeline, and follow the stream."""
    SUBMIT = "submit"
    """Submit pages and feeds."""
    OPERATE = "operate"
    """Change sources, redeliver and discard dead letters, look after webhooks and alerts."""


class Token(BaseModel):
    """What is kept of a token."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(description="Eight characters that name it.")
    name: str = Field(description="Who or what uses it.")
    scopes: frozenset[Scope] = Field(description="What it may do.")
    digest: str = Field(description="SHA-256 of its secret.")
    created_at: AwareDatetime = Field(description="When it was made.")
    ends_at: AwareDatetime | None = Field(None, description="When it ends.")
    last_used_at: datetime | None = Field(None, description="When it was used last, to the minute.")

    def has_ended(self, now: datetime) -> bool:
        """Whether its end has come."""
        return self.ends_at is not None and self.ends_at <= now


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever makes a request."""

    name: str
    scopes: frozenset[Scope]
    token: str | None = None
    """Id of the token; None for whoever needs none."""


EVERYTHING: Final = frozenset(Scope)
