"""Gets the page of a discovered article, and its further parts, or says why there is none.

The way to one page (turns, robots.txt, redirects) is `way`'s business, what answers mean is `verdicts`'.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from redis.exceptions import RedisError

from coranto.http import WebClient
from coranto.pages import PageStore
from coranto.pagination import part_number
from coranto.process_pool import OverdueError, ProcessLostError
from coranto.records import DiscoveredArticle, Fetch, FetchedArticle, FetchedPart, PageRef, SavedPage
from coranto.worker.stage import Invalid, Transient, Unwanted
from coranto_fetcher.budget import Budget
from coranto_fetcher.journeys import Journey, Journeys, NoJourneys
from coranto_fetcher.media import ADMITTED_TYPES, media_type_of
from coranto_fetcher.page_facts import PageFacts, PageReader
from coranto_fetcher.robots import RobotsSource
from coranto_fetcher.signals import kept_headers, rights_signals, stated_charset
from coranto_fetcher.validators import NoValidators, Validators, Visit
from coranto_fetcher.way import FetchLimits, Way, WayInterruptedError


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def fetch(
    article: DiscoveredArticle,
    *,
    web: WebClient,
    robots: RobotsSource,
    budget: Budget,
    pages: PageStore,
    reader: PageReader,
    validators: Validators | None = None,
    journeys: Journeys | None = None,
    limits: FetchLimits | None = None,
    now: Callable[[], datetime] = _utc_now,
) -> FetchedArticle:
    """The article with its page in the page store, or the reason why there is none. Safe to run twice."""
    discovery = article.discovery
    if discovery.saved is not None:
        return article.with_fetch(_from_saved(discovery.url, discovery.saved, now()))
    validators = validators if validators is not None else NoValidators()
    journeys = journeys if journeys is not None else NoJourneys()
    limits = limits if limits is not None else FetchLimits()
    way = Way(article, web, robots, budget, limits)
    try:
        journey = await journeys.find(article) or Journey(discovery.url)
        earlier = await validators.find(article) if discovery.is_revisit else None
        try:
            if journey.fetched is None:
                section, next_url = await _to_first_page(journey, earlier, way, pages, reader, now)
            else:
                section, next_url = journey.fetched, journey.url
            section = await _to_further_parts(section, next_url, way, pages, reader, limits.max_parts)
        except WayInterruptedError as interrupted:
            if interrupted.journey.has_come_along and isinstance(interrupted.signal, Transient):
                await journeys.keep(article, interrupted.journey)
            raise interrupted.signal from interrupted
        visit = Visit(section.final_url, discovery.submission, section.etag, section.last_modified)
        await validators.keep(article, visit)
    except (RedisError, ConnectionError) as error:
        raise Transient(
            "budget_unavailable", retry_after=timedelta(seconds=2), spends_attempt=False, detail=str(error)
        ) from error
    return article.with_fetch(section)


async def _to_first_page(
    journey: Journey,
    earlier: Visit | None,
    way: Way,
    pages: PageStore,
    reader: PageReader,
    now: Callable[[], datetime],
) -> tuple[Fetch, str | None]:
    """The section with the first page, and the address of the next part where there is one."""
    response, journey = await way.follow(journey, earlier)
    final_url = response.url.partition("#")[0]
    content_type = media_type_of(response)
    if content_type not in ADMITTED_TYPES:
        seen = (content_type or "none stated").encode("ascii", "replace").decode()
        raise Unwanted("content_type", detail=seen[:100])
    if not response.body.strip():
        raise Unwanted("empty_body")
    facts = await _read(reader, response.body, own_url=final_url, first_url=final_url)
    headers = kept_headers(response.headers)
    content_signals = way.rules.content_signals if way.rules is not None else ()
    section = Fetch(
        final_url=final_url,
        redirects=journey.hops,
        status=response.status,
        content_type=content_type,
        charset=stated_charset(response.headers),
        headers=headers,
        etag=headers.get("etag"),
        last_modified=headers.get("last-modified"),
        page=await _keep(response.body, pages),
        rights=rights_signals(response.headers, facts.rights, content_signals),
        fetched_at=now(),
        elapsed_ms=way.elapsed_ms,
    )
    return section, facts.next_url


async def _to_further_parts(
    section: Fetch, next_url: str | None, way: Way, pages: PageStore, reader: PageReader, max_parts: int
) -> Fetch:
    """The section with the further parts of its article, as far as they can be got.

    The first page is an article by itself, so a part that fails ends the search and not the message; the record tells
    by `next_page_url` that there would be more.
    """
    while next_url is not None and len(section.parts) + 1 < max_parts:
        try:
            response, _ = await way.follow(Journey(next_url, fetched=section), None)
        except WayInterruptedError as interrupted:
            if isinstance(interrupted.signal, Transient) and not interrupted.signal.spends_attempt:
                raise  # it only waits for the host's turn
            break
        url = response.url.partition("#")[0]
        # A part beyond the last often leads back to the first.
        if (
            part_number(url, section.final_url) != len(section.parts) + 2
            or media_type_of(response) not in ADMITTED_TYPES
        ):
            break
        part = FetchedPart(
            url=url,
            content_type=media_type_of(response),
            charset=stated_charset(response.headers),
            page=await _keep(response.body, pages),
        )
        section = section.model_copy(update={"parts": (*section.parts, part), "elapsed_ms": way.elapsed_ms})
        try:
            next_url = (await _read(reader, response.body, own_url=url, first_url=section.final_url)).next_url
        except Invalid:
            break  # this part is kept; what it links to cannot be told
    return section


async def _read(reader: PageReader, body: bytes, *, own_url: str, first_url: str) -> PageFacts:
    try:
        return await reader.read(body, own_url=own_url, first_url=first_url)
    except OverdueError as error:
        raise Invalid("reader_timeout", detail=str(error)) from error
    except ProcessLostError:
        # Once may be the machine's fault (memory ran out beside us); twice is the page's.
        try:
            return await reader.read(body, own_url=own_url, first_url=first_url)
        except (OverdueError, ProcessLostError) as error:
            raise Invalid("reader_crashed", detail=str(error)) from error


async def _keep(body: bytes, pages: PageStore) -> PageRef:
    try:
        return await pages.put(body)
    except OSError as error:
        raise Transient("page_store_unavailable", retry_after=timedelta(seconds=5), detail=str(error)) from error


def _from_saved(url: str, saved: SavedPage, now: datetime) -> Fetch:
    return Fetch(
        final_url=url,
        content_type=saved.content_type.partition(";")[0].strip().lower(),
        charset=None,
        page=saved.page,
        fetched_at=now,
    )
