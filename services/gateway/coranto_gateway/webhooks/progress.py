"""How a webhook does: how far it has got, and whether its receiver answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from coranto_gateway.articles.announcements import Position
from coranto_gateway.definitions import faults_of

Standing = Literal["active", "trying_again", "failing", "paused", "disabled"]
Count = Literal[Standing, "unusable"]
"""What webhooks are counted by."""

NUMBER: Final = re.compile(r"0|[1-9]\d{0,17}", re.ASCII)
"""How a number is written, such as that of an announcement. The stores and Redis count in 64 bits, and Redis takes no other way."""
Number = Annotated[int, Field(ge=0, lt=10**18)]


def _is_time(text: str) -> str:
    datetime.fromisoformat(text)
    return text


def _is_number(value: object) -> object:
    if isinstance(value, str) and NUMBER.fullmatch(value) is None:
        raise ValueError(f"expected a number below 10^18, got {value[:100]!r}")
    return value


Count64 = Annotated[Number, BeforeValidator(_is_number)]


class Progress(BaseModel):
    """How a webhook does."""

    model_config = ConfigDict(extra="ignore")

    store: str = "0"
    cursor: Count64 | None = None
    """None when nobody knows how far it has got, or will once `rewind` is looked up."""
    rewind: Annotated[str, AfterValidator(_is_time)] | None = None
    """Where it is to begin, until that is looked up: a time."""
    generation: Count64 = 0
    is_paused: bool = False
    disabled: str | None = None
    """Why it was switched off by its receiver."""
    trouble_since: datetime | None = None
    trouble: str | None = None
    is_failing: bool = False
    """Whether the trouble has lasted so long that it was reported."""
    not_before: datetime | None = None
    delivered: Count64 = 0
    delivered_at: datetime | None = None
    set_aside: int = 0
    """Rows that could not be read, and were set aside."""

    @property
    def position(self) -> Position | None:
        """The place up to which it has got; None when that is not known."""
        return None if self.cursor is None or self.rewind is not None else Position(self.store, self.cursor)

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


def read_progress(kept: Mapping[str, str]) -> tuple[Progress, dict[str, str]]:
    """How a webhook does, by the fields that can be read; and what is wrong with each of the others."""
    try:
        return Progress.model_validate(kept), {}
    except ValidationError as error:
        faults = dict(faults_of(error))
    readable = {field: value for field, value in kept.items() if field not in faults}
    # Nobody knows whether somebody had paused it: to resume it is easier than to take back what was sent.
    return Progress.model_validate(readable | ({"is_paused": "1"} if "is_paused" in faults else {})), faults
