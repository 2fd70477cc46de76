"""Turns a fetched page into an article, or says why it is none."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from coranto.pages import CorruptPageError, MissingPageError, PageStore, PageTooLargeError
from coranto.records import Content, ExtractedArticle, Fetch, FetchedArticle, PageRef
from coranto.worker.processes import OverdueError, ProcessLostError
from coranto.worker.stage import Invalid, Transient, Unwanted
from coranto_extractor.field_metrics import FieldMetrics
from coranto_extractor.page_type import NotAnArticle
from coranto_extractor.reader import Request
from coranto_extractor.text.merge_pages import merge_pages

STORE_RETRY_AFTER = timedelta(seconds=10)


class PageReader(Protocol):
    """Reads one page. The pool does, and so does a fake in tests."""

    async def read(self, page: bytes, request: Request) -> Content | NotAnArticle:
        """What the page says, or why it is no article. Raises OverdueError and ProcessLostError."""


async def extract(
    article: FetchedArticle,
    *,
    pages: PageStore,
    reader: PageReader,
    max_page_bytes: int,
    coverage: FieldMetrics | None = None,
    keeps_notes: bool = False,
) -> ExtractedArticle:
    """The article with what its page says, and its further parts, or the reason why it is none. Safe to run twice."""
    fetch = article.fetch
    page = await _get_page(fetch.page, pages, max_page_bytes)
    request = Request(
        url=fetch.final_url if fetch.final_url.startswith("http") else None,
        content_type=fetch.content_type,
        charset=fetch.charset,
        hints=article.discovery.hints,
        fetched_at=fetch.fetched_at,
        records_rejections=keeps_notes,
    )
    result = await _read(reader, page, request)
    if isinstance(result, NotAnArticle):
        raise Unwanted(result.reason, detail=result.detail)
    if fetch.parts:
        result = await _with_parts(result, fetch, pages=pages, reader=reader, max_page_bytes=max_page_bytes)
    if coverage is not None:
        coverage.count(article.discovery.source, result)
    return article.with_content(result)


async def _with_parts(
    first: Content, fetch: Fetch, *, pages: PageStore, reader: PageReader, max_page_bytes: int
) -> Content:
    """The article with its further parts, as far as they can be read: the first page is one by itself."""
    read: list[Content] = []
    next_page_url = first.next_page_url
    for part in fetch.parts:
        next_page_url = part.url
        try:
            page = await _get_page(part.page, pages, max_page_bytes)
            request = Request(
                url=part.url, content_type=part.content_type, charset=part.charset, part_of=fetch.final_url
            )
            content = await _read(reader, page, request)
        except (Unwanted, Invalid):
            break
        if isinstance(content, NotAnArticle):
            break
        read.append(content)
        next_page_url = content.next_page_url
    return merge_pages(first, read, next_page_url=next_page_url)


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


async def _read(reader: PageReader, page: bytes, request: Request) -> Content | NotAnArticle:
    try:
        return await reader.read(page, request)
    except OverdueError as error:
        raise Invalid("reader_timeout", detail=str(error)) from error
    except ProcessLostError:
        # Once may be the machine's fault (memory ran out beside us); twice is the page's.
        try:
            return await reader.read(page, request)
        except (OverdueError, ProcessLostError) as error:
            raise Invalid("reader_crashed", detail=str(error)) from error
