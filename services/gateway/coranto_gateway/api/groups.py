"""Groups of subscribers: programs that read the finished articles from Redis, and how far each group has come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from coranto.admin.groups import SubscriberGroup, remove_group, subscriber_groups
from coranto_gateway.http.access import needs
from coranto_gateway.http.problems import Problem, not_found
from coranto_gateway.parts import Parts, PartsOf
from coranto_gateway.tokens.token import Scope

router = APIRouter(prefix="/v1/groups", tags=["operating"])

_LATE_SECONDS: Final = 300.0
_AWAY: Final = timedelta(minutes=10)

GroupState = Literal["away", "behind", "reading", "up_to_date"]
LATE: Final[frozenset[GroupState]] = frozenset({"away", "behind"})
"""States that somebody should look into."""
_ORDER: Final[tuple[GroupState, ...]] = ("away", "behind", "reading", "up_to_date")


class GroupView(BaseModel):
    """A group of subscribers, all partitions together."""

    name: str
    state: GroupState = Field(
        description="`up_to_date` when nothing waits; `behind` when the oldest unacknowledged article is older than five "
        "minutes, and `away` when no program of the group has asked for articles lately either."
    )
    waiting: int = Field(description="Articles that no program of the group has taken, counted up to 100,000.")
    in_flight: int = Field(description="Articles taken and not acknowledged.")
    oldest_age_seconds: float | None = Field(description="Age of the oldest article that it has not acknowledged.")
    consumers: int = Field(description="Names that its programs read under.")
    last_seen_at: datetime | None = Field(
        description="When it last asked for articles; null where Redis does not know."
    )

    @classmethod
    def of(cls, group: SubscriberGroup, now: datetime) -> GroupView:
        """The group as it is listed."""
        return cls(
            name=group.name,
            state=_state_of(group, now),
            waiting=group.waiting,
            in_flight=group.pending,
            oldest_age_seconds=group.oldest_age_seconds,
            consumers=group.consumers,
            last_seen_at=group.last_seen,
        )


class GroupList(BaseModel):
    """All groups, those that are late first."""

    items: list[GroupView]


@router.get("", summary="All groups of subscribers")
@needs(Scope.READ)
async def list_groups(parts: PartsOf) -> GroupList:
    """Those that are late first."""
    return GroupList(items=await get_groups(parts))


async def get_groups(parts: Parts) -> list[GroupView]:
    """All groups, those that are late first. Raises redis' own errors."""
    now = datetime.now(UTC)
    views = [GroupView.of(group, now) for group in await subscriber_groups(await parts.pipelines.get())]
    return sorted(views, key=lambda view: (_ORDER.index(view.state), view.name))


@router.delete("/{name:path}", status_code=204, summary="Remove a group")
@needs(Scope.OPERATE)
async def delete_group(name: str, parts: PartsOf) -> None:
    """Its place is forgotten. A program that still reads with it makes it again, and begins anew."""
    try:
        is_removed = await remove_group(await parts.pipelines.get(), name)
    except ValueError as error:
        raise Problem(422, "not-a-subscriber", str(error)) from error
    if not is_removed:
        raise not_found("group", name, "`/v1/groups` lists those there are")


def _state_of(group: SubscriberGroup, now: datetime) -> GroupState:
    if not group.waiting and not group.pending:
        return "up_to_date"
    if (group.oldest_age_seconds or 0.0) <= _LATE_SECONDS:
        return "reading"
    return "away" if group.last_seen is None or now - group.last_seen > _AWAY else "behind"
