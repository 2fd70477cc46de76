"""Who reads what is finished: groups on Redis, webhooks, readers of the stream over HTTP, and feeds."""

from __future__ import annotations

import time
from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import Response

from coranto_gateway.api import feeds as feeds_api
from coranto_gateway.api import groups as groups_api
from coranto_gateway.api.groups import LATE, get_groups
from coranto_gateway.api.webhooks import FAULTY, list_webhooks
from coranto_gateway.definitions import NotAddedError, WrongFieldsError
from coranto_gateway.http.access import needs
from coranto_gateway.monitoring.lag_history import of_group
from coranto_gateway.page.faults import faults_in
from coranto_gateway.page.forms import check_sure, form_of
from coranto_gateway.page.rendering import render, see
from coranto_gateway.parts import Parts, PartsOf
from coranto_gateway.tokens.token import Scope

router = APIRouter(include_in_schema=False)


@router.get("/subscribers")
@needs(Scope.READ)
async def show(request: Request, parts: PartsOf) -> Response:
    """The groups, those that are late first, the webhooks and the feeds."""
    return await show_subscribers(request, parts)


async def show_subscribers(
    request: Request,
    parts: Parts,
    *,
    form: Mapping[str, str] | None = None,
    wrong: WrongFieldsError | NotAddedError | None = None,
) -> Response:
    """The page, with what is wrong with the form for another webhook."""
    groups, webhooks = await get_groups(parts), await list_webhooks(parts)
    feeds, unusable_feeds = await parts.feeds.all()
    lags = await parts.lags.of([of_group(group.name) for group in groups], now=time.time())
    return render(
        request,
        "subscribers.html",
        lags={group.name: lags[of_group(group.name)] for group in groups},
        status=422 if wrong else 200,
        form=form or {},
        faults=faults_in(wrong),
        groups=groups,
        late=[group for group in groups if group.state in LATE],
        webhooks=webhooks.items,
        unusable=webhooks.unusable,
        faulty_webhooks=len(webhooks.unusable) + sum(webhook.standing in FAULTY for webhook in webhooks.items),
        stream_readers=parts.metrics.count_stream_readers(),
        feeds=feeds,
        unusable_feeds=unusable_feeds,
        base=parts.settings.gateway.public_url or str(request.base_url).rstrip("/"),
    )


@router.post("/subscribers/groups/remove")
@needs(Scope.OPERATE)
async def remove_group(request: Request, parts: PartsOf) -> Response:
    """Forget the group's place, if its name was typed."""
    form = await form_of(request)
    name = form.get("group", "")
    check_sure(form, name, f"the group {name!r} and its place")
    await groups_api.delete_group(name, parts)
    return see("/subscribers")


@router.post("/subscribers/feeds/remove")
@needs(Scope.OPERATE)
async def remove_feed(request: Request, parts: PartsOf) -> Response:
    """Take the feed back."""
    await feeds_api.remove_feed((await form_of(request)).get("feed", ""), parts)
    return see("/subscribers")
