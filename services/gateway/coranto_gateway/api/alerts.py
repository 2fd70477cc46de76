"""Alerts: made, tried out on what is stored, watched, tested and paused."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from coranto.store.interface import ArticleReader
from coranto_gateway.alerts.alert import Alert, AlertChange, NewAlert, When, shown_recipient
from coranto_gateway.alerts.matching import try_out
from coranto_gateway.alerts.message import Hit, Message
from coranto_gateway.alerts.registry import AlertState, Sent, make_alert
from coranto_gateway.definitions import Unusable
from coranto_gateway.http.access import needs
from coranto_gateway.parts import Parts, PartsOf
from coranto_gateway.tokens.token import Scope

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])


class AlertView(BaseModel):
    """An alert and how it does."""

    name: str
    q: str
    where: str
    to: list[str] = Field(description="Whom it tells; of an address who answers there, or the service, and a mark.")
    when: When
    at: str
    zone: str
    quiet: str | None
    max_age_hours: int
    corrections: bool
    created_at: datetime
    standing: Literal["active", "paused"]
    found: int = Field(description="Stories that were found and not sent yet.")
    due_at: datetime | None = Field(description="When they are sent; null when there are none.")
    sent_at: datetime | None = Field(description="When it told of something last.")
    on_their_way: int = Field(description="Messages that are to be brought, each to one recipient.")
    dead: int = Field(description="Messages that were given up.")
    warnings: list[str] = Field(description="Why recipients cannot be told as this gateway is set up.")


class MadeAlert(AlertView):
    """An alert with the secret that was made for it."""

    secret: str | None = Field(
        description="What messages to webhooks are signed with, by Standard Webhooks; shown this once. Null where none was made: "
        "other recipients get no signature."
    )


class AlertList(BaseModel):
    """All alerts by name."""

    items: list[AlertView]
    unusable: list[Unusable] = Field(description="Those that cannot be used as they are kept: they tell nobody.")


class SentList(BaseModel):
    """Attempts to bring messages, the last first."""

    items: list[Sent]


class DeadMessages(BaseModel):
    """Messages that were given up, the oldest first."""

    items: list[Message]


class Trial(BaseModel):
    """What an alert would have told of."""

    articles: int = Field(description="Articles that it would have found; 500 are looked at.")
    stories: list[Hit] = Field(description="Of each story the first article, the oldest first.")


class Tested(BaseModel):
    """The messages of a test: what came of them is in the log under these ids."""

    messages: list[str]


class Moved(BaseModel):
    """How many messages it was."""

    moved: int


@router.get("", summary="All alerts")
@needs(Scope.OPERATE)
async def list_alerts(parts: PartsOf) -> AlertList:
    """By name, each with how it does."""
    state = await parts.alerts.state()
    items = [_view(parts, alert, state) for alert in sorted(state.alerts.values(), key=lambda alert: alert.name)]
    return AlertList(items=items, unusable=state.unusable)


@router.post("", status_code=201, summary="Make an alert")
@needs(Scope.OPERATE)
async def make(new: NewAlert, parts: PartsOf) -> MadeAlert:
    """It tells of what is stored from now on. 409 where there is one of this name."""
    alert = make_alert(new, now=parts.sender.now())
    await parts.alerts.add(alert)
    return await _with_secret(parts, alert, alert.secret.text if alert.secret is not None else None)


@router.post("/try", summary="What would an alert have told of?")
@needs(Scope.OPERATE)
async def try_alert(
    new: NewAlert,
    parts: PartsOf,
    days: Annotated[int, Query(ge=1, le=365, description="Of what was stored in so many days.")] = 7,
) -> Trial:
    """Nothing is made and nothing is sent."""
    since = parts.sender.now() - timedelta(days=days)

    def look(reader: ArticleReader) -> list[Hit]:
        return try_out(new, since, reader)

    hits = await parts.stores.ask_if_any(look) or []
    return Trial(articles=sum(1 + hit.copies for hit in hits), stories=hits)


@router.get("/{name}", summary="An alert")
@needs(Scope.OPERATE)
async def show(name: str, parts: PartsOf) -> AlertView:
    """And how it does."""
    return _view(parts, await parts.alerts.get(name), await parts.alerts.state())


@router.patch("/{name}", summary="Change an alert")
@needs(Scope.OPERATE)
async def edit(name: str, change: AlertChange, parts: PartsOf) -> MadeAlert:
    """Fields that are not given stay as they are, its secret and what it has told of too.

    What it has found already is told all the same, when it is due by the new times; whoever it does not tell any more gets nothing
    more. With its first webhook it gets a secret. An edit also repairs an alert whose stored definition cannot be used.
    """
    alert, secret = await parts.alerts.edit(name, change.model_dump(mode="json", exclude_unset=True))
    return await _with_secret(parts, alert, secret)


@router.delete("/{name}", status_code=204, summary="Remove an alert")
@needs(Scope.OPERATE)
async def remove(name: str, parts: PartsOf) -> None:
    """What it had still to send is not sent."""
    await parts.alerts.remove(name)


@router.get("/{name}/log", summary="What was sent")
@needs(Scope.OPERATE)
async def show_log(
    name: str, parts: PartsOf, limit: Annotated[int, Query(ge=1, le=1000, description="Lines at most.")] = 100
) -> SentList:
    """The latest attempts, each to one recipient."""
    await parts.alerts.get(name)
    return SentList(items=await parts.alerts.log(name, limit=limit))


@router.get("/{name}/dead", summary="Messages that were given up")
@needs(Scope.OPERATE)
async def show_dead(name: str, parts: PartsOf) -> DeadMessages:
    """The oldest first."""
    alert = await parts.alerts.get(name)
    return DeadMessages(items=[each.to_show() for each in (await parts.alerts.state()).dead_of(alert.id)])


@router.post("/{name}/redeliver", summary="Send again what was given up")
@needs(Scope.OPERATE)
async def redeliver(name: str, parts: PartsOf) -> Moved:
    """All dead messages of the alert, under their old ids."""
    return Moved(moved=await parts.alerts.redeliver(name, now=parts.sender.now()))


@router.post("/{name}/test", status_code=202, summary="Send a test")
@needs(Scope.OPERATE)
async def test(name: str, parts: PartsOf) -> Tested:
    """To each recipient, also while it is paused."""
    return Tested(messages=await parts.alerts.test(name, now=parts.sender.now()))


@router.post("/{name}/pause", summary="Pause an alert")
@needs(Scope.OPERATE)
async def pause(name: str, parts: PartsOf) -> AlertView:
    """What is stored meanwhile tells nobody."""
    await parts.alerts.pause(name)
    return await show(name, parts)


@router.post("/{name}/resume", summary="Resume an alert")
@needs(Scope.OPERATE)
async def resume(name: str, parts: PartsOf) -> AlertView:
    """It tells of what is stored from now on."""
    await parts.alerts.resume(name)
    return await show(name, parts)


def _view(parts: Parts, alert: Alert, state: AlertState) -> AlertView:
    messages = [each for each in state.messages.values() if each.alert == alert.id]
    return AlertView(
        **alert.model_dump(exclude={"id", "secret", "to"}),
        to=[shown_recipient(each) for each in alert.to],
        standing="paused" if alert.id in state.paused else "active",
        found=len(state.hits.get(alert.id, ())) + state.more.get(alert.id, 0),
        due_at=state.due.get(alert.id),
        sent_at=state.last_sent.get(alert.id),
        on_their_way=sum(each.dead is None for each in messages),
        dead=sum(each.dead is not None for each in messages),
        warnings=parts.reach.warnings(alert.to),
    )


async def _with_secret(parts: Parts, alert: Alert, secret: str | None) -> MadeAlert:
    view = _view(parts, alert, await parts.alerts.state())
    return MadeAlert(**view.model_dump(), secret=secret)
