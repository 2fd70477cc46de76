"""The stream of finished articles, as Server-Sent Events that resume where a reader was cut off."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator
from functools import partial
from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, Header, Query

from coranto.filter import Filter, FilterError, compile_filter
from coranto.records import FinishedArticle
from coranto.records.envelope import FIELD, MalformedEventError, decode
from coranto.topology import FINISHED
from coranto_gateway.articles.announcements import NO_STORE, Announcements, Position
from coranto_gateway.http.access import needs
from coranto_gateway.http.event_stream import EventStream, write_event, write_sign_of_life
from coranto_gateway.http.problems import Problem
from coranto_gateway.monitoring.metrics import STREAM_PATH
from coranto_gateway.parts import Parts, PartsOf, PrincipalOf
from coranto_gateway.tokens.token import Scope

router = APIRouter(tags=["following"])

_RETRY_MS: Final = 2000
# What one reader that lags may hold: hundreds of them must not hold hundreds of megabytes.
_PIECE_BYTES: Final = 32_768
_ENTRY_ID: Final = re.compile(r"\d{1,18}-\d{1,18}")

_DESCRIPTION = """
Each event is a finished article as it is announced: its data is one line of JSON, a CloudEvents event whose `data` is the
record, its id is the reader's place. A reader that comes back with it, as `Last-Event-ID` or `after`, goes on behind it:
nothing is missed and nothing comes twice, however long it was away. `after` may also be `beginning`, or the id of an entry
in Redis.

There is an id at the beginning and in each sign of life, so that a reader that has had no event yet has a place too. A place
that is unknown here is answered with an event `reset`, which says why and names the places `earliest` and `now`; the stream
then goes on from now.
"""


@router.get(
    STREAM_PATH,
    status_code=200,
    summary="Follow articles as they are announced",
    description=_DESCRIPTION.strip(),
    response_class=EventStream,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
@needs(Scope.READ)
async def follow(
    parts: PartsOf,
    principal: PrincipalOf,
    where: Annotated[str, Query(max_length=4000, description="A filter; without it, all articles.")] = "",
    after: Annotated[str | None, Query(max_length=200, description="A place; the header wins.")] = None,
    last_event_id: Annotated[str | None, Header(max_length=200, description="The place of the last event.")] = None,
) -> Any:
    """As `description` says."""
    try:
        wanted = compile_filter(where) if where.strip() else None
    except FilterError as error:
        raise Problem(400, "bad-filter", str(error), position=error.position) from error
    start, reset = await _start(parts, last_event_id or after)
    settings = parts.settings.gateway
    return EventStream(
        _chunks(parts.announcements, start, reset, wanted, pause=settings.heartbeat.total_seconds()),
        send_timeout=settings.send_timeout.total_seconds(),
        stop=parts.stop,
        may_read=partial(parts.tokens.may_still, principal, Scope.READ),
        metrics=parts.metrics,
    )


async def _chunks(
    announcements: Announcements, start: Position, reset: bytes, wanted: Filter | None, *, pause: float
) -> AsyncGenerator[bytes, None]:
    place = start
    yield f"retry: {_RETRY_MS}\n".encode() + write_sign_of_life(str(place), "connected") + reset
    async for found in announcements.follow(start.number, pause=pause):
        piece, is_said = bytearray(), False
        for each in found:
            store = each.article.storage.store or place.store
            place = Position(store if place.store == NO_STORE else place.store, each.number)
            if wanted is None or wanted(each.article):
                piece += write_event(each.event.decode(), position=str(place))
            if len(piece) > _PIECE_BYTES:
                yield bytes(piece)
                piece.clear()
                is_said = True
        if piece or not is_said:
            # Where the filter lets nothing through, the reader's place moves on all the same.
            yield bytes(piece) or write_sign_of_life(str(place), "nothing new")


async def _start(parts: Parts, asked: str | None) -> tuple[Position, bytes]:
    """Where to begin, and the `reset` event where that is not where the reader asked to."""
    now = await parts.announcements.now()
    if asked is None:
        return now, b""
    if asked == "beginning":
        return Position(now.store, 0), b""
    position, why = await _find(parts, asked, now)
    if position is not None:
        return position, b""
    told = {"reason": why, "asked": asked, "earliest": str(Position(now.store, 0)), "now": str(now)}
    return now, write_event(json.dumps(told, ensure_ascii=False), position=str(now), name="reset")


async def _find(parts: Parts, asked: str, now: Position) -> tuple[Position | None, str]:
    """The position that is meant, or why it is unknown."""
    if _ENTRY_ID.fullmatch(asked):
        article = await _article_of_entry(parts, asked)
        number = None if article is None else await parts.announcements.number_of(article)
        if number is None:
            return None, "no such entry is kept in Redis, or the article store does not know its event"
        return Position(now.store, number), ""
    position = Position.parse(asked)
    if position is None:
        return None, "this is not a place: expected the id of an event, `beginning`, or the id of an entry in Redis"
    if position == Position(NO_STORE, 0):
        return Position(now.store, 0), ""
    if position.store != now.store:
        return None, "the place belongs to another article store"
    if position.number > now.number:
        return None, "the article store has not announced so much: it may have been restored from a backup"
    return position, ""


async def _article_of_entry(parts: Parts, entry: str) -> FinishedArticle | None:
    pipeline = await parts.pipelines.get()
    for keys in pipeline.topology.all_keys():
        rows = cast("Any", await pipeline.redis.xrange(keys.stream(FINISHED), entry, entry))
        for _, fields in rows:
            try:
                return decode(fields.get(FIELD, b""), FinishedArticle).record
            except MalformedEventError:
                return None
    return None
