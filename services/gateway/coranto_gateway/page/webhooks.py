"""Webhooks: made, watched delivery by delivery, tested, paused, and what was given up delivered again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from coranto.store.interface import ArticleReader
from coranto_gateway.api import webhooks as api
from coranto_gateway.api.webhooks import Redelivery, WantedWebhook, webhook_log, webhook_view
from coranto_gateway.definitions import NotAddedError, UnusableError, WrongFieldsError, checked_definition
from coranto_gateway.http.access import needs
from coranto_gateway.page.faults import faults_in, render_unusable
from coranto_gateway.page.forms import check_sure, form_of, form_of_kept, said_in
from coranto_gateway.page.rendering import render, see
from coranto_gateway.page.subscribers import show_subscribers
from coranto_gateway.parts import Parts, PartsOf
from coranto_gateway.tokens.token import Scope
from coranto_gateway.webhooks.deliveries import Attempt
from coranto_gateway.webhooks.webhook import WebhookOptions

router = APIRouter(include_in_schema=False)

_LINES: Final = 50
_DEAD_SHOWN: Final = 50
_ROWS_SHOWN: Final = 50


@router.post("/subscribers/webhooks")
@needs(Scope.OPERATE)
async def add(request: Request, parts: PartsOf) -> Response:
    """Make a webhook, and show its secret this once."""
    form = await form_of(request)
    said = {"name": form.get("name", "").strip(), "start": "beginning" if form.get("all") == "on" else "now"}
    try:
        made = await api.make(checked_definition(WantedWebhook, said | _fields(form)), parts)
    except (WrongFieldsError, NotAddedError) as error:
        return await show_subscribers(request, parts, form=form, wrong=error)
    return await _show(request, parts, made.name, secret=made.secret)


@router.get("/subscribers/webhooks/{name}")
@needs(Scope.OPERATE)
async def show(
    request: Request, name: str, parts: PartsOf, done: Annotated[int | None, Query(ge=0)] = None
) -> Response:
    """One webhook: how it does, what its receiver answered, and what was given up."""
    return await _show(request, parts, name, done=done)


@router.post("/subscribers/webhooks/{name}/edit")
@needs(Scope.OPERATE)
async def edit(request: Request, name: str, parts: PartsOf) -> Response:
    """Change it."""
    form = await form_of(request)
    try:
        await parts.webhooks.edit(name, _fields(form))
    except WrongFieldsError as error:
        return await _show(request, parts, name, form=form, wrong=error)
    return see(_address(name))


@router.post("/subscribers/webhooks/{name}/test")
@needs(Scope.OPERATE)
async def test(request: Request, name: str, parts: PartsOf) -> Response:
    """Send a test, and show what the receiver answered."""
    return await _show(request, parts, name, tested=await api.test(name, parts))


@router.post("/subscribers/webhooks/{name}/rotate")
@needs(Scope.OPERATE)
async def rotate(request: Request, name: str, parts: PartsOf) -> Response:
    """Change the secret, and show the new one this once."""
    made = await api.rotate(name, parts)
    return await _show(request, parts, name, secret=made.secret)


@router.post("/subscribers/webhooks/{name}/remove")
@needs(Scope.OPERATE)
async def remove(request: Request, name: str, parts: PartsOf) -> Response:
    """Remove it with its log and its dead deliveries, if its name was typed."""
    check_sure(await form_of(request), name, f"the webhook {name!r}")
    await api.remove(name, parts)
    return see("/subscribers")


@router.post("/subscribers/webhooks/{name}/{action}")
@needs(Scope.OPERATE)
async def act(
    request: Request, name: str, action: Literal["pause", "resume", "redeliver", "discard", "reset"], parts: PartsOf
) -> Response:
    """Pause or resume it; deliver again what was given up, or let it be; discard what could not be read."""
    form = await form_of(request)
    numbers = [int(each) for each in form.get("number", "").split() if each.isdecimal()]
    done: int | None = None
    match action:
        case "pause":
            await api.pause(name, parts)
        case "resume":
            await api.resume(name, parts)
        case "reset":
            await api.reset(name, api.Reset(start=None), parts)
        case "redeliver":
            done = (await api.redeliver(name, Redelivery(dead=not numbers, numbers=numbers), parts)).moved
        case "discard":
            done = (await api.discard(name, parts, numbers)).moved
    return see(f"{_address(name)}{'' if done is None else f'?done={done}'}")


def _address(name: str) -> str:
    return f"/subscribers/webhooks/{quote(name, safe='')}"


def _fields(form: Mapping[str, str]) -> dict[str, object]:
    return said_in(form, WebhookOptions) | {"url": form.get("url", "").strip()}


def _form_of(kept: Mapping[str, object]) -> dict[str, str]:
    return form_of_kept(kept, WebhookOptions) | {"url": str(kept.get("url") or "")}


async def _show(
    request: Request,
    parts: Parts,
    name: str,
    *,
    secret: str | None = None,
    tested: Attempt | None = None,
    done: int | None = None,
    form: Mapping[str, str] | None = None,
    wrong: WrongFieldsError | None = None,
) -> Response:
    try:
        webhook = await webhook_view(parts, name)
    except UnusableError as error:
        return render_unusable(request, error, _address(name), form or _form_of(error.unusable.kept), wrong)
    log = await webhook_log(parts, name, limit=_LINES)
    dead = await parts.webhooks.dead(name)
    shown = dead[:_DEAD_SHOWN]
    named = [*(each.article for each in log if each.article), *(each.article for each in shown)]
    return render(
        request,
        "webhook.html",
        status=422 if wrong else 200,
        webhook=webhook,
        address=_address(name),
        form=form or _form_of(webhook.model_dump()),
        faults=faults_in(wrong),
        log=log,
        dead=shown,
        aside=(await parts.webhooks.set_aside(name))[:_ROWS_SHOWN],
        titles=await _titles(parts, named),
        secret=secret,
        tested=tested,
        done=done,
    )


async def _titles(parts: Parts, articles: Sequence[str]) -> dict[str, str]:
    """The headlines of these articles, of those that have one."""
    wanted = dict.fromkeys(articles)

    def look(reader: ArticleReader) -> Iterable[tuple[str, str]]:
        found = ((each, reader.find(each)) for each in wanted)
        return [(each, article.content.title) for each, article in found if article and article.content.title]

    return dict(await parts.stores.ask_if_any(look) or [])
