"""The handler: pages in, articles or reasons out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from coranto.pages import FilePageStore
from coranto.process_pool import OverdueError, ProcessLostError
from coranto.records import Content, FetchedArticle, Hints, PageRef
from coranto.testing import samples
from coranto.worker.stage import Invalid, Transient, Unwanted
from coranto_extractor import reader
from coranto_extractor.app import create_stage
from coranto_extractor.field_metrics import FieldMetrics
from coranto_extractor.page_request import PageRequest
from coranto_extractor.reasons import REASONS
from coranto_extractor.refusal import NotAnArticle
from coranto_extractor.stage import extract

Write = Callable[..., bytes]
_MAX = 1_000_000


class ReaderInPlace:
    """Reads in this process; fails the first times, as often as the test says."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)

    async def read(self, page: bytes, request: PageRequest) -> Content | NotAnArticle:
        if self.failures:
            raise self.failures.pop(0)
        return reader.read(page, request)


@pytest.fixture
def pages(tmp_path: Path) -> FilePageStore:
    return FilePageStore(tmp_path / "pages")


@pytest.fixture
async def article(pages: FilePageStore, write_page: Write) -> FetchedArticle:
    page = write_page()
    await pages.put(page)
    return samples.fetched(page=page)


async def test_fetched_page_becomes_an_article_and_keeps_its_other_sections(
    article: FetchedArticle, pages: FilePageStore
) -> None:
    result = await extract(article, pages=pages, reader=ReaderInPlace(), max_page_bytes=_MAX)
    assert result.content.title == "Harbour bridge opens again"
    assert (result.id, result.discovery, result.fetch) == (article.id, article.discovery, article.fetch)


async def test_refused_page_is_unwanted_with_its_reason(pages: FilePageStore) -> None:
    page = b"<html><body><h1>Short</h1><p>Nothing much.</p></body></html>"
    await pages.put(page)
    with pytest.raises(Unwanted, match="too_short"):
        await extract(samples.fetched(page=page), pages=pages, reader=ReaderInPlace(), max_page_bytes=_MAX)


@pytest.mark.parametrize(
    ("feed", "is_believed"),
    [
        ("https://feeds.paper.example/all.xml", True),
        ("https://www.paper.example/feed", True),
        (None, True),  # a program of the user's own has submitted it
        ("https://other.example/feed", False),
        ("https://paper.example.other.example/feed", False),
    ],
)
async def test_text_of_a_feed_stands_in_for_pages_of_its_own_site_only(
    pages: FilePageStore, feed: str | None, is_believed: bool
) -> None:
    page = b"<html><body><h1>Short</h1><p>Nothing much.</p></body></html>"
    await pages.put(page)
    fetched = samples.fetched(page=page)
    sentence = "The harbour bridge opened again on Monday after three years of work on its foundations. "
    hints = Hints(title="Harbour bridge opens again", body_html=f"<p>{sentence * 5}</p><p>{sentence * 4}</p>")
    article = fetched.model_copy(
        update={
            "discovery": fetched.discovery.model_copy(update={"feed": feed, "hints": hints}),
            "fetch": fetched.fetch.model_copy(update={"final_url": "https://www.paper.example/news/1"}),
        }
    )
    reading = extract(article, pages=pages, reader=ReaderInPlace(), max_page_bytes=_MAX)
    if is_believed:
        assert (await reading).content.origins["paragraphs"].source == "feed"
    else:
        with pytest.raises(Unwanted, match="too_short"):
            await reading


async def test_missing_page_is_invalid(pages: FilePageStore) -> None:
    with pytest.raises(Invalid, match="page_missing"):
        await extract(samples.fetched(), pages=pages, reader=ReaderInPlace(), max_page_bytes=_MAX)


async def test_page_over_the_limit_is_unwanted(article: FetchedArticle, pages: FilePageStore) -> None:
    with pytest.raises(Unwanted, match="page_too_large"):
        await extract(article, pages=pages, reader=ReaderInPlace(), max_page_bytes=100)


async def test_store_that_does_not_respond_is_retried(article: FetchedArticle) -> None:
    class DeadStore(FilePageStore):
        async def get(self, ref: PageRef, *, max_bytes: int | None = None) -> bytes:
            raise OSError("stale handle")

    with pytest.raises(Transient, match="page_store_unavailable"):
        await extract(article, pages=DeadStore(Path()), reader=ReaderInPlace(), max_page_bytes=_MAX)


async def test_page_that_runs_to_the_deadline_is_invalid(article: FetchedArticle, pages: FilePageStore) -> None:
    slow = ReaderInPlace(OverdueError("longer than 10 s"))
    with pytest.raises(Invalid, match="reader_timeout"):
        await extract(article, pages=pages, reader=slow, max_page_bytes=_MAX)


async def test_one_crash_is_retried_and_a_second_is_final(article: FetchedArticle, pages: FilePageStore) -> None:
    once = ReaderInPlace(ProcessLostError("exit code 9"))
    assert (await extract(article, pages=pages, reader=once, max_page_bytes=_MAX)).content.title
    twice = ReaderInPlace(ProcessLostError("exit code 9"), ProcessLostError("exit code 9"))
    with pytest.raises(Invalid, match="reader_crashed"):
        await extract(article, pages=pages, reader=twice, max_page_bytes=_MAX)


async def test_fields_a_source_does_not_give_are_counted(article: FetchedArticle, pages: FilePageStore) -> None:
    field_metrics = FieldMetrics()
    await extract(article, pages=pages, reader=ReaderInPlace(), max_page_bytes=_MAX, field_metrics=field_metrics)
    labels = {"source": "sample", "field": "published"}
    assert field_metrics.registry.get_sample_value("coranto_extractor_field_missing_total", labels) == 1
    labels["field"] = "title"
    assert field_metrics.registry.get_sample_value("coranto_extractor_field_missing_total", labels) is None


def test_stage_is_wired_with_its_reasons() -> None:
    stage = create_stage()
    assert stage.name == "extractor"
    assert stage.reasons == REASONS
    assert stage.systemic <= set(REASONS)
