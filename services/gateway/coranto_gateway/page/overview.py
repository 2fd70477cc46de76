"""The first page: is everything flowing, and if not, where does it stop and what to do?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response

from coranto.admin.pipeline import StageState
from coranto.host_queue import QUEUED
from coranto.store.interface import ArticleReader, ArticleSummary
from coranto.topology import STAGES, StageSpec
from coranto_gateway.http.access import needs
from coranto_gateway.monitoring.activity import Activity
from coranto_gateway.monitoring.lag_history import of_stage
from coranto_gateway.page.rendering import render, words_for
from coranto_gateway.page.words import Words
from coranto_gateway.parts import Parts, PartsOf
from coranto_gateway.tokens.token import Scope

router = APIRouter(include_in_schema=False)

_SHOWN_REASONS: Final = 8
_LATE_SECONDS: Final = 300.0
_NOTABLE_SECONDS: Final = 60.0
_LINE: Final = tuple(spec for spec in STAGES if spec.ends_articles)
"""The stages that an article goes through, as they are drawn."""

Mark = Literal["run", "idle", "stop"]


@dataclass(frozen=True, slots=True)
class Station:
    """One stage in the drawing."""

    name: str
    writes: str
    mark: Mark
    said: str
    rate: int
    state: StageState
    is_late: bool
    waiting: Sequence[int] = field(default=())


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something to act on."""

    glyph: str
    title: str
    text: str
    address: str | None = None
    action: str = ""


@router.get("/")
@needs(Scope.READ)
async def show(request: Request, parts: PartsOf) -> Response:
    """The overview."""
    activity, words = parts.activity, words_for(request)
    if activity.latest is None or activity.error is not None:
        activity.add(await (await parts.pipelines.get()).state())
    stations = [_station(spec, activity, words) for spec in _LINE]

    def look(reader: ArticleReader) -> tuple[list[ArticleSummary], int]:
        return reader.page(limit=6), reader.count()

    latest, count = await parts.stores.ask_if_any(look) or ([], 0)
    troubles = _troubles(parts, stations, words)
    reasons = sorted(activity.reasons().items(), key=lambda each: -each[1])
    unremarkable = [each for each in reasons if each[0][1] not in ("published", "accepted") and each[0][2] != QUEUED]
    slots = activity.slots(_shown_as)
    now = time.time()
    by_stage = await parts.lags.of([of_stage(spec.name) for spec in _LINE], now=now)
    worst = {name: max(values) for name, values in by_stage.items()}
    slowest = max(_LINE, key=lambda spec: worst[of_stage(spec.name)]).name
    return render(
        request,
        "overview.html",
        stations=stations,
        troubles=troubles,
        latest=latest,
        count=count,
        is_empty=not count and not any(station.state.unsettled for station in stations),
        stored_last_hour=sum(each.outcomes.get("stored", 0) for each in slots),
        totals={name: sum(each.outcomes.get(name, 0) for each in slots) for name in _OUTCOMES},
        slots=slots,
        lag=[max(values) for values in zip(*by_stage.values(), strict=True)],
        slowest=slowest if worst[of_stage(slowest)] >= _NOTABLE_SECONDS else None,
        now=now,
        reasons=unremarkable[:_SHOWN_REASONS],
    )


_OUTCOMES: Final = ("stored", "dropped", "retried", "dead")


def _shown_as(stage: str, kind: str, reason: str) -> str | None:
    """Under which name of the chart an outcome counts: a publication only where it ends the line, and waiting for a host not."""
    if reason == QUEUED:
        return None
    if kind == "published":
        return "stored" if stage == "sink" else None
    return kind if kind in _OUTCOMES and stage not in ("ledger", "reindex") else None


def _station(spec: StageSpec, activity: Activity, words: Words) -> Station:
    latest = activity.latest
    if latest is None:
        raise LookupError("there is no sample")
    state, rate = latest.stages[spec.name], activity.rate(spec.name)
    depth = state.depth
    is_late = depth.oldest_age_seconds > _LATE_SECONDS and depth.waiting > 0
    mark: Mark = "run"
    if depth.waiting and not depth.pending and is_late and not activity.has_moved(spec.name):
        mark, said = "stop", words.text("Nobody works here")
    elif is_late:
        said = words.text("Running, behind")
    elif state.unsettled or activity.has_moved(spec.name):
        said = words.text("Running")
    else:
        mark, said = "idle", words.text("Ready, idle")
    writes = spec.writes.name if spec.writes is not None else ""
    return Station(spec.name, writes, mark, said, round(rate), state, is_late, activity.waiting(spec.name))


def _troubles(parts: Parts, stations: Sequence[Station], words: Words) -> list[Trouble]:
    """What needs attention, the most urgent first."""
    found: list[Trouble] = []
    for station in stations:
        depth = station.state.depth
        if station.mark == "stop":
            title = words.text("Nobody works for the {stage}: {count} waiting", stage=station.name,
                               count=words.number(depth.waiting))  # fmt: skip
            text = words.text("The oldest has waited for {span}. Start the service, or look into its log.",
                              span=words.span(depth.oldest_age_seconds))  # fmt: skip
            found.append(Trouble("stop", title, text))
    for station in stations:
        depth = station.state.depth
        if station.is_late and station.mark != "stop":
            title = words.text("The {stage} is behind: {count} waiting, oldest {span}", stage=station.name,
                               count=words.number(depth.waiting), span=words.span(depth.oldest_age_seconds))  # fmt: skip
            text = words.text("Another process of it halves the wait.")
            found.append(Trouble("hold", title, text))
    if dead := sum(station.state.depth.dead for station in stations):
        text = words.text("Each is kept whole until it is sent back or given up.")
        found.append(Trouble("warn", words.count(dead, "dead letter"), text, "/failures", words.text("Review")))
    if faulty := parts.activity.faulty_sources:
        title = words.text("{count} need attention", count=words.count(faulty, "source"))
        text = words.text("They are silent, or cannot be read.")
        found.append(Trouble("quiet", title, text, "/sources", words.text("See")))
    if late := parts.activity.late_subscribers:
        title = words.text("{count} behind", count=words.count(late, "subscriber"))
        text = words.text("Articles wait for them; what is kept for them has an end.")
        found.append(Trouble("warn", title, text, "/subscribers", words.text("See")))
    return found
