"""Stories: the articles that tell the same, across publishers."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from coranto_gateway.api.articles import ListedArticle
from coranto_gateway.parts import PartsOf
from coranto_gateway.problems import not_found

router = APIRouter(prefix="/v1", tags=["articles"])


class StoryView(BaseModel):
    """A story and its articles, in the order they were published."""

    id: str = Field(description="Id of the story: that of its first article.")
    items: list[ListedArticle] = Field(description="The first 200.")


@router.get("/stories/{id}", summary="A story with its articles")
async def show_story(id: str, parts: PartsOf) -> StoryView:  # noqa: A002 - the name in the address
    """The original, its copies and updates."""
    found = await parts.stores.ask_if_any(lambda reader: reader.story(id))
    if not found:
        raise not_found("story", id, "an article's story is in `classification.story` of its record")
    return StoryView(id=id, items=[ListedArticle.of(each) for each in found])
