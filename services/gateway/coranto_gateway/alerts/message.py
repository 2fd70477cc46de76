"""What an alert tells, as values and as text: one entry for a story, however many copies of it there are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from coranto_gateway.alerts.alert import shown_recipient
from coranto_gateway.printable import one_line

OPERATOR = "operator"
"""Stands for the alert's id and name in notices; ids of alerts are of other letters."""
LONGEST_EXCERPT = 300
MOST_ENTRIES = 50


class Hit(BaseModel):
    """A story that an alert has found, by the article that was found first."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    story: str = Field(description="Id of the story; of the article, where it belongs to none.")
    article: str = Field(description="Id of the article.")
    url: str = Field(description="Its address.")
    title: str = Field(description="Its headline.")
    publisher: str = Field("", description="Its publisher, or source.")
    published: str = Field("", description="When it was published, as far as known.")
    why: str = Field("", description="Words around what was searched for, marked with `[` and `]`.")
    at: datetime = Field(description="When it was stored.")
    copies: int = Field(0, description="Further articles of the story that were found before it was sent.")
    correction: int | None = Field(
        None, description="Number of the revision, where it was told of before and its publisher has changed it since."
    )
    searches: list[str] = Field([], description="Names of all alerts that have found it for this recipient.")

    @property
    def key(self) -> str:
        """The same for what is told of once."""
        return self.story if self.correction is None else f"{self.story}/{self.article}/{self.correction}"


class Message(BaseModel):
    """What is sent to one recipient: of an alert, or a notice for the operator."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(description="The same at each attempt.")
    alert: str = Field(description="Id of the alert; `operator` for a notice.")
    name: str = Field(description="Its name.")
    to: str = Field(description="The recipient.")
    at: datetime = Field(description="When it became due.")
    hits: list[Hit] = Field(description="What was found, by time of storing.")
    more: int = Field(0, description="Stories beyond these.")
    notice: str = Field("", description="What the operator is told.")
    attempts: int = Field(0, description="Attempts that failed.")
    due: datetime = Field(description="When it is tried next.")
    dead: str | None = Field(None, description="Why it was given up.")

    def to_show(self) -> Message:
        """The same, with its recipient as it is shown."""
        return self.model_copy(update={"to": shown_recipient(self.to)})

    @property
    def is_test(self) -> bool:
        """Whether it tells of nothing."""
        return not self.hits and not self.notice

    @property
    def subject(self) -> str:
        """In a line."""
        if self.notice:
            return one_line(f"Coranto: {self.notice}")[:200]
        if self.is_test:
            return f"{self.name}: a test"
        if len(self.hits) == 1 and not self.more:
            return one_line(_headline(self.hits[0]))
        return f"{self.name}: {len(self.hits) + self.more} stories"

    def text(self, *, longest: int | None = None, size: Callable[[str], int] = len) -> str:
        """For people to read; shortened by whole entries until its size, by default in characters, is no more than `longest`."""
        if self.notice:
            return one_line(self.notice)
        if self.is_test:
            return f"This is a test of the alert {self.name}. It tells of new stories here."
        entries = [_entry(hit) for hit in self.hits]
        shown = len(entries)
        while True:
            left = len(entries) - shown + self.more
            parts = entries[:shown] + ([f"… and {left} more"] if left else [])
            text = "\n\n".join(parts)
            if longest is None or size(text) <= longest:
                return text
            if shown <= 1:
                return _cut(text, longest, size)
            shown -= 1


def _cut(text: str, longest: int, size: Callable[[str], int]) -> str:
    """The beginning of the text that is of this size at most, of characters that count for four or so each."""
    while (over := size(text) - longest) > 0:
        text = text[: -max(1, over // 4)]
    return text


def _headline(hit: Hit) -> str:
    return hit.title if hit.correction is None else f"Corrected: {hit.title}"


def _entry(hit: Hit) -> str:
    known = " · ".join(one_line(each) for each in (hit.publisher, hit.published) if each)
    copies = f"and {hit.copies} more with this story" if hit.copies else ""
    searches = f"found by {', '.join(map(one_line, hit.searches))}" if len(hit.searches) > 1 else ""
    lines = (one_line(_headline(hit)), known, one_line(hit.why), copies, searches, one_line(hit.url))
    return "\n".join(line for line in lines if line)
