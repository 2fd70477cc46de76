"""Feeds for any feed reader: Atom and JSON Feed of a question, each under an address with a secret of its own."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field, field_validator

from coranto.filter import compile_filter
from coranto.formats.atom import to_atom_feed
from coranto.formats.jsonfeed import to_json_feed
from coranto.records import FinishedArticle
from coranto.store.interface import ArticleReader, ArticleSummary, SearchFilter
from coranto_gateway.definitions import Unusable
from coranto_gateway.feeds import SavedFeed
from coranto_gateway.http.access import needs, open_to_all
from coranto_gateway.http.conditional import has_it
from coranto_gateway.http.cursor import question_hash, read_cursor, write_cursor
from coranto_gateway.http.problems import not_found
from coranto_gateway.parts import Parts, PartsOf
from coranto_gateway.tokens.token import Scope

router = APIRouter(tags=["feeds"])

_ON_A_PAGE: Final = 50
_A_SECOND: Final = timedelta(seconds=1)
_FOLDER: Final = "/feeds/"


class NewFeed(BaseModel):
    """A question that is to be a feed."""

    title: str = Field(min_length=1, max_length=200, description="Title of the feed.")
    q: str = Field("", max_length=1000, description="Words that its articles hold, as in a search.")
    where: str = Field("", max_length=4000, description="Filter that its articles pass.")

    @field_validator("where")
    @classmethod
    def _where_can_be_read(cls, text: str) -> str:
        if text.strip():
            compile_filter(text)
        return text


class FeedView(BaseModel):
    """A feed, without its address."""

    id: str
    title: str
    q: str
    where: str
    created_at: datetime

    @classmethod
    def of(cls, feed: SavedFeed) -> FeedView:
        """The feed as it is listed."""
        return cls(**feed.model_dump())


class MadeFeed(FeedView):
    """A feed with its addresses, which are shown this once."""

    atom_path: str = Field(description="Path of the feed in Atom.")
    json_path: str = Field(description="Path of the feed as JSON Feed.")
    atom_url: str | None = Field(description="The whole address; null without CORANTO_GATEWAY__PUBLIC_URL.")
    json_url: str | None = Field(description="The whole address; null without CORANTO_GATEWAY__PUBLIC_URL.")


class FeedList(BaseModel):
    """All feeds, the oldest first."""

    items: list[FeedView]
    unusable: list[Unusable] = Field(
        description="Those that cannot be used as they are kept, by their ids: their addresses answer nothing."
    )


@router.get("/v1/feeds", summary="All feeds")
@needs(Scope.READ)
async def list_feeds(parts: PartsOf) -> FeedList:
    """Without their addresses: those are kept nowhere."""
    feeds, unusable = await parts.feeds.all()
    return FeedList(items=[FeedView.of(feed) for feed in feeds], unusable=unusable)


@router.post("/v1/feeds", status_code=201, summary="Make a feed of a question")
@needs(Scope.OPERATE)
async def make_feed(new: NewFeed, parts: PartsOf) -> MadeFeed:
    """Whoever knows the address reads the feed, without a token: feed readers cannot send one."""
    feed, secret = await parts.feeds.add(new.title, q=new.q, where=new.where)
    paths = {kind: f"{_FOLDER}{secret}.{kind}" for kind in ("atom", "json")}
    base = parts.settings.gateway.public_url
    return MadeFeed(
        **feed.model_dump(),
        atom_path=paths["atom"],
        json_path=paths["json"],
        atom_url=None if base is None else base + paths["atom"],
        json_url=None if base is None else base + paths["json"],
    )


@router.delete("/v1/feeds/{id}", status_code=204, summary="Take a feed back")
@needs(Scope.OPERATE)
async def remove_feed(id: str, parts: PartsOf) -> None:  # noqa: A002 - the name in the address
    """Its address answers no more; the other feeds stay."""
    if not await parts.feeds.remove(id):
        raise not_found("feed", id, "`/v1/feeds` lists those there are")


@router.get(
    _FOLDER + "{secret}.{kind}",
    summary="A feed",
    response_class=Response,
    responses={200: {"content": {"application/atom+xml": {}, "application/feed+json": {}}}},
)
@open_to_all
async def send_feed(
    request: Request,
    secret: str,
    kind: Literal["atom", "json"],
    parts: PartsOf,
    cursor: Annotated[str | None, Query(max_length=300, description="From the link to older entries.")] = None,
) -> Response:
    """The latest articles; each keeps its id through all its revisions."""
    feed = await parts.feeds.find(secret)
    if feed is None:
        raise not_found("feed", "", "it may have been taken back")
    hashed = question_hash(feed.q, feed.where)
    before = read_cursor(cursor, hashed) if cursor else None
    where = SearchFilter(also=compile_filter(feed.where) if feed.where.strip() else None)

    def look(reader: ArticleReader) -> tuple[list[ArticleSummary], list[FinishedArticle]]:
        found = reader.page(feed.q, where=where, before=before, limit=_ON_A_PAGE + 1)
        records = (reader.find(each.id) for each in found[:_ON_A_PAGE])
        return found, [record for record in records if record is not None]

    found, articles = await parts.stores.ask_if_any(look) or ([], [])
    updated = max((article.storage.stored_at for article in articles), default=feed.created_at)
    headers = {
        "ETag": _etag(kind, articles),
        "Cache-Control": "private, max-age=60",
    }
    # More may come in the present second, which has no finer name.
    if updated < datetime.now(UTC) - _A_SECOND:
        headers["Last-Modified"] = format_datetime(updated.astimezone(UTC), usegmt=True)
    if has_it(request, headers["ETag"], updated):
        return Response(status_code=304, headers=headers)
    own = _address(parts, f"{_FOLDER}{secret}.{kind}")
    older = None
    if own is not None and len(found) > _ON_A_PAGE:
        older = f"{own}?cursor={write_cursor(found[_ON_A_PAGE - 1].place, hashed)}"
    if kind == "json":
        document = to_json_feed(articles, title=feed.title, feed_url=own, next_url=older)
        body, media_type = json.dumps(document, ensure_ascii=False), "application/feed+json"
    else:
        links = {name: url for name, url in (("self", own), ("next", older)) if url is not None}
        body = to_atom_feed(articles, feed_id=_tag(parts, feed), title=feed.title, updated=updated, links=links)
        media_type = "application/atom+xml; charset=utf-8"
    return Response(body, media_type=media_type, headers=headers)


def _etag(kind: str, articles: list[FinishedArticle]) -> str:
    stated = " ".join(f"{each.id}.{each.storage.revision}" for each in articles)
    return f'"{kind}-{hashlib.sha256(stated.encode()).hexdigest()[:16]}"'


def _address(parts: Parts, path: str) -> str | None:
    base = parts.settings.gateway.public_url
    return None if base is None else base + path


def _tag(parts: Parts, feed: SavedFeed) -> str:
    """The feed's id by RFC 4151: it stays when the address is taken back and made anew elsewhere."""
    host = urlsplit(parts.settings.gateway.public_url or "").hostname or "coranto.invalid"
    return f"tag:{host},{feed.created_at:%Y-%m-%d}:feed:{feed.id}"
