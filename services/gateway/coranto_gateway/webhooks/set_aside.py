"""Rows of a webhook in Redis that cannot be read: each is taken out of the way and kept, so that the webhook goes on without it.

A row that was damaged, or written by another version, is moved as it is to a hash of the webhook's own, where an operator
finds it. What the row's key still says is made again from the article store, by whoever delivers.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from coranto_gateway.webhooks.progress import NUMBER

Part = Literal["state", "late", "dead", "log"]
WEBHOOK_ROW_SET_ASIDE: Final = "webhook.row_set_aside"
_KEPT_CHARS: Final = 2000


class SetAside(BaseModel):
    """A row that cannot be read."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    part: Part = Field(
        description="What it is a row of: how the webhook does, its late or dead deliveries, or its log."
    )
    row: str = Field(description="Name of the field, number of the announcement, or id of the line.")
    at: datetime = Field(description="When it was found.")
    why: str = Field(description="What is wrong with it.")
    kept: str = Field(description="Beginning of what it held.")
    is_made_again: bool = Field(False, description="Whether its delivery was made again from the article store.")

    @property
    def key(self) -> str:
        """What it is kept under."""
        return f"{self.part} {self.row}"

    @property
    def number(self) -> int | None:
        """Number of the announcement that the row was about, where that is known."""
        is_delivery = self.part in ("late", "dead") and NUMBER.fullmatch(self.row)
        return int(self.row) if is_delivery else None


def note_row(part: Part, row: str, packed: bytes, why: str, now: datetime) -> SetAside:
    """What is kept of the row."""
    kept = packed.decode("utf-8", "replace")[:_KEPT_CHARS]
    return SetAside(part=part, row=row.encode("utf-8", "replace").decode()[:200], at=now, why=why[:500], kept=kept)
