"""How the pipeline stands: what waits where, what came of what, and whether anything is stored."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

import coranto
from coranto.admin.pipeline import StageState
from coranto_gateway.http.access import needs
from coranto_gateway.parts import PartsOf
from coranto_gateway.tokens.token import Scope
from coranto_gateway.webhooks.progress import Count

router = APIRouter(prefix="/v1", tags=["operating"])


class StageStatus(BaseModel):
    """One stage, all partitions together."""

    stage: str
    waiting: int = Field(description="Messages that nobody has taken.")
    in_flight: int = Field(description="Messages that a worker has taken and not settled.")
    delayed: int = Field(description="Messages that wait for another attempt.")
    dead: int = Field(description="Dead letters.")
    oldest_age_seconds: float = Field(description="Since when the oldest unsettled message has been in the stage.")
    outcomes: dict[str, dict[str, int]] = Field(description="Messages ended so far, by outcome and reason.")

    @classmethod
    def of(cls, state: StageState) -> StageStatus:
        """The stage's state."""
        outcomes: dict[str, dict[str, int]] = {}
        for (kind, reason), number in sorted(state.outcomes.items()):
            outcomes.setdefault(kind, {})[reason] = number
        depth = state.depth
        return cls(
            stage=state.stage,
            waiting=depth.waiting,
            in_flight=depth.pending,
            delayed=depth.delayed,
            dead=depth.dead,
            oldest_age_seconds=round(depth.oldest_age_seconds, 3),
            outcomes=outcomes,
        )


class StoreStatus(BaseModel):
    """The article store."""

    exists: bool = Field(description="False until the first article has been stored.")
    articles: int


class Status(BaseModel):
    """How the pipeline stands."""

    version: str
    stages: list[StageStatus] = Field(description="In the order of the pipeline.")
    store: StoreStatus
    webhooks: dict[Count, int] = Field(description="Number of webhooks by standing.")


@router.get("/status", summary="How the pipeline stands")
@needs(Scope.READ)
async def show_status(parts: PartsOf) -> Status:
    """Every stage at this moment."""
    pipeline = await parts.pipelines.get()
    articles = await parts.stores.ask_if_any(lambda reader: reader.count())
    return Status(
        version=coranto.__version__,
        stages=[StageStatus.of(state) for state in await pipeline.state()],
        store=StoreStatus(exists=articles is not None, articles=articles or 0),
        webhooks=await parts.webhooks.count(),
    )
