"""Stories on a line of time: who was first, who copied it, what was told anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from coranto.store.interface import ArticleReader, ArticleSummary
from coranto.urls import site_name
from coranto_gateway.api.stories import FoundStory, find_stories, moment_of
from coranto_gateway.http.access import needs
from coranto_gateway.http.cursor import question_hash, read_cursor, write_cursor
from coranto_gateway.page.rendering import render, words_for
from coranto_gateway.page.words import Words
from coranto_gateway.parts import PartsOf
from coranto_gateway.tokens.token import Scope

router = APIRouter(include_in_schema=False)

Span = Literal["day", "week", "month", "all"]
Mark = Literal["original", "copy", "other language", "update"]

_SPANS: Final[dict[Span, timedelta | None]] = {
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
    "all": None,
}
_ON_A_PAGE: Final = 20
_NARROWEST: Final = timedelta(hours=1)
_STEPS: Final = (
    *(timedelta(minutes=number) for number in (10, 30)),
    *(timedelta(hours=number) for number in (1, 2, 4, 6, 12)),
    *(timedelta(days=number) for number in (1, 2, 5, 10, 30, 90, 365)),
)
_TICKS_AT_MOST: Final = 6
_NODE_WIDTH: Final = 1.6
"""Per cent of the line: marks that are nearer to each other would lie over each other, and become one with a number."""
_LABEL_WIDTH: Final = 16.0
_IMPORTANCE: Final[tuple[Mark, ...]] = ("original", "update", "other language", "copy")


@dataclass(frozen=True, slots=True)
class Node:
    """One mark on the line: an article, or several that came at about the same time."""

    x: float
    mark: Mark
    count: int
    label: str
    anchor: str
    told: str


@dataclass(frozen=True, slots=True)
class Member:
    """One article of a story in its list."""

    article: ArticleSummary
    at: datetime
    mark: Mark


@dataclass(frozen=True, slots=True)
class Track:
    """A story and how it is drawn."""

    story: FoundStory
    members: Sequence[Member]
    nodes: Sequence[Node]
    began_before: datetime | None
    """When it began, if that is before the line does."""


@dataclass(frozen=True, slots=True)
class Axis:
    """The line of time that all stories share."""

    began: datetime
    ended: datetime

    def place(self, moment: datetime) -> float:
        """Where the moment stands, in per cent; at an end of the line when it is outside."""
        share = (moment - self.began) / (self.ended - self.began)
        return round(100 * min(max(share, 0.0), 1.0), 1)

    def ticks(self) -> list[tuple[float, datetime]]:
        """Round times along it, with where they stand."""
        length = self.ended - self.began
        step = next((step for step in _STEPS if length / step <= _TICKS_AT_MOST), length / _TICKS_AT_MOST)
        midnight = self.began.replace(hour=0, minute=0, second=0, microsecond=0)
        first = midnight + step * -(-(self.began - midnight) // step)
        found: list[tuple[float, datetime]] = []
        while first <= self.ended:
            found.append((self.place(first), first))
            first += step
        return found

    @property
    def is_of_days(self) -> bool:
        """Whether days tell more along it than hours."""
        return self.ended - self.began > timedelta(days=2)


@router.get("/stories")
@needs(Scope.READ)
async def show(
    request: Request,
    parts: PartsOf,
    span: Literal["", "day", "week", "month", "all"] = "",
    at_least: Annotated[int, Query(ge=2, le=100)] = 2,
    cursor: Annotated[str, Query(max_length=1000)] = "",
) -> Response:
    """The stories of the span; where none is chosen, of the shortest that has any."""
    words = words_for(request)
    spans: Sequence[Span] = (span,) if span else tuple(_SPANS)

    def look(reader: ArticleReader) -> tuple[Span, list[FoundStory], str | None]:
        for each in spans:
            length = _SPANS[each]
            hashed = question_hash("stories", each, at_least)
            before = read_cursor(cursor, hashed) if cursor and span else None
            since = None if length is None else words.now - length
            found, following = find_stories(reader, since=since, at_least=at_least, before=before, limit=_ON_A_PAGE)
            if found or before is not None:
                break
        return each, found, None if following is None else write_cursor(following, hashed)

    chosen, found, older = await parts.stores.ask_if_any(look) or (spans[-1], [], None)
    axis = _axis(found, _SPANS[chosen], words.now)
    return render(
        request,
        "stories.html",
        tracks=[_track(each, axis, words) for each in found],
        axis=axis,
        span=chosen,
        at_least=at_least,
        older=older,
        is_first=not cursor,
    )


def _axis(found: Sequence[FoundStory], length: timedelta | None, now: datetime) -> Axis:
    if length is not None:
        return Axis(now - length, now)
    moments = [moment_of(article) for story in found for article in story.articles] or [now]
    first, last = min(moments), max(moments)
    room = max((last - first) * 0.02, _NARROWEST / 2)
    return Axis(first - room, last + room)


def _track(story: FoundStory, axis: Axis, words: Words) -> Track:
    first = story.articles[0]
    members = [Member(each, moment_of(each), _mark(each, first)) for each in story.articles]
    on_the_line = [each for each in members if axis.began <= each.at]
    began = members[0].at
    return Track(story, members, list(_nodes(on_the_line, axis, words)), began if began < axis.began else None)


def _mark(article: ArticleSummary, first: ArticleSummary) -> Mark:
    match article.story_role:
        case "original":
            return "original"
        case "update":
            return "update"
        case _:
            return "other language" if article.language != first.language else "copy"


def _nodes(members: Sequence[Member], axis: Axis, words: Words) -> Iterator[Node]:
    labelled = -_LABEL_WIDTH
    for x, together in _together(members, axis):
        chief = min(together, key=lambda each: _IMPORTANCE.index(each.mark))
        label, who = "", site_name(chief.article.publisher, chief.article.url, chief.article.source)
        if chief.mark in ("original", "update") and x - labelled >= _LABEL_WIDTH:
            label, labelled = who, x
        told = ", ".join([*([who] if who else []), words.when(chief.at), words.text(chief.mark)])
        if len(together) > 1:
            told = words.text("{count} at about the same time, the first: {told}", count=words.number(len(together)),
                              told=told)  # fmt: skip
        anchor = "start" if x < _LABEL_WIDTH / 2 else "end" if x > 100 - _LABEL_WIDTH / 2 else "middle"
        yield Node(x, chief.mark, len(together), label, anchor, told)


def _together(members: Sequence[Member], axis: Axis) -> Iterator[tuple[float, Sequence[Member]]]:
    """The articles in order, those that would lie over each other in one."""
    begun, group = 0.0, list[Member]()
    for each in members:
        x = axis.place(each.at)
        if group and x - begun >= _NODE_WIDTH:
            yield begun, group
            group = []
        if not group:
            begun = x
        group.append(each)
    if group:
        yield begun, group
