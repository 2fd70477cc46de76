"""Which addresses are one article, by what, and what an operator splits off."""

from __future__ import annotations

import pytest
from tests.shared.store.articles import build_article, store
from tests.shared.store.databases import Database

from coranto.records import ClassifiedArticle, article_id
from coranto.store.address import open_article_reader, open_article_upkeep
from coranto.store.interface import ArticleStore, UnsplittableError
from coranto.urls import key_of

OWN = "https://news.example/bridge"
AMP = "https://news.example/amp/bridge"
SHORT = "https://nws.example/b1"


def met_at(page: str, *, asked: str | None = None, fetch: int = 1, text: str = "It reopened.") -> ClassifiedArticle:
    """The article at OWN as the extractor gives it from the page at this address, which declares OWN."""
    article = build_article(OWN, fetch=fetch, text=text)
    discovery = article.discovery.model_copy(update={"url": asked or page})
    return article.model_copy(
        update={"discovery": discovery, "fetch": article.fetch.model_copy(update={"final_url": page})}
    )


async def test_every_address_says_by_what_it_leads_to_the_article(
    article_store: ArticleStore, database: Database
) -> None:
    finished = await store(met_at(OWN, asked=SHORT), article_store=article_store)
    await store(met_at(OWN, asked=AMP, fetch=2, text="New."), article_store=article_store)
    with open_article_reader(database) as reader:
        found = reader.identity_of(SHORT)
        assert reader.identity_of("https://news.example/other") is None
    assert found is not None
    assert (found.article_id, found.url) == (finished.id, OWN)
    assert [(each.key, each.led_by) for each in found.addresses] == [
        (key_of(OWN), "own"), (key_of(AMP), "redirect"), (key_of(SHORT), "redirect"),
    ]  # fmt: skip
    assert found.addresses[0].known_since == finished.storage.stored_at
    assert found.splits == ()


async def test_address_whose_page_declares_another_leads_there_by_its_canonical_link(
    article_store: ArticleStore, database: Database
) -> None:
    await store(met_at(AMP), article_store=article_store)
    with open_article_reader(database) as reader:
        found = reader.identity_of(OWN)
    assert found is not None
    assert [(each.key, each.led_by) for each in found.addresses] == [(key_of(OWN), "own"), (key_of(AMP), "canonical")]


async def test_address_that_was_split_off_is_an_article_of_its_own_at_every_later_visit(
    article_store: ArticleStore, database: Database
) -> None:
    merged = await store(met_at(OWN), article_store=article_store)
    upkeep = open_article_upkeep(database)
    await store(met_at(OWN, asked=AMP, fetch=3, text="Newer."), article_store=article_store)
    assert upkeep.split(AMP) == upkeep.split(AMP) == merged.id
    with open_article_reader(database) as reader:
        assert reader.find(AMP) is None

    for fetch in (4, 5):
        apart = await store(met_at(AMP, fetch=fetch, text=f"Of its own, {fetch}."), article_store=article_store)
        assert (apart.id, apart.key, apart.url) == (article_id(key_of(AMP)), key_of(AMP), AMP)
        assert apart.storage.revision == fetch - 3
    again = await store(met_at(OWN, fetch=6, text="Newest."), article_store=article_store)
    assert (again.id, again.storage.revision) == (merged.id, 3)
    with open_article_reader(database) as reader:
        found, other = reader.identity_of(OWN), reader.identity_of(AMP)
        assert reader.count() == 2
    assert found is not None
    assert other is not None
    assert [each.key for each in found.splits] == [key_of(AMP)]
    assert [(each.key, each.led_by) for each in other.addresses] == [(key_of(AMP), "own")]


async def test_redirecting_address_that_was_split_off_is_not_learnt_again(
    article_store: ArticleStore, database: Database
) -> None:
    await store(met_at(OWN, asked=SHORT), article_store=article_store)
    upkeep = open_article_upkeep(database)
    upkeep.split(SHORT)
    revised = await store(met_at(OWN, asked=SHORT, fetch=2, text="New."), article_store=article_store)
    assert revised.storage.revision == 2
    with open_article_reader(database) as reader:
        assert reader.find(SHORT) is None
    assert upkeep.rejoin(SHORT) == revised.id
    assert upkeep.rejoin(SHORT) is None
    await store(met_at(OWN, asked=SHORT, fetch=3, text="Newer."), article_store=article_store)
    with open_article_reader(database) as reader:
        assert reader.find(SHORT) is not None


async def test_own_address_cannot_be_split_off_and_an_unknown_one_leads_nowhere(
    article_store: ArticleStore, database: Database
) -> None:
    await store(met_at(OWN), article_store=article_store)
    upkeep = open_article_upkeep(database)
    with pytest.raises(UnsplittableError, match="split the other addresses"):
        upkeep.split(OWN)
    assert upkeep.split("https://news.example/other") is None
    assert upkeep.rejoin("https://news.example/other") is None
    upkeep.remove([article_id(key_of(OWN))])
    with open_article_reader(database) as reader:
        assert reader.identity_of(OWN) is None
