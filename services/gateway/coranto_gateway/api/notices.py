"""Notices for the operator that could not be brought: what a webhook's failing has told nobody of."""

from __future__ import annotations

from fastapi import APIRouter

from coranto_gateway.api.alerts import DeadMessages, Moved
from coranto_gateway.http.access import needs
from coranto_gateway.parts import PartsOf
from coranto_gateway.tokens.token import Scope

router = APIRouter(prefix="/v1/notices", tags=["alerts"])


@router.get("/dead", summary="Notices for the operator that were given up")
@needs(Scope.OPERATE)
async def show_dead(parts: PartsOf) -> DeadMessages:
    """The oldest first. Whom they are for is in CORANTO_GATEWAY__ALERTS__OPERATOR."""
    return DeadMessages(items=await parts.alerts.dead_notices())


@router.post("/redeliver", summary="Send again the notices that were given up")
@needs(Scope.OPERATE)
async def redeliver(parts: PartsOf) -> Moved:
    """All of them, under their old ids."""
    return Moved(moved=await parts.alerts.redeliver_notices(now=parts.sender.now()))


@router.post("/discard", summary="Discard the notices that were given up")
@needs(Scope.OPERATE)
async def discard(parts: PartsOf) -> Moved:
    """They are not sent any more."""
    return Moved(moved=await parts.alerts.discard_notices())
