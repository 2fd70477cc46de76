"""Alerts: saved searches, whom they tell, what they would have told of, and what was sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from itertools import groupby
from typing import Final, Literal
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response

from coranto_gateway.alerts.alert import AlertOptions, NewAlert
from coranto_gateway.api import alerts as api
from coranto_gateway.api import notices
from coranto_gateway.api.alerts import MadeAlert, Trial, list_alerts
from coranto_gateway.definitions import NotAddedError, UnusableError, WrongFieldsError, checked_definition
from coranto_gateway.http.access import needs
from coranto_gateway.page.faults import faults_in, render_unusable
from coranto_gateway.page.forms import check_sure, form_of, form_of_kept, said_in
from coranto_gateway.page.rendering import render, see
from coranto_gateway.parts import Parts, PartsOf
from coranto_gateway.tokens.token import Scope

router = APIRouter(include_in_schema=False)

_STORIES_SHOWN: Final = 20


@router.get("/alerts")
@needs(Scope.OPERATE)
async def show_all(request: Request, parts: PartsOf) -> Response:
    """The alerts, and the form for another."""
    return await _show_all(request, parts)


@router.post("/alerts")
@needs(Scope.OPERATE)
async def add(request: Request, parts: PartsOf) -> Response:
    """Make an alert, and show the secret of its webhooks, if it tells any, this once."""
    form = await form_of(request)
    try:
        made = await api.make(_wanted(form), parts)
    except (WrongFieldsError, NotAddedError) as error:
        return await _show_all(request, parts, form=form, wrong=error)
    return await _show_all(request, parts, made=made)


@router.post("/alerts/try")
@needs(Scope.OPERATE)
async def try_out(request: Request, parts: PartsOf) -> Response:
    """Show what the alert would have told of last week; nothing is made and nothing is sent."""
    form = await form_of(request)
    try:
        trial = await api.try_alert(_wanted(form), parts, days=7)
    except WrongFieldsError as error:
        return await _show_all(request, parts, form=form, wrong=error)
    return await _show_all(request, parts, form=form, trial=trial)


@router.post("/notices/{action}")
@needs(Scope.OPERATE)
async def act_on_notices(action: Literal["redeliver", "discard"], parts: PartsOf) -> Response:
    """Send the operator's notices that were given up again, or forget them."""
    await (notices.redeliver(parts) if action == "redeliver" else notices.discard(parts))
    return see("/alerts")


@router.get("/alerts/{name}")
@needs(Scope.OPERATE)
async def show(request: Request, name: str, parts: PartsOf) -> Response:
    """One alert: how it does, and what was sent; of one that cannot be used, what is wrong with it."""
    return await _show(request, parts, name)


@router.post("/alerts/{name}/edit")
@needs(Scope.OPERATE)
async def edit(request: Request, name: str, parts: PartsOf) -> Response:
    """Change it, and show the secret that it gets with its first webhook this once."""
    form = await form_of(request)
    try:
        _, secret = await parts.alerts.edit(name, _fields(form))
    except WrongFieldsError as error:
        return await _show(request, parts, name, form=form, wrong=error)
    return see(_address(name)) if secret is None else await _show(request, parts, name, secret=secret)


@router.post("/alerts/{name}/remove")
@needs(Scope.OPERATE)
async def remove(request: Request, name: str, parts: PartsOf) -> Response:
    """Remove it with what it had still to send, if its name was typed."""
    check_sure(await form_of(request), name, f"the alert {name!r}")
    await api.remove(name, parts)
    return see("/alerts")


@router.post("/alerts/{name}/{action}")
@needs(Scope.OPERATE)
async def act(name: str, action: Literal["pause", "resume", "test", "redeliver"], parts: PartsOf) -> Response:
    """Pause or resume it, send a test, or send again what was given up."""
    match action:
        case "pause":
            await api.pause(name, parts)
        case "resume":
            await api.resume(name, parts)
        case "test":
            await api.test(name, parts)
        case "redeliver":
            await api.redeliver(name, parts)
    return see(_address(name))


def _address(name: str) -> str:
    return f"/alerts/{quote(name, safe='')}"


async def _show(
    request: Request,
    parts: Parts,
    name: str,
    *,
    form: Mapping[str, str] | None = None,
    wrong: WrongFieldsError | None = None,
    secret: str | None = None,
) -> Response:
    try:
        alert = await api.show(name, parts)
    except UnusableError as error:
        return render_unusable(request, error, _address(name), form or _form_of(error.unusable.kept), wrong)
    return render(
        request,
        "alert.html",
        status=422 if wrong else 200,
        alert=alert,
        secret=secret,
        address=_address(name),
        log=(await api.show_log(name, parts, limit=50)).items,
        form=form or _form_of(alert.model_dump()),
        faults=faults_in(wrong),
    )


async def _show_all(
    request: Request,
    parts: Parts,
    *,
    form: Mapping[str, str] | None = None,
    made: MadeAlert | None = None,
    trial: Trial | None = None,
    wrong: WrongFieldsError | NotAddedError | None = None,
) -> Response:
    alerts = await list_alerts(parts)
    latest = trial.stories[-_STORIES_SHOWN:][::-1] if trial is not None else []
    return render(
        request,
        "alerts.html",
        status=422 if wrong else 200,
        alerts=alerts.items,
        unusable=alerts.unusable,
        notices=await parts.alerts.dead_notices(),
        form=form or {},
        faults=faults_in(wrong),
        made=made,
        trial=trial,
        trial_days=[(day, list(hits)) for day, hits in groupby(latest, key=lambda hit: hit.at.astimezone(UTC).date())],
    )


def _fields(form: Mapping[str, str]) -> dict[str, object]:
    to = [line.strip() for line in form.get("to", "").splitlines() if line.strip()]
    return said_in(form, AlertOptions) | {"to": to}


def _wanted(form: Mapping[str, str]) -> NewAlert:
    """The alert that the form describes. Raises WrongFieldsError."""
    return checked_definition(NewAlert, {"name": form.get("name", "").strip()} | _fields(form))


def _form_of(kept: Mapping[str, object]) -> dict[str, str]:
    to = kept.get("to")
    return form_of_kept(kept, AlertOptions) | {"to": "\n".join(map(str, to)) if isinstance(to, list) else ""}
