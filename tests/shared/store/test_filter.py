"""A filter asked of the article store gives what it gives when it is called with each record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.harness.postgresql_server import PostgresqlServer
from tests.shared.store.articles import NOON, build_article
from tests.shared.store.databases import Database

from coranto.filter import compile_filter
from coranto.records import (
    ArticleDate,
    ClassifiedArticle,
    Entity,
    FinishedArticle,
    Language,
    Person,
    Story,
    Topic,
)
from coranto.store.address import open_article_reader, open_article_store
from coranto.store.interface import SearchFilter

# Few words, so that filters meet articles; with letters that SQLite alone does not fold, and signs that SQL has a use for.
IDS = ("iso3166:KG", "geonames:703448")
WORDS = ("Ёлка", "елка", "Neva", "neva river", "O'Hara", "50% off_", "x:where_0", "İstanbul", "straße", "a\\b", "")
HOSTS = ("news.example", "example", "ews.example", "пример.example")
LANGUAGES = ("ru", "pt", "pt-BR", "en", "und")
TOPICS = ("13000000", "11000000", "20000574", "11000000", "20000593")
TIMES = tuple(NOON + timedelta(hours=hours) for hours in (0, 1, 24))


def optional(values: tuple[str, ...]) -> st.SearchStrategy[str | None]:
    return st.none() | st.sampled_from(values)


def date_of(moment: datetime, zone: str) -> ArticleDate:
    local = f"{moment:%Y-%m-%dT%H:%M}"
    if zone == "unknown":
        return ArticleDate(local=local, precision="minute")
    if zone == "day":
        return ArticleDate(local=local[:10], precision="day")
    return ArticleDate(local=local, precision="minute", zone=zone, zone_from="stated", at=moment)


@st.composite
def articles(draw: st.DrawFn, number: int) -> ClassifiedArticle:
    host = draw(st.sampled_from(HOSTS))
    built = build_article(f"https://{host}/{number}", text=draw(st.sampled_from(WORDS[:-1])))
    at = draw(st.none() | st.sampled_from(TIMES))
    content = built.content.model_copy(
        update={
            "title": draw(optional(WORDS)),
            "lead": draw(optional(WORDS)),
            "publisher": draw(optional(WORDS)),
            "section": draw(optional(WORDS)),
            "authors": tuple(Person(name=name) for name in draw(st.lists(st.sampled_from(WORDS[:-1]), max_size=2))),
            "tags": tuple(draw(st.lists(st.sampled_from(WORDS), max_size=2))),
            "published": None if at is None else date_of(at, draw(st.sampled_from(("UTC", "unknown", "day")))),
            "is_paywalled": draw(st.sampled_from((None, True, False))),
        }
    )
    kinds = st.sampled_from(("person", "organisation", "place"))
    story = draw(st.none() | st.sampled_from(("original", "copy")))
    classification = built.classification.model_copy(
        update={
            "language": Language(code=draw(st.sampled_from(LANGUAGES)), confidence=0.9),
            "topics": tuple(
                Topic.model_validate({"code": code, "name": "a topic", "score": 0.9, "from": ["model"]})
                for code in draw(st.lists(st.sampled_from(TOPICS), max_size=2, unique=True))
            ),
            "entities": tuple(
                Entity(type=draw(kinds), name=name, count=1, id=draw(st.sampled_from((None, *IDS))))
                for name in draw(st.lists(st.sampled_from(WORDS[:-1]), max_size=3, unique=True))
            ),
            "story": None if story is None else Story(id="0" * 32, role=story),
        }
    )
    discovery = built.discovery.model_copy(update={"tags": tuple(draw(st.lists(st.sampled_from(WORDS), max_size=2)))})
    return built.model_copy(update={"content": content, "classification": classification, "discovery": discovery})


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


TEXT_FIELDS = st.sampled_from(
    ("title", "lead", "text", "publisher", "section", "source", "url", "author", "tag", "source_tag", "entity", "entity_id",
     "person", "organisation", "place", "story_role", "change")
)  # fmt: skip
words = st.sampled_from((*WORDS, *IDS, "original", "created", "example")).map(quoted)
tests = st.one_of(
    st.builds("{} {} {}".format, TEXT_FIELDS, st.sampled_from(("==", "!=")), words),
    st.builds("{} {} ({}, {})".format, TEXT_FIELDS, st.sampled_from(("in", "not in")), words, words),
    st.builds(
        "{}.{}({})".format, TEXT_FIELDS, st.sampled_from(("contains", "startswith")), st.sampled_from(WORDS[:-1]).map(quoted)
    ),
    st.builds("{} {} none".format, TEXT_FIELDS | st.sampled_from(("published", "paywalled", "topic", "story")),
              st.sampled_from(("==", "!="))),
    st.builds("host{}".format, st.sampled_from([f" == {quoted(h)}" for h in HOSTS] + [f".under({quoted(h)})" for h in HOSTS])),
    st.builds("language{}({})".format, st.sampled_from((".under", ".startswith", " in ")), st.sampled_from(LANGUAGES).map(quoted)),
    st.builds("topic{}({})".format, st.sampled_from((".under", " in ", " not in ")), st.sampled_from(TOPICS).map(quoted)),
    st.builds("{} {} '{}'".format, st.sampled_from(("published", "stored")), st.sampled_from(("==", "!=", "<", "<=", ">", ">=")),
              st.sampled_from([time.isoformat() for time in TIMES])),
    st.builds("revision {} {}".format, st.sampled_from(("==", "!=", "<", "<=", ">", ">=")), st.sampled_from((0, 1, 2))),
    st.builds("paywalled {} {}".format, st.sampled_from(("==", "!=")), st.sampled_from(("true", "false"))),
)  # fmt: skip
filters = st.recursive(
    tests,
    lambda inner: st.one_of(
        inner.map("not ({})".format),
        st.builds("({}) {} ({})".format, inner, st.sampled_from(("and", "or")), inner),
    ),
    max_leaves=6,
)


def store_all(database: Database, chosen: list[ClassifiedArticle]) -> None:
    async def main() -> None:
        store = open_article_store(database)
        await store.open()
        for article in chosen:
            await store.store(article)
        await store.close()

    asyncio.run(main())


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Database]:
    """Makes another empty database with each call."""
    if request.param == "sqlite":
        return lambda: tmp_path_factory.mktemp("store") / "articles.sqlite"
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    return lambda: server.url(server.make_database())


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_the_store_and_the_record_agree(new_database: Callable[[], Database], data: st.DataObject) -> None:
    database = new_database()
    store_all(database, [data.draw(articles(number)) for number in range(8)])
    with open_article_reader(database) as reader:
        records: list[FinishedArticle] = list(reader.iterate())
        for _ in range(30):
            text = data.draw(filters)
            asked = compile_filter(text)
            held = {record.id for record in records if asked(record)}
            found = {each.id for each in reader.page(where=SearchFilter(also=asked), limit=100)}
            assert found == held, text
            assert reader.count_found(where=SearchFilter(also=asked)) == len(held)
