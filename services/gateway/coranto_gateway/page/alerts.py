"""Alerts: saved searches, whom they tell, what they would have told of, and what was sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import ValidationError

from coranto_gateway.access import needs
from coranto_gateway.alerts.alert import NewAlert
from coranto_gateway.api import alerts as api
from coranto_gateway.api.alerts import MadeAlert, Trial, list_alerts
from coranto_gateway.page.rendering import render, see
from coranto_gateway.page.sign_in import form_of
from coranto_gateway.parts import Parts, PartsOf
from coranto_gateway.problems import Problem
from coranto_gateway.tokens import Scope

router = APIRouter(include_in_schema=False)


@router.get("/alerts")
@needs(Scope.OPERATE)
async def show_all(request: Request, parts: PartsOf) -> Response:
    """The alerts, and the form for another."""
    return await _show_all(request, parts)


@router.post("/alerts")
@needs(Scope.OPERATE)
async def add(request: Request, parts: PartsOf) -> Response:
    """Make an alert, and show the secret of its webhooks this once."""
    form = await form_of(request)
    return await _show_all(request, parts, made=await api.make(_wanted(form), parts))


@router.post("/alerts/try")
@needs(Scope.OPERATE)
async def try_out(request: Request, parts: PartsOf) -> Response:
    """Show what the alert would have told of last week; nothing is made and nothing is sent."""
    form = await form_of(request)
    return await _show_all(request, parts, form=form, trial=await api.try_alert(_wanted(form), parts, days=7))


@router.get("/alerts/{name}")
@needs(Scope.OPERATE)
async def show(request: Request, name: str, parts: PartsOf) -> Response:
    """One alert: how it does, and what was sent."""
    alert = await api.show(name, parts)
    return render(
        request,
        "alert.html",
        alert=alert,
        address=f"/alerts/{quote(name, safe='')}",
        log=(await api.show_log(name, parts, limit=50)).items,
    )


@router.post("/alerts/{name}/remove")
@needs(Scope.OPERATE)
async def remove(request: Request, name: str, parts: PartsOf) -> Response:
    """Remove it with what it had still to send, if its name was typed."""
    sure = (await form_of(request)).get("sure", "").strip()
    if sure != name:
        raise Problem(422, "not-sure", f"to remove the alert {name!r}, type its name; got {sure[:100]!r}")
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
    return see(f"/alerts/{quote(name, safe='')}")


async def _show_all(
    request: Request,
    parts: Parts,
    *,
    form: Mapping[str, str] | None = None,
    made: MadeAlert | None = None,
    trial: Trial | None = None,
) -> Response:
    alerts = await list_alerts(parts)
    return render(
        request,
        "alerts.html",
        alerts=alerts.items,
        unusable=alerts.unusable,
        form=form or {},
        made=made,
        trial=trial,
    )


def _wanted(form: Mapping[str, str]) -> NewAlert:
    """The alert that the form describes. Raises Problem."""
    given = {
        name: form[name].strip()
        for name in ("name", "q", "where", "when", "at", "zone", "quiet")
        if form.get(name, "").strip()
    }
    try:
        return NewAlert.model_validate(
            {**given, "to": [line.strip() for line in form.get("to", "").splitlines() if line.strip()]}
        )
    except ValidationError as error:
        first = error.errors()[0]
        told = str(first["msg"]).removeprefix("Value error, ")
        raise Problem(422, "bad-request", f"{first['loc'][0] if first['loc'] else 'alert'}: {told}") from error
