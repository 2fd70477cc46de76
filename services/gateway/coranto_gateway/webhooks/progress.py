"""How a webhook does: how far it has got, and whether its receiver answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from coranto_gateway.articles.announcements import Position

Standing = Literal["active", "trying_again", "failing", "paused", "disabled"]
Count = Literal[Standing, "unusable"]
"""What webhooks are counted by."""

PLACE: Final = frozenset({"store", "cursor", "rewind"})
"""Fields that say how far it has got."""


def _is_time(text: str) -> str:
    datetime.fromisoformat(text)
    return text


class Progress(BaseModel):
    """How a webhook does."""

    model_config = ConfigDict(extra="ignore")

    store: str = "0"
    cursor: int = 0
    rewind: Annotated[str, AfterValidator(_is_time)] | None = None
    """Where it is to begin, until that is looked up: a time."""
    generation: int = 0
    is_paused: bool = False
    disabled: str | None = None
    """Why it was switched off by its receiver."""
    trouble_since: datetime | None = None
    trouble: str | None = None
    is_failing: bool = False
    """Whether the trouble has lasted so long that it was reported."""
    not_before: datetime | None = None
    delivered: int = 0
    delivered_at: datetime | None = None

    @property
    def position(self) -> Position:
        """The place up to which it has got."""
        return Position(self.store, self.cursor)

    @property
    def standing(self) -> Standing:
        """In a word."""
        if self.disabled is not None:
            return "disabled"
        if self.is_paused:
            return "paused"
        if self.trouble_since is None:
            return "active"
        return "failing" if self.is_failing else "trying_again"

    @property
    def is_running(self) -> bool:
        """Whether anything is to be delivered."""
        return self.disabled is None and not self.is_paused
