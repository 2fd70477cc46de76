"""Fetches a discovered article: its page, then its further pages where it has any. Or says why there is none.

`page_fetch` makes the requests, `page` looks into the pages. Here their answers become the record's section.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from redis.exceptions import RedisError

from coranto.frontier import HostLeases, HostPolicy
from coranto.http import WebClient, WebResponse
from coranto.http.robots.cache import RobotsSource
from coranto.http.robots.rules import RobotsRules
from coranto.pages import PageStore
from coranto.pagination import part_number
from coranto.process_pool import OverdueError, ProcessLostError
from coranto.records import DiscoveredArticle, Fetch, FetchedArticle, FetchedPart, PageRef, SavedPage
from coranto.worker.stage import Invalid, StageSignal, Transient, Unwanted
from coranto_fetcher.page.facts import PageFacts, PageReader
from coranto_fetcher.page_fetch import PageFetch
from coranto_fetcher.response.content_type import ADMITTED_TYPES, may_be_feed, media_type_of
from coranto_fetcher.response.headers import etag_of, last_modified_of, stated_charset
from coranto_fetcher.rights.signals import find_reservation, rights_signals
from coranto_fetcher.rights.tdm_reservation import TdmCache
from coranto_fetcher.settings import FetcherSettings
from coranto_fetcher.visits.progress import FetchProgress, NoProgressStore, ProgressStore
from coranto_fetcher.visits.unpublished import NOT_YET_REASONS, NothingSeen, SeenArticles, wait_for_page
from coranto_fetcher.visits.validators import NoValidators, PreviousFetch, Validators

# A host may ask to be left alone for a day; what there is of the article is news now.
_LONGEST_WAIT_FOR_A_PART = timedelta(minutes=10)

_BLANK: Final = b"\xef\xbb\xbf\xff\xfe\0 \t\r\n\f\v"


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def fetch(
    article: DiscoveredArticle,
    *,
    web: WebClient,
    robots: RobotsSource,
    hosts: HostLeases,
    policy: HostPolicy,
    pages: PageStore,
    reader: PageReader,
    settings: FetcherSettings,
    tdm: TdmCache | None = None,
    validators: Validators | None = None,
    progress_store: ProgressStore | None = None,
    seen: SeenArticles | None = None,
    now: Callable[[], datetime] = _utc_now,
) -> FetchedArticle:
    """The article with its page in the page store, or the reason why there is none. Safe to run twice."""
    discovery = article.discovery
    if discovery.saved is not None:
        return article.with_fetch(_from_saved(discovery.url, discovery.saved, now()))
    validators = validators if validators is not None else NoValidators()
    progress_store = progress_store if progress_store is not None else NoProgressStore()
    seen = seen if seen is not None else NothingSeen()
    page_fetch = PageFetch(article, web=web, robots=robots, hosts=hosts, policy=policy, settings=settings, tdm=tdm)
    intake = _Intake(pages, reader)
    try:
        progress = await progress_store.find(article) or FetchProgress(discovery.url)
        previous = await validators.find(article) if discovery.is_recrawl else None
        try:
            if progress.fetched is None:
                response = await page_fetch.run(progress, previous)
                section, next_url = await _first_page(response, page_fetch, intake, settings, now())
            else:  # the article waited for its host between two of its pages
                section, next_url = progress.fetched, progress.url
            section = await _with_further_pages(section, next_url, page_fetch, intake, settings.max_pages)
        except Transient:
            # The message comes again: what has been fetched by then need not be fetched twice.
            if page_fetch.progress.is_started:
                await progress_store.keep(article, page_fetch.progress)
            raise
        except Unwanted as signal:
            if signal.reason not in NOT_YET_REASONS:
                raise
            wait = wait_for_page(article, settings.early_retries, now())
            if wait is None:
                await seen.forget(article)
                raise
            # From its first address again: where that leads may have changed, too.
            await progress_store.keep(article, FetchProgress(discovery.url))
            raise Transient(signal.reason, retry_after=wait, spends_attempt=False, detail=signal.detail) from signal
        fetched = PreviousFetch(section.final_url, discovery.submission, section.etag, section.last_modified)
        await validators.keep(article, fetched)
    except (RedisError, ConnectionError) as error:
        raise Transient(
            "budget_unavailable", retry_after=timedelta(seconds=2), spends_attempt=False, detail=str(error)
        ) from error
    return article.with_fetch(section)


async def _first_page(
    response: WebResponse, page_fetch: PageFetch, intake: _Intake, settings: FetcherSettings, now: datetime
) -> tuple[Fetch, str | None]:
    """The section with the first page, and the address of the next one if the article has several."""
    content_type = media_type_of(response)
    if content_type not in ADMITTED_TYPES:
        stated = (content_type or "none stated").encode("ascii", "replace").decode()
        advice = (
            "; `coranto feeds try` says whether it is a feed, and what is wrong with it" if may_be_feed(stated) else ""
        )
        raise Unwanted("content_type", detail=stated[:100] + advice)
    if not response.body.strip(_BLANK):
        raise Unwanted("empty_body")
    url = response.url.partition("#")[0]
    facts = await intake.read(response.body, own_url=url, first_url=url)
    rules = page_fetch.rules if page_fetch.rules is not None else RobotsRules()
    rights = rights_signals(
        response.headers,
        facts.rights,
        rules.content_signals,
        content_usage=rules.content_usage(url),
        for_site=page_fetch.site_rights,
    )
    reserved = find_reservation(rights, settings.obey_rights, settings.user_agent)
    if reserved is not None:
        raise Unwanted("rights_reserved", detail=reserved)
    section = Fetch(
        final_url=url,
        redirects=page_fetch.progress.hops,
        status=response.status,
        content_type=content_type,
        charset=stated_charset(response.headers),
        etag=etag_of(response.headers),
        last_modified=last_modified_of(response.headers),
        page=await intake.store(response.body),
        rights=rights,
        fetched_at=now,
        elapsed_ms=page_fetch.elapsed_ms,
    )
    return section, facts.next_url


async def _with_further_pages(
    section: Fetch, next_url: str | None, page_fetch: PageFetch, intake: _Intake, most_pages: int
) -> Fetch:
    """The section with the article's further pages, as far as they can be fetched.

    The first page is an article by itself, so a further page that fails ends the search and not the message.
    """
    while next_url is not None and len(section.parts) + 1 < most_pages:
        try:
            response = await page_fetch.run(FetchProgress(next_url, fetched=section))
        except StageSignal as signal:
            if signal.reason == "host_busy" and isinstance(signal, Transient) and _is_short(signal.retry_after):
                raise  # the message waits for its host, nothing has failed
            break
        url = response.url.partition("#")[0]
        # A page beyond the last often redirects to the first.
        is_next = part_number(url, section.final_url) == len(section.parts) + 2
        if not is_next or media_type_of(response) not in ADMITTED_TYPES:
            break
        part = FetchedPart(
            url=url,
            content_type=media_type_of(response),
            charset=stated_charset(response.headers),
            page=await intake.store(response.body),
        )
        section = section.model_copy(update={"parts": (*section.parts, part), "elapsed_ms": page_fetch.elapsed_ms})
        try:
            facts = await intake.read(response.body, own_url=url, first_url=section.final_url)
        except Invalid:
            break  # this page is kept; what it links to is not known
        next_url = facts.next_url
    return section


def _is_short(wait: timedelta | None) -> bool:
    return wait is None or wait <= _LONGEST_WAIT_FOR_A_PART


class _Intake:
    """Reads and stores what was fetched, or says in the stage's words why it cannot."""

    def __init__(self, pages: PageStore, reader: PageReader) -> None:
        self._pages = pages
        self._reader = reader

    async def read(self, body: bytes, *, own_url: str, first_url: str) -> PageFacts:
        try:
            return await self._reader.read(body, own_url=own_url, first_url=first_url)
        except OverdueError as error:
            raise Invalid("reader_timeout", detail=str(error)) from error
        except ProcessLostError:
            # Once may be the machine's fault (memory ran out); twice is the page's.
            try:
                return await self._reader.read(body, own_url=own_url, first_url=first_url)
            except (OverdueError, ProcessLostError) as error:
                raise Invalid("reader_crashed", detail=str(error)) from error

    async def store(self, body: bytes) -> PageRef:
        try:
            return await self._pages.put(body)
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
