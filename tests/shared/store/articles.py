"""Articles as the classifier hands them over, for the tests of the store and of the sink."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from coranto.records import (
    ArticleDate,
    Block,
    Classification,
    ClassifiedArticle,
    Content,
    Discovery,
    Entity,
    Fetch,
    FinishedArticle,
    Image,
    Language,
    PageRef,
    Person,
    Topic,
    article_id,
)
from coranto.store.interface import ArticleStore, Stored
from coranto.store.rules.revisions import Skipped
from coranto.urls import key_of

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


def build_article(
    url: str = "https://news.example/bridge",
    *,
    fetch: int = 1,
    submission: str | None = None,
    title: str = "Bridge over the Neva reopens",
    text: str = "The bridge reopened on Saturday.\nTraffic is flowing again.",
    topics: tuple[str, ...] = ("13000000",),
) -> ClassifiedArticle:
    page = hashlib.sha256(f"{url} {title} {text}".encode()).hexdigest()
    return ClassifiedArticle(
        id=article_id(key_of(url)),
        key=key_of(url),
        url=url,
        discovery=Discovery(
            url=f"{url}?utm_source=feed",
            submission=submission or f"submission-{fetch}",
            source="example",
            discovered_via="feed",
            discovered_at=NOON,
        ),
        fetch=Fetch(
            final_url=url,
            status=200,
            page=PageRef(sha256=page, size_bytes=len(text)),
            fetched_at=NOON + timedelta(minutes=fetch),
        ),
        content=Content(
            title=title,
            paragraphs=tuple(Block(text=line) for line in text.split("\n")),
            authors=(Person(name="Anna Petrova"),),
            publisher="The Example",
            published=ArticleDate(
                local="2026-03-14T15:00", precision="minute", zone="+03:00", zone_from="stated", at=NOON
            ),
            section="City",
            tags=("bridges", "traffic"),
            image=Image(url="https://news.example/bridge.jpg?w=800", caption="The bridge", credit="Ivan Sidorov"),
            word_count=len(text.split()),
            extractor_version="1",
        ),
        classification=Classification(
            language=Language(code="en", confidence=0.99),
            topics=tuple(
                Topic.model_validate({"code": code, "name": "a topic", "score": 0.9, "from": ["model"]})
                for code in topics
            ),
            entities=(Entity(type="place", name="Neva", count=1),),
        ),
    )


async def store(article: ClassifiedArticle, *, article_store: ArticleStore) -> FinishedArticle:
    """The article as it is announced; fails where the store skips it."""
    result = await article_store.store(article)
    assert isinstance(result, Stored), result
    return result.article


async def reason_to_skip(article: ClassifiedArticle, *, article_store: ArticleStore) -> str:
    """Why the store skips the article; fails where it does not."""
    result = await article_store.store(article)
    assert isinstance(result, Skipped), result
    return result.reason
