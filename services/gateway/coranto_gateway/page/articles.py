"""Articles to be found and read: the list with its search, and one article with all that is known of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from markupsafe import Markup, escape
from pydantic import ValidationError

from coranto.filter import FilterError, compile_filter, quote
from coranto.records import Entity, FinishedArticle
from coranto.store.interface import ArticlePlace, ArticleReader, ArticleSummary, SearchError, SearchFilter
from coranto.urls import site_name
from coranto_gateway.api import feeds as api
from coranto_gateway.api.articles import Change, differences, get_revisions
from coranto_gateway.api.feeds import NewFeed
from coranto_gateway.api.why import times_of
from coranto_gateway.http.access import needs
from coranto_gateway.http.cursor import question_hash, read_cursor, write_cursor
from coranto_gateway.http.problems import Problem
from coranto_gateway.page.forms import form_of
from coranto_gateway.page.rendering import render
from coranto_gateway.page.submit import LINE
from coranto_gateway.parts import PartsOf
from coranto_gateway.tokens.token import Scope

router = APIRouter(include_in_schema=False)

_ON_A_PAGE: Final = 20

Text = Annotated[str, Query(max_length=1000)]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list: an article, and on this page its copies."""

    article: ArticleSummary
    excerpt: Markup
    copies: Sequence[ArticleSummary] = ()


@router.get("/articles")
@needs(Scope.READ)
async def show_list(
    request: Request,
    parts: PartsOf,
    q: Text = "",
    language: Text = "",
    source: Text = "",
    topic: Text = "",
    name: Text = "",
    where: Annotated[str, Query(max_length=4000)] = "",
    cursor: Text = "",
) -> Response:
    """The articles that match, latest first."""
    asked = {"q": q, "language": language, "source": source, "topic": topic, "name": name, "where": where}
    hashed = question_hash(*asked.values())
    error: str | None = None
    found: list[ArticleSummary] = []
    before: ArticlePlace | None = read_cursor(cursor, hashed) if cursor else None
    try:
        chosen = SearchFilter(
            language=language.strip() or None,
            source=source.strip() or None,
            topic=topic.strip() or None,
            entity=name.strip() or None,
            also=compile_filter(where) if where.strip() else None,
        )

        def look(reader: ArticleReader) -> list[ArticleSummary]:
            return reader.page(q, where=chosen, before=before, limit=_ON_A_PAGE + 1)

        found = await parts.stores.ask_if_any(look) or []
    except (SearchError, FilterError) as wrong:
        error = str(wrong)
    shown = found[:_ON_A_PAGE]
    older = write_cursor(shown[-1].place, hashed) if len(found) > _ON_A_PAGE else None
    return render(
        request,
        "articles.html",
        rows=_rows(shown),
        shown=len(shown),
        asked=asked,
        has_filter=any(asked.values()),
        is_narrowed=any(value for name, value in asked.items() if name != "q"),
        older=older,
        is_first=not cursor,
        error=error,
    )


@router.post("/articles/feed")
@needs(Scope.OPERATE)
async def make_feed(request: Request, parts: PartsOf) -> Response:
    """A feed of the search, with its address, which is shown this once."""
    form = await form_of(request)
    asked = {name: form.get(name, "").strip() for name in ("q", "language", "source", "topic", "name", "where")}
    title = ", ".join(value for value in asked.values() if value)[:200] or "Coranto"
    try:
        new = NewFeed(title=title, q=asked["q"], where=_as_filter(asked))
    except ValidationError as error:
        raise Problem(422, "bad-filter", error.errors()[0]["msg"].removeprefix("Value error, ")) from error
    made = await api.make_feed(new, parts)
    return render(request, "feed.html", made=made, base=parts.settings.gateway.public_url or "")


def _as_filter(asked: Mapping[str, str]) -> str:
    """The filters of the form as one filter in words."""
    tests = {
        "language": "language.under({0})",
        "source": "(source == {0} or publisher == {0} or host.under({0}))",
        "topic": "topic.under({0})",
        "name": "entity == {0}",
    }
    found = [test.format(quote(asked[name])) for name, test in tests.items() if asked[name]]
    return " and ".join([*found, *([f"({asked['where']})"] if asked["where"] else [])])


def _rows(found: Sequence[ArticleSummary]) -> list[Row]:
    """The articles, those of one story under the first of them."""
    by_story: dict[str, list[ArticleSummary]] = {}
    for each in found:
        by_story.setdefault(each.story_id or each.id, []).append(each)
    return [Row(first, _marked(first), copies) for first, *copies in by_story.values()]


def _marked(article: ArticleSummary) -> Markup:
    """The excerpt with its matches marked. Without a match it is the beginning, or the lead where there is one."""
    text = article.excerpt
    if "[" not in text and article.lead:
        return escape(article.lead)
    pieces: list[Markup] = []
    for number, piece in enumerate(text.split("[")):
        if number == 0:
            pieces.append(escape(piece))
            continue
        word, closed, rest = piece.partition("]")
        pieces.append(Markup("<mark>{}</mark>{}").format(word, rest) if closed else escape(f"[{piece}"))
    return Markup().join(pieces)


@router.get("/articles/{id}")
@needs(Scope.READ)
async def show_article(
    request: Request,
    id: str,  # noqa: A002 - the name in the address
    parts: PartsOf,
    before: Annotated[int | None, Query(ge=1)] = None,
    after: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """One article: its text with the names in it, where each field came from, its revisions, its story."""
    revisions = await get_revisions(parts, id)
    numbers = {each.storage.revision: each for each in revisions}
    article = revisions[-1]
    newer = numbers.get(after or article.storage.revision, article)
    older = numbers.get(before or newer.storage.revision - 1)
    changed = _changes(older, newer) if older is not None and older is not newer else []
    story = article.classification.story
    siblings: list[ArticleSummary] = []
    if story is not None:
        story_id = story.id
        siblings = await parts.stores.ask_if_any(lambda reader: reader.story(story_id, limit=20)) or []
    blocks = list(_blocks(article))
    lead: Markup = escape(article.content.lead or "")
    if blocks and (blocks[0][0], article.content.paragraphs[0].text) == ("standfirst", article.content.lead):
        _, lead = blocks.pop(0)  # it stands under the headline, with its names
    return render(
        request,
        "article.html",
        article=article,
        site=site_name(article.content.publisher, article.url, article.discovery.source),
        stages=LINE,
        times=times_of(article),
        lead=lead,
        blocks=blocks,
        title=_named(article.content.title or article.url, article.classification.entities, "title", 0),
        revisions=revisions[::-1],
        older=older,
        newer=newer,
        changed=changed,
        siblings=[each for each in siblings if each.id != article.id],
        written_language=_written_language(article),
    )


@dataclass(frozen=True, slots=True)
class Changed:
    """How one field differs, or one paragraph of the text."""

    field: str
    paragraph: int | None
    changes: Sequence[Change]


def _changes(older: FinishedArticle, newer: FinishedArticle) -> list[Changed]:
    """How the revisions differ, in the text paragraph by paragraph; what is the same is left out."""
    found: list[Changed] = []
    for difference in differences(older, newer):
        if difference.field != "text":
            found.append(Changed(difference.field, None, difference.changes))
            continue
        number, paragraph = 1, list[Change]()
        for change in difference.changes:
            for line in change.text.splitlines(keepends=True):
                paragraph.append(Change(kind=change.kind, text=line.rstrip("\n")))
                if line.endswith("\n"):
                    if any(each.kind != "same" for each in paragraph):
                        found.append(Changed("text", number, paragraph))
                    # What was taken away is no paragraph of the newer text.
                    number, paragraph = number + (change.kind != "removed"), []
        if any(each.kind != "same" for each in paragraph):
            found.append(Changed("text", number, paragraph))
    return found


def _written_language(article: FinishedArticle) -> str | None:
    code = article.classification.language.code
    return None if code == "und" else code


def _blocks(article: FinishedArticle) -> Iterator[tuple[str, Markup]]:
    """Each block's kind, and its text with the names marked."""
    text, at = article.content.text, 0
    for block in article.content.paragraphs:
        start = text.find(block.text, at)
        if start < 0:  # a foreign writer's text that is not made of its blocks
            yield block.kind, escape(block.text)
            continue
        at = start + len(block.text)
        yield block.kind, _named(block.text, article.classification.entities, "text", start)


def _named(text: str, entities: Sequence[Entity], field: str, start: int) -> Markup:
    """The text with the names that stand in it as links. Only positions where the words really stand count."""
    marks: list[tuple[int, int, Entity]] = []
    for entity in entities:
        for mention in entity.mentions:
            first, last = mention.start - start, mention.end - start
            if mention.field == field and 0 <= first < last <= len(text) and text[first:last] == mention.text:
                marks.append((first, last, entity))
    pieces: list[Markup] = []
    at = 0
    for first, last, entity in sorted(marks, key=lambda mark: (mark[0], -mark[1])):
        if first < at:  # inside a longer name
            continue
        link = Markup('<a class="ent is-{}" href="/articles?{}">{}</a>').format(
            entity.type, urlencode({"name": entity.name}), text[first:last]
        )
        pieces += [escape(text[at:first]), link]
        at = last
    return Markup().join([*pieces, escape(text[at:])])
