"""Both databases find the same articles, whatever stands in them and whatever is asked."""

from __future__ import annotations

import asyncio
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.harness.postgresql_server import PostgresqlServer
from tests.shared.store.articles import build_article, store
from tests.shared.store.databases import Database

from coranto.records import ClassifiedArticle, Language
from coranto.store.address import open_article_reader, open_article_store
from coranto.store.interface import (
    EVERYTHING,
    ArticleReader,
    ArticleStore,
    ArticleSummary,
    SearchError,
    SearchFilter,
)

WORDS = (
    *("мост", "моста", "мосты", "Мёд", "мед", "ёлка", "ёж", "Киев", "Киева", "йод", "школьницами", "Санкт-Петербурга"),
    *(
        "café",
        "CAFE",
        "naïve",
        "Straße",
        "STRASSE",
        "ß",
        "Ærø",
        "Łódź",
        "Žižka",
        "İstanbul",
        "ﬁn",
        "run",
        "running",
        "news",
    ),
    *(
        "new",
        "neue",
        "2026",
        "12.5",
        "a1",
        "_x_",
        "x_y",
        "don't",
        "O'Neill",
        "C++",
        "①",
        "ά",
        "Αθήνα",
        "क्षेत्र",
        "東京",
        "e\u0301t",
    ),
)
LANGUAGES = ("ru", "en", "de", "fr", "und")
word = st.sampled_from(WORDS) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=4)
text = st.lists(word, min_size=1, max_size=8).map(" ".join)
asked = st.one_of(
    word,
    text,
    text.map(lambda words: f'"{words}"'),
    word.map(lambda each: f"{each}*"),
    text.map(lambda words: f"{words}*"),
    st.lists(
        word | text.map(lambda words: f'"{words}"') | word.map(lambda each: f"{each}*"), min_size=1, max_size=4
    ).map(lambda choices: f"({' | '.join(choices)}) {choices[0]}"),
)


@pytest.fixture(scope="module")
def readers(postgresql: PostgresqlServer) -> Iterator[tuple[ArticleReader, ArticleReader]]:
    """One store of each kind with the same articles, of the words above."""
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        name = postgresql.make_database()
        addresses = (Path(directory) / "articles.sqlite", postgresql.url(name))
        articles = [_article(number, title, body) for number, (title, body) in enumerate(_texts())]
        for address in addresses:
            asyncio.run(_fill(address, articles))
        yield (
            stack.enter_context(open_article_reader(addresses[0])),
            stack.enter_context(open_article_reader(addresses[1])),
        )
    postgresql.drop_database(name)


def _texts() -> Iterator[tuple[str, str]]:
    for number, each in enumerate(WORDS):
        following = [WORDS[(number + step) % len(WORDS)] for step in (1, 2, 7, 11)]
        yield each, " ".join(following)
        yield " ".join(following[2:]), f"{following[0]} {each} {following[1]}"
        yield "Other", unicodedata.normalize("NFC", f"{each} {each}, {following[3]}")


def _article(number: int, title: str, body: str) -> ClassifiedArticle:
    article = build_article(f"https://news.example/{number}", title=title, text=body)
    language = Language(code=LANGUAGES[number % len(LANGUAGES)], confidence=0.9)
    section = article.classification.model_copy(update={"language": language})
    return article.model_copy(update={"classification": section})


async def _fill(address: Database, articles: Iterable[ClassifiedArticle]) -> None:
    article_store = open_article_store(address)
    await article_store.open()
    for article in articles:
        await store(article, article_store=article_store)
    await article_store.close()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=asked, language=st.none() | st.sampled_from(["ru", "en", "de"]))
def test_same_query_finds_the_same_articles(
    readers: tuple[ArticleReader, ArticleReader], query: str, language: str | None
) -> None:
    found: list[set[str]] = []
    for reader in readers:
        try:
            found.append({hit.url for hit in reader.search(query, where=SearchFilter(language=language), limit=1000)})
        except SearchError as error:  # both must refuse it, in the same words
            found.append({str(error)})
    assert found[0] == found[1]


async def test_of_many_matches_the_latest_are_ranked_and_lists_by_time_hold_all(
    article_store: ArticleStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        await store(build_article(f"https://news.example/{number}", title="Ferry"), article_store=article_store)
    for reader in ("sqlite", "postgresql"):
        monkeypatch.setattr(f"coranto.store.{reader}.reader.RANKED", 4)
    # As where there are so many that each article is looked up among them.
    monkeypatch.setattr("coranto.store.sqlite.reader._MANY_MATCHES", 2)
    monkeypatch.setattr("coranto.store.sqlite.reader._MANY_ROWS", 2)
    with open_article_reader(database) as articles:
        assert {hit.url[-1] for hit in articles.search("ferry")} == {"2", "3", "4", "5"}
        science, neva = SearchFilter(topic="13000000"), SearchFilter(entity="Neva")
        for where in (EVERYTHING, science, neva, SearchFilter(topic="13000000", entity="Neva")):
            assert {hit.url[-1] for hit in articles.search("ferry", where=where)} == {"2", "3", "4", "5"}
            listed: list[ArticleSummary] = []
            while page := articles.page("ferry", where=where, before=listed[-1].place if listed else None, limit=4):
                listed += page
            assert {each.url[-1] for each in listed} == set("012345")
            assert len(listed) == articles.count_found("ferry", where=where) == 6
        assert articles.page("ferry", where=SearchFilter(entity="Nowhere")) == []
