"""Stories: the articles that tell the same, across publishers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from coranto.filter import compile_filter
from coranto.store.interface import ArticlePlace, ArticleReader, ArticleSummary, SearchFilter
from coranto.urls import site_name
from coranto_gateway.api.articles import ListedArticle
from coranto_gateway.http.access import needs
from coranto_gateway.http.cursor import question_hash, read_cursor, write_cursor
from coranto_gateway.http.moments import Moment
from coranto_gateway.http.problems import not_found
from coranto_gateway.parts import PartsOf
from coranto_gateway.tokens.token import Scope

router = APIRouter(prefix="/v1", tags=["articles"])

_MOST_MEMBERS: Final = 500
_AT_ONCE: Final = 200
_READ_AT_MOST: Final = 5000
"""Copies that are looked at for one page of stories, so that a store of few large stories is not read whole."""
_FOLLOWERS: Final = SearchFilter(also=compile_filter("story_role in ('copy', 'excerpt', 'update')"))
"""Whatever is not the first of its story: a story of several articles has one."""


class StoryView(BaseModel):
    """A story and its articles, in the order they were published."""

    id: str = Field(description="Id of the story: that of its first article.")
    items: list[ListedArticle] = Field(description="The first 200.")


class StorySummary(BaseModel):
    """What a list shows of a story."""

    id: str = Field(description="Id of the story, see `/v1/stories/{id}`.")
    title: str | None = Field(description="Headline of its first article.")
    articles: int = Field(description="Number of its articles, counted up to 500.")
    publishers: list[str] = Field(description="Who published it, in the order they did.")
    languages: list[str]
    first_at: datetime = Field(description="When its first article was published, or stored where that is not known.")
    last_at: datetime


class StoryPage(BaseModel):
    """A page of stories, the one with the latest copy or update first."""

    items: list[StorySummary]
    next: str | None = Field(description="Cursor of the page behind this one; null on the last one.")


@dataclass(frozen=True, slots=True)
class FoundStory:
    """A story with its articles, in the order they were published."""

    id: str
    articles: Sequence[ArticleSummary]

    @property
    def publishers(self) -> list[str]:
        """Who published it, in the order they did."""
        names = (site_name(each.publisher, each.url, each.source) for each in self.articles)
        return [name for name in dict.fromkeys(names) if name]

    @property
    def languages(self) -> list[str]:
        """The languages it was told in, in the order they came."""
        written = (each.language for each in self.articles)
        return list(dict.fromkeys(code for code in written if code and code != "und"))


def moment_of(article: ArticleSummary) -> datetime:
    """When the article was published, as if in UTC where its zone is unknown; when it was stored where that is all there is."""
    moment = datetime.fromisoformat(article.place.at)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


@router.get("/stories", summary="Stories of several articles")
@needs(Scope.READ)
async def list_stories(
    parts: PartsOf,
    since: Annotated[
        Moment | None, Query(description="Only stories with a copy or update published since, with its zone.")
    ] = None,
    at_least: Annotated[int, Query(ge=2, le=100, description="Only stories of so many articles.")] = 2,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str, Query(max_length=1000, description="`next` of the page before.")] = "",
) -> StoryPage:
    """The one with the latest copy or update first."""
    hashed = question_hash("stories", since, at_least)
    before = read_cursor(cursor, hashed) if cursor else None
    found, following = await parts.stores.ask_if_any(
        lambda reader: find_stories(reader, since=since, at_least=at_least, before=before, limit=limit)
    ) or ([], None)
    return StoryPage(
        items=[
            StorySummary(
                id=each.id,
                title=each.articles[0].title,
                articles=len(each.articles),
                publishers=each.publishers,
                languages=each.languages,
                first_at=moment_of(each.articles[0]),
                last_at=moment_of(each.articles[-1]),
            )
            for each in found
        ],
        next=write_cursor(following, hashed) if following is not None else None,
    )


@router.get("/stories/{id}", summary="A story with its articles")
@needs(Scope.READ)
async def show_story(id: str, parts: PartsOf) -> StoryView:  # noqa: A002 - the name in the address
    """The original, its copies and updates."""
    found = await parts.stores.ask_if_any(lambda reader: reader.story(id))
    if not found:
        raise not_found("story", id, "an article's story is in `classification.story` of its record")
    return StoryView(id=id, items=[ListedArticle.of(each) for each in found])


def find_stories(
    reader: ArticleReader, *, since: datetime | None, at_least: int, before: ArticlePlace | None, limit: int
) -> tuple[list[FoundStory], ArticlePlace | None]:
    """Stories by their latest copy or update, and the place behind which the next ones are; None when there are none.

    Each is on one page only: that of its latest copy or update.
    """
    found: list[FoundStory] = []
    seen: set[str] = set()
    place = before
    for _ in range(0, _READ_AT_MOST, _AT_ONCE):
        followers = reader.page(where=_FOLLOWERS, before=place, limit=_AT_ONCE)
        for each in followers:
            if since is not None and moment_of(each) < since:
                return found, None
            place = each.place
            if each.story_id is None or each.story_id in seen:
                continue
            seen.add(each.story_id)
            articles = reader.story(each.story_id, limit=_MOST_MEMBERS)
            if len(articles) < at_least or _was_shown(articles, before):
                continue
            found.append(FoundStory(each.story_id, articles))
            if len(found) == limit:
                return found, place
        if len(followers) < _AT_ONCE:
            return found, None
    return found, place


def _was_shown(articles: Sequence[ArticleSummary], before: ArticlePlace | None) -> bool:
    """Whether the story's latest copy or update stands on an earlier page."""
    if before is None:
        return False
    latest = max((each.place.at, each.place.id) for each in articles if each.story_role != "original")
    return latest >= (before.at, before.id)
