"""What the sink makes of the store's answers and faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from coranto.records import ClassifiedArticle, DroppedArticle
from coranto.store.interface import ArticleStore, StoreCorruptError, StoreError, StoreUnavailableError
from coranto.worker.stage import Transient, Unwanted
from coranto_sink.reasons import REASONS, SYSTEMIC
from coranto_sink.stage import record_drop, store

MakeArticle = Callable[..., ClassifiedArticle]


class BrokenStore:
    """A store that fails in one way."""

    def __init__(self, error: StoreError) -> None:
        self._error = error

    async def store(self, article: ClassifiedArticle) -> None:
        raise self._error

    async def record_drop(self, dropped: DroppedArticle) -> None:
        raise self._error


async def test_stored_article_is_passed_on_with_how_it_was_stored(
    article_store: ArticleStore, make_article: MakeArticle
) -> None:
    article = make_article()
    finished = await store(article, article_store=article_store)
    assert (finished.storage.revision, finished.storage.change) == (1, "created")
    assert finished.content == article.content


async def test_skipped_article_is_unwanted_for_a_reason_of_the_closed_list(
    article_store: ArticleStore, make_article: MakeArticle
) -> None:
    await store(make_article(), article_store=article_store)
    with pytest.raises(Unwanted) as unchanged:
        await store(make_article(fetch=2), article_store=article_store)
    with pytest.raises(Unwanted) as outdated:
        await store(make_article(fetch=0, title="Earlier"), article_store=article_store)
    assert [unchanged.value.reason, outdated.value.reason] == ["unchanged", "outdated"]
    assert set(REASONS) >= {"unchanged", "outdated"}


@pytest.mark.parametrize(
    ("error", "reason"),
    [(StoreUnavailableError("the disk is full"), "storage_unavailable"), (StoreCorruptError("x"), "storage_corrupt")],
)
async def test_fault_of_the_store_delays_articles_and_drops(
    make_article: MakeArticle, error: StoreError, reason: str
) -> None:
    broken = cast("ArticleStore", BrokenStore(error))
    article = make_article()
    dropped = DroppedArticle(
        id=article.id, url=article.url, submission="s", stage="extractor", outcome="dropped",
        reason="index_page", dropped_at=article.fetch.fetched_at,
    )  # fmt: skip
    for call in (store(article, article_store=broken), record_drop(dropped, article_store=broken)):
        with pytest.raises(Transient) as fault:
            await call
        assert fault.value.reason == reason
        assert str(error) in str(fault.value)


def test_storage_faults_are_systemic_and_in_the_closed_list() -> None:
    assert {"storage_unavailable", "storage_corrupt"} == SYSTEMIC
    assert set(REASONS) >= SYSTEMIC
