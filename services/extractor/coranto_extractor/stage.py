"""Turns a fetched page into an article, or says why it is not one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from coranto.domains import is_same_site
from coranto.pages import CorruptPageError, MissingPageError, PageStore, PageTooLargeError
from coranto.process_pool import OverdueError, ProcessLostError
from coranto.records import Content, Discovery, ExtractedArticle, Fetch, FetchedArticle, Hints, PageRef
from coranto.urls import host_of
from coranto.worker.stage import Invalid, Transient, Unwanted
from coranto_extractor.article_address import address_of
from coranto_extractor.page_request import REFUSE_FROM, PageRequest
from coranto_extractor.refusal import NotAnArticle
from coranto_extractor.text.merge_pages import merge_pages

if TYPE_CHECKING:
    from coranto_extractor.field_metrics import FieldMetrics

STORE_RETRY_AFTER = timedelta(seconds=10)


class PageReader(Protocol):
    """Reads one page: the pool, or a fake in tests."""

    async def read(self, page: bytes, request: PageRequest) -> Content | NotAnArticle:
        """What the page says, or why it is not an article. Raises OverdueError and ProcessLostError."""


async def extract(
    article: FetchedArticle,
    *,
    pages: PageStore,
    reader: PageReader,
    max_page_bytes: int,
    field_metrics: FieldMetrics | None = None,
    records_rejections: bool = False,
    refuse_from: float = REFUSE_FROM,
) -> ExtractedArticle:
    """The article with what its page and further pages say. Safe to run twice.

    Raises Unwanted when the page is not an article, Invalid when it can never be read, Transient when the store is down.
    """
    fetch = article.fetch
    page = await _get_page(fetch.page, pages, max_page_bytes)
    request = PageRequest(
        url=fetch.final_url if fetch.final_url.startswith("http") else None,
        content_type=fetch.content_type,
        charset=fetch.charset,
        hints=_believable_hints(article.discovery, fetch.final_url),
        fetched_at=fetch.fetched_at,
        records_rejections=records_rejections,
        refuse_from=refuse_from,
    )
    result = await _read(reader, page, request)
    if isinstance(result, NotAnArticle):
        raise Unwanted(result.reason, detail=result.detail)
    if fetch.parts:
        result = await _with_further_pages(result, fetch, pages=pages, reader=reader, max_page_bytes=max_page_bytes)
    if field_metrics is not None:
        field_metrics.count(article.discovery.source, result)
    return article.with_content(result, url=address_of(result, fetch.final_url))


def _believable_hints(discovery: Discovery, final_url: str) -> Hints:
    """What the feed says of the article, with the article's text only where the feed is of the same site as the page.

    The text may take the page's place, and no feed may put words into the mouth of another site.
    """
    hints = discovery.hints
    if discovery.feed is None or hints.body_html is None or is_same_site(host_of(discovery.feed), host_of(final_url)):
        return hints
    return hints.model_copy(update={"body_html": None})


async def _with_further_pages(
    first: Content, fetch: Fetch, *, pages: PageStore, reader: PageReader, max_page_bytes: int
) -> Content:
    """The article with its further pages up to the first that cannot be read: the first page is an article by itself."""
    further: list[Content] = []
    next_page_url = first.next_page_url
    for part in fetch.parts:
        next_page_url = part.url
        try:
            page = await _get_page(part.page, pages, max_page_bytes)
            request = PageRequest(
                url=part.url, content_type=part.content_type, charset=part.charset, first_page_url=fetch.final_url
            )
            content = await _read(reader, page, request)
        except (Unwanted, Invalid):
            break
        if isinstance(content, NotAnArticle):
            break
        further.append(content)
        next_page_url = content.next_page_url
    return merge_pages(first, further, next_page_url=next_page_url)


async def _get_page(ref: PageRef, pages: PageStore, max_page_bytes: int) -> bytes:
    try:
        return await pages.get(ref, max_bytes=max_page_bytes)
    except PageTooLargeError as error:
        raise Unwanted("page_too_large", detail=str(error)) from error
    except MissingPageError as error:
        raise Invalid("page_missing", detail=str(error)) from error
    except CorruptPageError as error:
        raise Invalid("page_corrupt", detail=str(error)) from error
    except OSError as error:
        raise Transient("page_store_unavailable", retry_after=STORE_RETRY_AFTER, detail=str(error)) from error


async def _read(reader: PageReader, page: bytes, request: PageRequest) -> Content | NotAnArticle:
    try:
        return await reader.read(page, request)
    except OverdueError as error:
        raise Invalid("reader_timeout", detail=str(error)) from error
    except ProcessLostError:
        # One crash may have another cause, such as another program that used up the memory. After two it is the page.
        try:
            return await reader.read(page, request)
        except (OverdueError, ProcessLostError) as error:
            raise Invalid("reader_crashed", detail=str(error)) from error
