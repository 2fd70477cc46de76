"""Sources: the feeds and sitemaps that are polled, how each does, and adding, pausing and removing them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from coranto.sources.feed_lists import listed_feeds, read_feed_list, write_feed_list
from coranto.sources.opml import BadOpmlError
from coranto.sources.previews import Preview, PreviewDesk, TooManyPreviewsError
from coranto.sources.registry import Feed, FeedRegistry, new_feed
from coranto.store.database.source_accounts import SourceHealth
from coranto.urls import UnsupportedUrlError, parse
from coranto_gateway.http.access import needs
from coranto_gateway.http.problems import Problem, not_found
from coranto_gateway.parts import Parts, PartsOf
from coranto_gateway.tokens.token import Scope

router = APIRouter(prefix="/v1/sources", tags=["sources"])

_SILENT_AT_LEAST: Final = timedelta(days=1)
_SILENT_AT_MOST: Final = timedelta(days=14)
_MISSED_ITEMS: Final = 8
"""So many entries that should have come make a silence: by chance it happens once in three thousand times."""

SourceState = Literal["new", "healthy", "incomplete", "silent", "failing", "paused"]

FAULTY: Final[frozenset[SourceState]] = frozenset({"failing", "silent", "incomplete"})
"""States that somebody should look into."""


class SourceView(BaseModel):
    """A source and how it does."""

    id: str
    url: str
    source: str = Field(description="Name that its articles carry.")
    state: SourceState = Field(
        description="`new` before its first poll, `silent` when it has had nothing new for much longer than its rhythm, "
        "`incomplete` when its document is cut off or empty."
    )
    kind: str = Field(description="What it turned out to be.")
    title: str | None
    parent: str | None = Field(description="Page or sitemap index that named it.")
    added_at: datetime
    polls: int
    polled_at: datetime | None
    due_at: datetime | None = Field(description="When it is polled next; null while it is paused.")
    interval_seconds: float | None = Field(description="Time between polls, by its rhythm.")
    last_new_at: datetime | None = Field(description="When it last had something new.")
    items_per_day: float = Field(description="New entries a day, recent days counting most.")
    entries_left: int = Field(
        description="Entries of its document for which there was no room yet; it is read again for them."
    )
    lag_seconds: float | None = Field(description="Mean time from publication to discovery.")
    tags: list[str] = Field(description="Tags that its articles carry.")
    failures: int = Field(description="Failed polls since the last that succeeded.")
    last_outcome: str | None
    last_error: str | None
    last_warning: str | None = Field(description="What is wrong with the document that was read last.")
    moved_to: str | None = Field(description="Where it permanently redirects to.")

    @classmethod
    def of(cls, feed: Feed, *, is_paused: bool, now: datetime) -> SourceView:
        """The source."""
        return cls(
            id=feed.id,
            url=feed.url,
            source=feed.source,
            state=state_of(feed, is_paused=is_paused, now=now),
            kind=feed.kind,
            title=feed.title,
            parent=feed.parent,
            added_at=feed.added_at,
            polls=feed.polls,
            polled_at=feed.polled_at,
            due_at=None if is_paused else feed.due_at,
            interval_seconds=feed.interval_seconds or None,
            last_new_at=feed.last_new_at,
            items_per_day=round(feed.items_per_day, 2),
            entries_left=feed.entries_left,
            lag_seconds=None if feed.lag_seconds is None else round(feed.lag_seconds),
            tags=list(feed.tags),
            failures=feed.failures,
            last_outcome=feed.last_outcome,
            last_error=feed.last_error,
            last_warning=feed.last_warning,
            moved_to=feed.moved_to,
        )


def state_of(feed: Feed, *, is_paused: bool, now: datetime) -> SourceState:
    """How the source does, in a word."""
    if is_paused:
        return "paused"
    if feed.failures:
        return "failing"
    if not feed.polls:
        return "new"
    since = now - (feed.last_new_at or feed.added_at)
    # The rate forgets, so that a long silence would pass for the rhythm; hence the second bound.
    is_missing = since.total_seconds() / 86_400 * feed.items_per_day >= _MISSED_ITEMS
    if feed.items_per_day > 0 and (since > _SILENT_AT_MOST or (is_missing and since > _SILENT_AT_LEAST)):
        return "silent"
    return "incomplete" if feed.last_warning is not None else "healthy"


_ORDER: Final[tuple[SourceState, ...]] = ("failing", "silent", "incomplete", "new", "paused", "healthy")


class SourceList(BaseModel):
    """Sources, those that need attention first."""

    items: list[SourceView]


class NewSource(BaseModel):
    """A source to be polled."""

    url: str = Field(
        min_length=1, max_length=4000, description="Address of a feed or sitemap, or of a page that names them."
    )
    source: str | None = Field(
        None, max_length=200, description="Name that its articles carry; else the title that it gives itself."
    )
    tags: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        [], max_length=20, description="Tags that its articles carry, such as the folder of a list."
    )


class LeftOutLine(BaseModel):
    """A line of a list that names no source that could be polled."""

    line: int
    reason: str


class ImportedSources(BaseModel):
    """What a list of sources came to."""

    added: int
    known: int = Field(description="Sources that were there already; they keep their history.")
    left_out: list[LeftOutLine]


class SourceName(BaseModel):
    """A source that is known."""

    url: str = Field(min_length=1, max_length=4000, description="Its address, as it is listed.")


@router.get("", summary="All sources")
@needs(Scope.READ)
async def list_sources(
    parts: PartsOf,
    state: Annotated[SourceState | None, Query(description="Only those in this state.")] = None,
) -> SourceList:
    """Those that need attention first."""
    return SourceList(items=[each for each in await get_sources(parts) if state in (None, each.state)])


async def get_sources(parts: Parts) -> list[SourceView]:
    """All sources, those that need attention first."""
    registry, now = await _registry(parts), datetime.now(UTC)
    paused = await registry.paused()
    views = [SourceView.of(feed, is_paused=feed.id in paused, now=now) for feed in await registry.all()]
    return sorted(views, key=lambda view: (_ORDER.index(view.state), view.source.casefold(), view.url))


@router.get("/{id}/health", summary="How a source does")
@needs(Scope.READ)
async def get_health(id: str, parts: PartsOf) -> SourceHealth:  # noqa: A002 - the name in the address
    """By what ended in the last four weeks: volume by hour against its own rhythm, times, lacking fields, refusals, silence.

    Articles are counted by the name of the source that they carry, which several feeds may share.
    """
    feed = next((feed for feed in await (await _registry(parts)).all() if feed.id == id), None)
    if feed is None:
        raise _unknown(id)
    now = datetime.now(UTC)
    found = await parts.stores.ask_if_any(lambda reader: reader.source_health(feed.source, now))
    return found or SourceHealth.unknown(feed.source)


@router.post("", status_code=201, summary="Add a source", responses={200: {"model": SourceView}})
@needs(Scope.OPERATE)
async def add_source(new: NewSource, response: Response, parts: PartsOf) -> SourceView:
    """It is polled at once. One that is known already keeps its history, and the answer is 200."""
    view, is_new = await add(parts, new)
    response.status_code = 201 if is_new else 200
    return view


async def add(parts: Parts, new: NewSource) -> tuple[SourceView, bool]:
    """The source, and whether it was new. Raises Problem when its address is none."""
    registry, now = await _registry(parts), datetime.now(UTC)
    url = _address(new.url)
    is_new = await registry.add(new_feed(url, now=now, source=new.source or None, tags=tuple(dict.fromkeys(new.tags))))
    feed = await registry.find(url)
    if feed is None:
        raise _unknown(url)
    return SourceView.of(feed, is_paused=feed.id in await registry.paused(), now=now), is_new


_OPML: Final = "text/x-opml"
_LIST: Final = {
    "required": True,
    "content": {kind: {"schema": {"type": "string"}} for kind in (_OPML, "text/plain")},
}


@router.get("/opml", summary="All sources as OPML", response_class=Response, responses={200: {"content": {_OPML: {}}}})
@needs(Scope.READ)
async def export_sources(parts: PartsOf) -> Response:
    """For any feed reader, in folders by their first tags. What a sitemap index leads to is left out: the index names it."""
    body = write_feed_list(await (await _registry(parts)).all())
    # Without a charset: the document says itself which it has.
    headers = {"Content-Type": _OPML, "Content-Disposition": 'attachment; filename="coranto.opml"'}
    return Response(body, headers=headers)


@router.post("/opml", summary="Add the sources of a list", openapi_extra={"requestBody": _LIST})
@needs(Scope.OPERATE)
async def import_sources(request: Request, parts: PartsOf) -> ImportedSources:
    """An OPML document, or one address per line. Titles become names, folders tags; all are polled at once."""
    return await import_list(parts, await request.body())


async def import_list(parts: Parts, document: bytes) -> ImportedSources:
    """Register the sources of the list. Raises Problem when the document is none."""
    try:
        # A long list takes a while to read, and others are served meanwhile.
        listed = await asyncio.to_thread(read_feed_list, document)
    except BadOpmlError as error:
        raise Problem(422, "bad-list", str(error)) from error
    if not listed.feeds and not listed.left_out:
        raise Problem(
            422, "bad-list", "expected an OPML document or addresses, one a line, and the list names no source"
        )
    registry = await _registry(parts)
    feeds: Sequence[Feed] = listed_feeds(listed, now=datetime.now(UTC))
    added = sum([await registry.add(feed) for feed in feeds])
    left_out = [LeftOutLine(line=each.line, reason=each.reason) for each in listed.left_out]
    return ImportedSources(added=added, known=len(feeds) - added, left_out=left_out)


@router.post("/preview", summary="What a source would bring")
@needs(Scope.OPERATE)
async def preview_source(named: SourceName, parts: PartsOf) -> Preview:
    """A feeder reads it here and now; nothing is registered, submitted or stored. 503 when no feeder answers."""
    pipeline = await parts.pipelines.get()
    desk = PreviewDesk(pipeline.redis, pipeline.topology.all_keys()[0])
    try:
        found = await desk.ask(_address(named.url), seconds=parts.settings.gateway.preview_timeout.total_seconds())
    except TooManyPreviewsError as error:
        raise Problem(429, "too-many-requests", str(error), headers={"Retry-After": "60"}) from error
    if found is None:
        raise Problem(
            503,
            "no-feeder",
            "no feeder looked at the source in time: see whether one is running, or add the source without a preview",
            headers={"Retry-After": "5"},
        )
    return found


@router.post("/pause", summary="Pause a source")
@needs(Scope.OPERATE)
async def pause_source(named: SourceName, parts: PartsOf) -> SourceView:
    """It is polled no longer until it is resumed, nor are the sitemaps of an index."""
    registry = await _registry(parts)
    if not await registry.pause(_address(named.url)):
        raise _unknown(named.url)
    return await _view(registry, named.url)


@router.post("/resume", summary="Resume a source, or poll it now")
@needs(Scope.OPERATE)
async def resume_source(named: SourceName, parts: PartsOf) -> SourceView:
    """It is polled at once, also when it was not paused, and the paused sitemaps of an index are too."""
    registry = await _registry(parts)
    if not await registry.resume(_address(named.url), datetime.now(UTC)):
        raise _unknown(named.url)
    return await _view(registry, named.url)


@router.delete("", status_code=204, summary="Remove a source")
@needs(Scope.OPERATE)
async def remove_source(
    parts: PartsOf,
    url: Annotated[str, Query(min_length=1, max_length=4000, description="Its address, as it is listed.")],
) -> None:
    """It is polled no longer, and its history is forgotten; articles found in it stay."""
    if not await (await _registry(parts)).remove(_address(url)):
        raise _unknown(url)


async def _registry(parts: Parts) -> FeedRegistry:
    pipeline = await parts.pipelines.get()
    return FeedRegistry(pipeline.redis, pipeline.topology.all_keys()[0])


async def _view(registry: FeedRegistry, url: str) -> SourceView:
    feed = await registry.find(_address(url))
    if feed is None:
        raise _unknown(url)
    return SourceView.of(feed, is_paused=feed.id in await registry.paused(), now=datetime.now(UTC))


def _address(url: str) -> str:
    try:
        address = parse(url)
    except UnsupportedUrlError as error:
        raise Problem(422, "bad-url", str(error)) from error
    if address.scheme == "file":
        raise Problem(422, "bad-url", f"a source must have an http or https address, got {url[:200]!r}")
    return str(address).partition("#")[0]


def _unknown(url: str) -> Problem:
    return not_found("source", url, "`/v1/sources` lists those there are")
