"""Webhooks: made, watched, tested, paused, and what could not be delivered delivered again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field

from coranto_gateway.addresses.secret_addresses import shown_address
from coranto_gateway.articles.announcements import Position
from coranto_gateway.definitions import Unusable
from coranto_gateway.http.access import needs
from coranto_gateway.http.problems import Problem
from coranto_gateway.parts import Parts, PartsOf
from coranto_gateway.tokens.token import Scope
from coranto_gateway.webhooks.deliverer import send_test
from coranto_gateway.webhooks.deliveries import Attempt, DeadDelivery
from coranto_gateway.webhooks.progress import Count, Progress, Standing
from coranto_gateway.webhooks.registry import start_of
from coranto_gateway.webhooks.set_aside import SetAside
from coranto_gateway.webhooks.webhook import Format, NewWebhook, Webhook, WebhookChange, make_webhook, new_secret

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

FAULTY: Final[frozenset[Count]] = frozenset({"trying_again", "failing", "disabled", "unusable"})
"""Standings that somebody should look into."""


class WantedWebhook(NewWebhook):
    """A webhook to be made."""

    start: Literal["now", "beginning"] = Field(
        "now", description="`beginning` delivers all that is stored first, in the order it was announced."
    )


class WebhookView(BaseModel):
    """A webhook and how it does."""

    name: str
    url: str = Field(
        description="Who answers there, and a mark in place of the rest of the address, which may hold a secret."
    )
    where: str
    format: Format
    at_once: int
    per_minute: int | None
    created_at: datetime
    standing: Standing = Field(
        description="`trying_again` while nothing can be delivered, `failing` when that has lasted for long, `disabled` when its "
        "receiver answered 410."
    )
    why: str | None = Field(description="What went wrong last, where it stands so for that.")
    trouble_since: datetime | None = Field(description="Since when nothing could be delivered.")
    not_before: datetime | None = Field(description="When the receiver wants to be asked again, as it said last.")
    position: str | None = Field(
        description="The place up to which it has got, as in the stream; null until it is known."
    )
    behind: int | None = Field(description="Announcements that it has still to look at; null until its place is known.")
    late: int = Field(description="Deliveries that it has passed and that are tried again.")
    dead: int = Field(description="Deliveries that were given up.")
    set_aside: int = Field(description="Rows of it in Redis that could not be read, and were set aside.")
    delivered: int
    delivered_at: datetime | None
    secrets: int = Field(description="Secrets in use; more than one while an old one is phased out.")
    warnings: list[str] = Field(description="Why nothing can be delivered as this gateway is set up.")


class MadeWebhook(WebhookView):
    """A webhook with its secret."""

    secret: str = Field(description="What it signs with, by Standard Webhooks; shown this once.")


class WebhookList(BaseModel):
    """All webhooks by name."""

    items: list[WebhookView]
    unusable: list[Unusable] = Field(
        description="Those that cannot be used as they are kept: nothing is delivered for them."
    )


class AttemptList(BaseModel):
    """Attempts, the last first."""

    items: list[Attempt]


class DeadDeliveryList(BaseModel):
    """Dead deliveries by number."""

    items: list[DeadDelivery]


class SetAsideList(BaseModel):
    """Rows that were set aside, the last first."""

    items: list[SetAside]


class Rotation(BaseModel):
    """How a secret is changed."""

    overlap_seconds: int | None = Field(
        None,
        ge=0,
        le=30 * 86_400,
        description="Time for which the old secret is used beside the new one; null for CORANTO_GATEWAY__WEBHOOKS__SECRET_OVERLAP.",
    )


class Reset(BaseModel):
    """Where a webhook goes on when it is reset."""

    start: Literal["now", "beginning"] | AwareDatetime | None = Field(
        None,
        description="With what is announced from now on, with all that is stored, or with what was stored at this time or later. "
        "Null leaves the place as it is.",
    )


class Redelivery(BaseModel):
    """What is to be delivered again: one of these."""

    dead: bool = Field(False, description="All dead deliveries.")
    numbers: list[int] = Field([], max_length=1000, description="Dead deliveries of these numbers.")
    after: str | None = Field(
        None, max_length=100, description="All behind this place, as in the stream; `beginning` for all there is."
    )
    since: AwareDatetime | None = Field(None, description="All that was stored at this time or later.")


class Moved(BaseModel):
    """How many dead deliveries it was."""

    moved: int | None = Field(description="Null where the webhook was set back to a place.")


@router.get("", summary="All webhooks")
@needs(Scope.OPERATE)
async def list_webhooks(parts: PartsOf) -> WebhookList:
    """By name, each with how it does."""
    now = await parts.announcements.now()
    usable, unusable = await parts.webhooks.all()
    return WebhookList(items=[await _view(parts, *each, now) for each in usable], unusable=unusable)


@router.post("", status_code=201, summary="Make a webhook")
@needs(Scope.OPERATE)
async def make(wanted: WantedWebhook, parts: PartsOf) -> MadeWebhook:
    """Nothing that is announced after the answer is missed. 409 where there is one of this name."""
    now = await parts.announcements.now()
    secret = new_secret()
    webhook = make_webhook(NewWebhook(**wanted.model_dump(exclude={"start"})), now=parts.sender.now(), secret=secret)
    await parts.webhooks.add(webhook, Position(now.store, 0) if wanted.start == "beginning" else now)
    return await _with_secret(parts, webhook, secret)


@router.get("/{name}", summary="A webhook")
@needs(Scope.OPERATE)
async def show(name: str, parts: PartsOf) -> WebhookView:
    """And how it does."""
    return await webhook_view(parts, name)


async def webhook_view(parts: Parts, name: str) -> WebhookView:
    """A webhook and how it does. Raises UnknownNameError and UnusableError."""
    return await _view_of(parts, await parts.webhooks.get(name))


@router.patch("/{name}", summary="Change a webhook")
@needs(Scope.OPERATE)
async def edit(name: str, change: WebhookChange, parts: PartsOf) -> WebhookView:
    """Fields that are not given stay as they are, its secrets and its place too.

    Deliveries that begin after the change use it. With a new address, a webhook that was disabled or waiting goes on at once. An
    edit also repairs a webhook whose stored definition cannot be used.
    """
    webhook = await parts.webhooks.edit(name, change.model_dump(mode="json", exclude_unset=True))
    return await _view_of(parts, webhook)


@router.delete("/{name}", status_code=204, summary="Remove a webhook")
@needs(Scope.OPERATE)
async def remove(name: str, parts: PartsOf) -> None:
    """With its log and its dead deliveries."""
    await parts.webhooks.remove(name)


@router.get("/{name}/log", summary="What the receiver answered")
@needs(Scope.OPERATE)
async def show_log(
    name: str, parts: PartsOf, limit: Annotated[int, Query(ge=1, le=1000, description="Lines at most.")] = 100
) -> AttemptList:
    """The latest attempts; a thousand or so are kept."""
    return AttemptList(items=await webhook_log(parts, name, limit=limit))


async def webhook_log(parts: Parts, name: str, *, limit: int = 100) -> list[Attempt]:
    """The latest attempts, the last first. Raises UnknownNameError and UnusableError."""
    await parts.webhooks.get(name)
    return await parts.webhooks.log(name, limit=limit)


@router.get("/{name}/dead", summary="Dead deliveries")
@needs(Scope.OPERATE)
async def show_dead(name: str, parts: PartsOf) -> DeadDeliveryList:
    """What the receiver refused, by number."""
    await parts.webhooks.get(name)
    return DeadDeliveryList(items=await parts.webhooks.dead(name))


@router.get("/{name}/set-aside", summary="What could not be read")
@needs(Scope.OPERATE)
async def show_set_aside(name: str, parts: PartsOf) -> SetAsideList:
    """Rows of the webhook in Redis that were set aside, so that it went on; a reset discards them."""
    await parts.webhooks.get(name)
    return SetAsideList(items=await parts.webhooks.set_aside(name))


@router.post("/{name}/test", summary="Send a test")
@needs(Scope.OPERATE)
async def test(name: str, parts: PartsOf) -> Attempt:
    """A message of type `test`, also while it is paused; the answer says what the receiver answered."""
    return await send_test(parts.webhooks, parts.sender, name)


@router.post("/{name}/pause", summary="Pause a webhook")
@needs(Scope.OPERATE)
async def pause(name: str, parts: PartsOf) -> WebhookView:
    """It keeps its place, and goes on from it when it is resumed."""
    await parts.webhooks.get(name)
    await parts.webhooks.pause(name)
    return await webhook_view(parts, name)


@router.post("/{name}/resume", summary="Resume a webhook, or try again now")
@needs(Scope.OPERATE)
async def resume(name: str, parts: PartsOf) -> WebhookView:
    """It goes on from its place, also when it was disabled; one that waits for its next attempt tries at once."""
    await parts.webhooks.get(name)
    await parts.webhooks.resume(name)
    return await webhook_view(parts, name)


@router.post("/{name}/reset", summary="Discard what could not be read")
@needs(Scope.OPERATE)
async def reset(name: str, wanted: Reset, parts: PartsOf) -> WebhookView:
    """The rows that were set aside are discarded; with `start`, it goes on from there."""
    await parts.webhooks.reset(name, start_of(wanted.start, parts.sender.now()))
    return await webhook_view(parts, name)


@router.post("/{name}/rotate", summary="Change the secret")
@needs(Scope.OPERATE)
async def rotate(name: str, parts: PartsOf, rotation: Rotation | None = None) -> MadeWebhook:
    """For a while what is sent has a signature by each of the two."""
    secret, seconds = new_secret(), rotation.overlap_seconds if rotation is not None else None
    overlap = parts.settings.gateway.webhooks.secret_overlap if seconds is None else timedelta(seconds=seconds)
    webhook = await parts.webhooks.rotate(name, secret, parts.sender.now(), overlap=overlap)
    return await _with_secret(parts, webhook, secret)


@router.post("/{name}/redeliver", summary="Deliver again")
@needs(Scope.OPERATE)
async def redeliver(name: str, what: Redelivery, parts: PartsOf) -> Moved:
    """Dead deliveries, or everything behind a place or since a time; under the same `webhook-id`."""
    await parts.webhooks.get(name)
    if sum((what.dead, bool(what.numbers), what.after is not None, what.since is not None)) != 1:
        raise Problem(422, "bad-request", "give exactly one of `dead`, `numbers`, `after` and `since`")
    if what.since is not None:
        await parts.webhooks.rewind(name, what.since)
    elif what.after is not None:
        await parts.webhooks.rewind(name, await _number(parts, what.after))
    else:
        return Moved(moved=await parts.webhooks.redeliver(name, what.numbers))
    return Moved(moved=None)


@router.post("/{name}/discard", summary="Discard dead deliveries")
@needs(Scope.OPERATE)
async def discard(
    name: str,
    parts: PartsOf,
    numbers: Annotated[list[int], Query(max_length=1000, description="Their numbers; without any, all.")] = [],  # noqa: B006 - FastAPI copies it
) -> Moved:
    """They are not delivered any more."""
    await parts.webhooks.get(name)
    return Moved(moved=await parts.webhooks.discard(name, numbers))


async def _number(parts: Parts, after: str) -> int:
    if after == "beginning":
        return 0
    position, now = Position.parse(after), await parts.announcements.now()
    if position is None or position.store != now.store or position.number > now.number:
        raise Problem(
            422,
            "bad-request",
            f"{after!r} is no place of this article store, which has got to {now}; give one of it, or `beginning`",
        )
    return position.number


async def _view_of(parts: Parts, webhook: Webhook) -> WebhookView:
    progress = await parts.webhooks.progress(webhook.name)
    return await _view(parts, webhook, progress, await parts.announcements.now())


async def _view(parts: Parts, webhook: Webhook, progress: Progress, now: Position) -> WebhookView:
    late, dead = await parts.webhooks.counts(webhook.name)
    refused = parts.reach.refusal(webhook.url)
    return WebhookView(
        **webhook.model_dump(exclude={"secrets", "url"}),
        url=shown_address(webhook.url),
        warnings=[refused] if refused else [],
        standing=progress.standing,
        why=progress.disabled or progress.trouble,
        trouble_since=progress.trouble_since,
        not_before=progress.not_before,
        position=None if progress.position is None else str(progress.position),
        behind=None if progress.position is None else max(0, now.number - progress.position.number),
        set_aside=progress.set_aside,
        late=late,
        dead=dead,
        delivered=progress.delivered,
        delivered_at=progress.delivered_at,
        secrets=len(webhook.secrets_at(parts.sender.now())),
    )


async def _with_secret(parts: Parts, webhook: Webhook, secret: str) -> MadeWebhook:
    view = await _view_of(parts, webhook)
    return MadeWebhook(**view.model_dump(), secret=secret)
