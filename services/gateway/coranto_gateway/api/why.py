"""What happened to one address: stored, on its way, or ended early, and why; and what came of a source's day."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from coranto.admin.find_article import ArticleRef, Location, find_locations
from coranto.records import FinishedArticle
from coranto.store.database.source_accounts import SourceDay
from coranto.store.interface import ArticleReader, Visits
from coranto.store.rules.ledger import LedgerLine
from coranto.topology import FEEDER, FETCHER, SINK
from coranto.urls import UnsupportedUrlError
from coranto_gateway.http.access import needs
from coranto_gateway.http.problems import Problem
from coranto_gateway.parts import Parts, PartsOf
from coranto_gateway.tokens.token import Scope

router = APIRouter(prefix="/v1", tags=["operating"])
_ID = re.compile("[0-9a-f]{32}")


class Whereabouts(BaseModel):
    """A stage where the article is at this moment."""

    stage: str
    state: Literal["waiting", "in_flight", "delayed", "dead"]
    worker: str | None = Field(None, description="In flight: who works on it.")
    seconds: float | None = Field(None, description="In flight: for so long; delayed: until the next attempt.")
    attempts: int | None = Field(None, description="Delayed: attempts so far; what is the host's trouble spends none.")
    host: str | None = Field(None, description="Delayed: the host that refuses or fails, where that is known.")
    host_failures: int | None = Field(None, description="How often in a row it has refused or failed.")
    host_failing_seconds: float | None = Field(None, description="For how long it has.")
    reason: str | None = Field(None, description="Delayed or dead: why.")
    error: str | None = Field(None, description="Dead: what was seen.")
    letter: str | None = Field(None, description="Dead: name of the dead letter, see `/v1/dead/…`.")

    @classmethod
    def of(cls, location: Location) -> Whereabouts:
        """The location."""
        return cls(
            stage=location.stage,
            state=location.state,
            worker=location.worker,
            seconds=None if location.seconds is None else round(location.seconds, 1),
            attempts=location.attempts,
            host=location.host,
            host_failures=location.host_failures,
            host_failing_seconds=None
            if location.host_failing_seconds is None
            else round(location.host_failing_seconds, 1),
            reason=location.reason,
            error=location.error,
            letter=location.letter,
        )


class Ending(BaseModel):
    """How one submission of the article ended."""

    submission: str
    url: str
    stage: str
    outcome: Literal["stored", "accepted", "dropped", "dead"]
    reason: str
    detail: str | None
    at: datetime
    times: dict[str, datetime] = Field(
        description="Of what was not stored: when each stage before was done with it, as far as that is known."
    )

    @classmethod
    def of(cls, line: LedgerLine) -> Ending:
        """The line of the ledger."""
        return cls(
            submission=line.submission,
            url=line.url,
            stage=line.stage,
            outcome=line.outcome,
            reason=line.reason,
            detail=line.detail,
            at=line.at,
            times=dict(line.stage_times or {}),
        )


class VisitsView(BaseModel):
    """Visits that found nothing new."""

    unchanged: int
    last_fetched: datetime = Field(description="Time of the latest visit, whether or not it found something new.")


class Why(BaseModel):
    """What happened to an address."""

    url: str
    answer: str = Field(description="In one sentence.")
    article: str | None = Field(description="Id of the stored article.")
    revisions: int = Field(description="Stored revisions.")
    visits: VisitsView | None = Field(description="Later visits that found it as it was; null when it is not stored.")
    now: list[Whereabouts] = Field(description="Where it is at this moment, in the order of the pipeline.")
    endings: list[Ending] = Field(description="How each submission of it ended, latest first.")
    times: dict[str, datetime] = Field(
        description="When a stage was done with it, by stage: of the message where it is on its way, else of its latest record or "
        "ending."
    )


@router.get("/why", summary="What happened to an address, or on a day of a source")
@needs(Scope.READ)
async def explain(
    parts: PartsOf,
    url: Annotated[str | None, Query(min_length=1, max_length=4000, description="An address or an id.")] = None,
    source: Annotated[
        str | None,
        Query(min_length=1, max_length=1000, description="Instead: name of a source, as its articles carry it."),
    ] = None,
    day: Annotated[date | None, Query(description="With `source`: the day in UTC; today unless given.")] = None,
) -> Why | SourceDay:
    """Of an address, where it is, how it ended, and why; of a source, how many articles ended on the day, and how."""
    if (url is None) == (source is None):
        raise Problem(400, "bad-question", "expected either `url`, or `source` with or without `day`")
    if source is None:
        if day is not None:
            raise Problem(400, "bad-question", "`day` asks about a source: give `source` too, or leave it out")
        return await why(parts, url or "")
    asked = day or datetime.now(UTC).date()
    found = await parts.stores.ask_if_any(lambda reader: reader.source_day(source, asked))
    return found or SourceDay.empty(source, asked)


async def why(parts: Parts, url: str) -> Why:
    """What happened to the address or id. Raises Problem when it is neither."""
    # A path would be looked for on this machine's disk.
    if not url.lower().startswith(("http://", "https://")) and not _ID.fullmatch(url):
        raise Problem(400, "bad-url", f"expected an http(s) address or an article's id, got {url[:200]!r}")
    try:
        ref = ArticleRef.of(url)
    except UnsupportedUrlError as error:
        raise Problem(400, "bad-url", str(error)) from error

    def look(reader: ArticleReader) -> tuple[list[LedgerLine], FinishedArticle | None, int, Visits | None]:
        revisions = reader.revisions_of(url)
        return reader.ledger_of(url), revisions[-1] if revisions else None, len(revisions), reader.visits_of(url)

    endings, article, revisions, visits = await parts.stores.ask_if_any(look) or ([], None, 0, None)
    locations = await find_locations(await parts.pipelines.get(), ref)
    now = [Whereabouts.of(each) for each in locations]
    return Why(
        url=ref.text,
        answer=_sentence(now, endings, article, revisions),
        article=None if article is None else article.id,
        revisions=revisions,
        visits=None if visits is None else VisitsView(unchanged=visits.unchanged, last_fetched=visits.last_fetched),
        now=now,
        endings=[Ending.of(each) for each in endings],
        times=dict(locations[-1].times) if locations else _times(endings, article),
    )


def _times(endings: list[LedgerLine], article: FinishedArticle | None) -> dict[str, datetime]:
    if endings and (article is None or endings[0].outcome != "stored"):
        return {**(endings[0].stage_times or {}), endings[0].stage: endings[0].at}
    return {} if article is None else times_of(article)


def times_of(article: FinishedArticle) -> dict[str, datetime]:
    """When each stage was done with a stored article, as far as its record says."""
    # What came from elsewhere, or from an earlier version, says nothing of the stages between.
    known = {FEEDER.name: article.discovery.discovered_at, FETCHER.name: article.fetch.fetched_at}
    return known | (article.stage_times or {}) | {SINK.name: article.storage.stored_at}


_STATES = {
    "waiting": "It waits for the {stage}.",
    "in_flight": "The {stage} is working on it.",
    "delayed": "The {stage} tries it again in {seconds:.0f} s, because of {reason}.",
    "dead": "It is a dead letter of the {stage}, because of {reason}: {error}",
}


def _sentence(
    now: list[Whereabouts], endings: list[LedgerLine], article: FinishedArticle | None, revisions: int
) -> str:
    if now:
        last = now[-1]
        return _STATES[last.state].format(
            stage=last.stage, seconds=last.seconds or 0.0, reason=last.reason, error=last.error or "no more is known"
        )
    if article is not None and article.storage.change == "retracted":
        return f"It is stored, in {revisions} revisions; its publisher has withdrawn it."
    if article is not None:
        return "It is stored." if revisions == 1 else f"It is stored, in {revisions} revisions."
    if endings:
        line = endings[0]
        verb = "accepted it:" if line.outcome == "accepted" else "ended it, because of"
        seen = f": {line.detail}" if line.detail else ""
        return f"The {line.stage} {verb} {line.reason}{seen}."
    return "It is unknown here: it was not submitted, and no source has named it."
