"""What becomes of announcements: tried, late, or given up; and what one commit changes of that."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from coranto_gateway.webhooks.progress import Number
from coranto_gateway.webhooks.set_aside import SetAside

MOST_DEAD: Final = 1000


class Late(BaseModel):
    """An announcement that the webhook has passed and that is to be tried again, or waits for an earlier one of its article."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    number: Number = Field(description="Number of its announcement.")
    article: str = Field(description="Id of the article.")
    revision: int = Field(description="Number of its revision.")
    attempts: int = Field(0, description="Attempts that failed while other deliveries went well.")


class DeadDelivery(BaseModel):
    """An announcement that was given up."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    number: Number = Field(description="Number of its announcement.")
    article: str = Field(description="Id of the article.")
    revision: int = Field(description="Number of its revision.")
    url: str = Field(description="Address of the article.")
    at: datetime = Field(description="When it was given up.")
    reason: str = Field(description="Why.")
    detail: str = Field(description="What the receiver answered.")


class Attempt(BaseModel):
    """One line of a webhook's log: one request, and what came of it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: datetime = Field(description="When it ended.")
    webhook_id: str = Field(description="The `webhook-id` that it was sent with.")
    number: int | None = Field(None, description="Number of the announcement; null for a test.")
    article: str | None = Field(None, description="Id of the article.")
    revision: int | None = Field(None, description="Number of its revision.")
    outcome: Literal["delivered", "retried", "dead", "test"] = Field(description="What came of it.")
    reason: str = Field(description="Why, as a word of a closed list.")
    status: int | None = Field(None, description="Status of the answer; null when there was none.")
    answer: str = Field("", description="Beginning of the answer's body.")
    detail: str = Field("", description="What went wrong.")
    elapsed_ms: int = Field(0, description="Time to the answer, in milliseconds.")


def place_in(log: Sequence[Attempt], store: str, *, longest: timedelta) -> int | None:
    """The place behind which all comes that was not settled yet, by a log, the last line first; None when it says nothing of it.

    `longest` is the time that one delivery may be under way: what was begun before a line of that age is settled, or late.
    """
    lines = [(each.number, each.at) for each in log if each.number and each.webhook_id == f"{store}-{each.number}"]
    if not lines:
        return None
    begun = lines[0][1] - longest
    return next((number for number, at in lines if at < begun), min(lines)[0]) - 1


@dataclass(slots=True)
class Change:
    """What one commit changes of a webhook's progress, at once."""

    set: dict[str, str] = field(default_factory=dict)
    unset: list[str] = field(default_factory=list)
    add: dict[str, int] = field(default_factory=dict)
    late: list[Late] = field(default_factory=list)
    not_late: list[int] = field(default_factory=list)
    dead: list[DeadDelivery] = field(default_factory=list)
    not_dead: list[int] = field(default_factory=list)
    log: list[Attempt] = field(default_factory=list)
    made_again: list[SetAside] = field(default_factory=list)

    def to_json(self) -> str:
        """As the script takes it."""
        return json.dumps(
            {
                "set": self.set,
                "unset": self.unset,
                "add": self.add,
                "late": {str(each.number): each.model_dump_json() for each in self.late},
                "not_late": [str(number) for number in self.not_late],
                "not_dead": [str(number) for number in self.not_dead],
                "dead": {str(each.number): each.model_dump_json() for each in self.dead},
                "log": [each.model_dump_json(exclude_none=True) for each in self.log],
                "aside": {each.key: each.model_dump_json() for each in self.made_again},
            }
        )


@dataclass(frozen=True, slots=True)
class Grant:
    """The right to deliver for a webhook, until it is lost."""

    name: str
    generation: int
    owner: str
