"""Articles: found by words and filters page by page, and each by itself in several forms."""

from __future__ import annotations

import difflib
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field, field_validator

from coranto.filter import compile_filter
from coranto.pages.store import CorruptPageError, MissingPageError, PageTooLargeError
from coranto.records import FinishedArticle
from coranto.store.interface import ArticleReader, ArticleSummary, SearchFilter
from coranto_gateway.http.access import needs
from coranto_gateway.http.conditional import has_it
from coranto_gateway.http.cursor import question_hash, read_cursor, write_cursor
from coranto_gateway.http.moments import Moment
from coranto_gateway.http.problems import Problem, not_found
from coranto_gateway.http.representations import FormatName, answer, answer_all, choose
from coranto_gateway.parts import Parts, PartsOf
from coranto_gateway.tokens.token import Scope

router = APIRouter(prefix="/v1", tags=["articles"])

_LARGEST_PAGE_BYTES = 100_000_000

Format = Annotated[
    FormatName | None, Query(description="The form of the answer; without it, `Accept` decides, and then JSON.")
]


class Question(BaseModel):
    """Which articles a list holds."""

    q: str = Field(
        "",
        max_length=1000,
        description='Words in any form, `"a phrase"` as written, `begin*`, `(one | another)`.',
    )
    since: Moment | None = Field(None, description="Published at this time or later, with a time zone.")
    until: Moment | None = Field(None, description="Published before this time, with a time zone.")
    source: str | None = Field(
        None,
        max_length=300,
        description="Name of the source or publisher, host of the address, or a domain above it.",
    )
    language: str | None = Field(None, max_length=35, description="Language tag; `pt` includes `pt-BR`.")
    topic: str | None = Field(
        None, max_length=200, description="Code or name of an IPTC media topic, with all below it."
    )
    entity: str | None = Field(
        None, max_length=300, description="Normal form of a person, organisation or place that is named."
    )

    where: str = Field(
        "", max_length=4000, description="A filter, such as `language == 'ru' and topic.under('medtop:11000000')`."
    )

    @field_validator("where")
    @classmethod
    def _where_can_be_read(cls, text: str) -> str:
        if text.strip():
            compile_filter(text)
        return text

    def to_filter(self) -> SearchFilter:
        """The filter as the article store takes it."""
        return SearchFilter(
            also=compile_filter(self.where) if self.where.strip() else None,
            since=self.since,
            until=self.until,
            source=self.source or None,
            language=self.language or None,
            topic=self.topic or None,
            entity=self.entity or None,
        )

    @property
    def hash(self) -> str:
        """Differs between questions."""
        return question_hash(
            self.q, self.since, self.until, self.source, self.language, self.topic, self.entity, self.where
        )


class ArticleQuestion(Question):
    """A page of a list."""

    cursor: str | None = Field(None, max_length=300, description="`next` of the page before.")
    limit: int = Field(50, ge=1, le=500, description="Articles on a page.")
    count: bool = Field(False, description="Count all that match, which reads them all.")
    full: bool = Field(False, description="Whole records instead of what a list shows.")
    format: FormatName | None = Field(None, description="Anything but `json` gives whole articles.")


class ListedArticle(BaseModel):
    """What a list shows of an article, in its latest revision."""

    id: str
    url: str
    title: str | None
    lead: str | None
    authors: str | None
    publisher: str | None
    source: str
    section: str | None
    published: str | None = Field(description="RFC 3339; a bare date, or no zone, where no more is known.")
    language: str | None
    topic: str | None = Field(description="Name of the surest topic.")
    image_url: str | None
    story_id: str | None = Field(description="Id of its story, see `/v1/stories/{id}`.")
    story_role: str | None
    revision: int
    change: str = Field(description="What happened to it last: `created`, `updated` or `retracted`.")
    first_stored: datetime
    last_stored: datetime
    excerpt: str = Field(description="Words around the match, matches between `[` and `]`.")

    @classmethod
    def of(cls, summary: ArticleSummary) -> ListedArticle:
        """The article as it is listed."""
        values = asdict(summary)
        del values["place"]
        return cls(**values)


class ArticlePage(BaseModel):
    """A page of articles, latest first."""

    items: list[ListedArticle] | list[FinishedArticle]
    next: str | None = Field(description="Cursor of the page behind this one; null on the last one.")
    count: int | None = Field(None, description="All that match, where `count` was asked for.")


@router.get(
    "/articles",
    summary="Articles by words and filters",
    response_model=ArticlePage,
    responses={200: {"content": {"application/ld+json": {}, "application/vnd.iptc.ninjs+json": {}, "text/plain": {}}}},
)
@needs(Scope.READ)
async def list_articles(request: Request, asked: Annotated[ArticleQuestion, Query()], parts: PartsOf) -> Any:
    """Latest first. The next page begins where `next` says, however many articles have come meanwhile."""
    form = choose(request, asked.format)
    before = read_cursor(asked.cursor, asked.hash) if asked.cursor else None
    where = asked.to_filter()

    def look(reader: ArticleReader) -> tuple[list[ArticleSummary], list[FinishedArticle], int | None]:
        # One more than asked for tells whether there is a next page.
        found = reader.page(asked.q, where=where, before=before, limit=asked.limit + 1)
        count = reader.count_found(asked.q, where=where) if asked.count else None
        if not asked.full and form.name == "json":
            return found, [], count
        records = (reader.find(each.id) for each in found[: asked.limit])
        return found, [record for record in records if record is not None], count

    found, records, count = await parts.stores.ask_if_any(look) or ([], [], 0 if asked.count else None)
    shown = found[: asked.limit]
    following = write_cursor(shown[-1].place, asked.hash) if len(found) > asked.limit else None
    if form.name != "json":
        response = answer_all(records, form)
        if following:
            response.headers["Link"] = f'<{request.url.include_query_params(cursor=following)}>; rel="next"'
        return response
    items: Any = records if asked.full else [ListedArticle.of(each) for each in shown]
    return ArticlePage(items=items, next=following, count=count)


async def get_article(parts: Parts, key: str) -> FinishedArticle:
    """The article with this id or address. Raises Problem when it is not stored."""
    found = await parts.stores.ask_if_any(lambda reader: reader.find(key))
    if found is None:
        raise not_found("article", key, "`/v1/why?url=…` says what happened to an address")
    return found


async def get_revisions(parts: Parts, key: str) -> list[FinishedArticle]:
    """All revisions of the article, first to latest. Raises Problem when it is not stored."""
    found = await parts.stores.ask_if_any(lambda reader: reader.revisions_of(key))
    if not found:
        raise not_found("article", key, "`/v1/why?url=…` says what happened to an address")
    return found


@router.get(
    "/articles/{id}",
    summary="One article",
    response_model=FinishedArticle,
    responses={200: {"content": {"application/ld+json": {}, "application/vnd.iptc.ninjs+json": {}, "text/plain": {}}}},
)
@needs(Scope.READ)
async def show_article(
    request: Request,
    id: str,  # noqa: A002 - the name in the address
    parts: PartsOf,
    format: Format = None,  # noqa: A002 - the name in the address
) -> Response:
    """The latest revision."""
    form = choose(request, format)
    response = answer(await get_article(parts, id), form)
    if has_it(request, response.headers["ETag"]):
        return Response(status_code=304, headers={"ETag": response.headers["ETag"], "Vary": "Accept"})
    return response


class RevisionList(BaseModel):
    """Every stored revision of an article, first to latest."""

    items: list[FinishedArticle]


@router.get("/articles/{id}/revisions", summary="All revisions of an article")
@needs(Scope.READ)
async def list_revisions(id: str, parts: PartsOf) -> RevisionList:  # noqa: A002 - the name in the address
    """First to latest."""
    return RevisionList(items=await get_revisions(parts, id))


class Change(BaseModel):
    """A run of words that is the same in both revisions, was taken away, or was added."""

    kind: str = Field(description="`same`, `removed` or `added`.")
    text: str


class FieldDifference(BaseModel):
    """How one field differs."""

    field: str
    changes: list[Change]


class Difference(BaseModel):
    """How two revisions of an article differ."""

    id: str
    before: int = Field(description="Number of the older revision.")
    after: int = Field(description="Number of the newer revision.")
    fields: list[FieldDifference]


@router.get("/articles/{id}/diff", summary="How two revisions differ")
@needs(Scope.READ)
async def show_difference(
    id: str,  # noqa: A002 - the name in the address
    parts: PartsOf,
    before: Annotated[int | None, Query(ge=1, description="A revision; by default the one before `after`.")] = None,
    after: Annotated[int | None, Query(ge=1, description="A revision; by default the latest.")] = None,
) -> Difference:
    """Word by word, in each field that differs."""
    revisions = {each.storage.revision: each for each in await get_revisions(parts, id)}
    newer = after if after is not None else max(revisions)
    older = before if before is not None else max(1, newer - 1)
    for number in (older, newer):
        if number not in revisions:
            raise not_found("revision", str(number), f"the article has revisions 1 to {max(revisions)}")
    return Difference(
        id=revisions[newer].id,
        before=older,
        after=newer,
        fields=differences(revisions[older], revisions[newer]),
    )


def differences(older: FinishedArticle, newer: FinishedArticle) -> list[FieldDifference]:
    """How the fields that a reader sees differ; those that do not are left out."""
    found = []
    for (name, before), after in zip(_readable(older).items(), _readable(newer).values(), strict=True):
        if before != after:
            found.append(FieldDifference(field=name, changes=word_changes(before, after)))
    return found


def word_changes(before: str, after: str) -> list[Change]:
    """How one text becomes the other, in runs of words."""
    left, right = _words(before), _words(after)
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=len(left) + len(right) > 4000)
    changes: list[Change] = []
    for kind, left_start, left_end, right_start, right_end in matcher.get_opcodes():
        if kind == "equal":
            changes.append(Change(kind="same", text="".join(left[left_start:left_end])))
            continue
        if left_end > left_start:
            changes.append(Change(kind="removed", text="".join(left[left_start:left_end])))
        if right_end > right_start:
            changes.append(Change(kind="added", text="".join(right[right_start:right_end])))
    return changes


def _words(text: str) -> list[str]:
    words: list[str] = []
    for line in text.splitlines(keepends=True):
        words += [f"{word} " for word in line.split(" ")[:-1]] + [line.split(" ")[-1]]
    return words


def _readable(article: FinishedArticle) -> dict[str, str]:
    content = article.content
    return {
        "title": content.title or "",
        "lead": content.lead or "",
        "text": "\n".join(block.text for block in content.paragraphs),
        "authors": ", ".join(author.name for author in content.authors),
        "publisher": content.publisher or "",
        "published": content.published.text if content.published else "",
        "section": content.section or "",
        "tags": ", ".join(content.tags),
        "image": " · ".join(filter(None, (content.image.url, content.image.caption, content.image.credit)))
        if content.image
        else "",
        "correction": content.correction or "",
    }


@router.get(
    "/articles/{id}/page",
    summary="The page as it was fetched",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}},
)
@needs(Scope.READ)
async def download_page(
    id: str,  # noqa: A002 - the name in the address
    parts: PartsOf,
    revision: Annotated[int | None, Query(ge=1, description="By default the latest.")] = None,
) -> Response:
    """The bytes, for saving: a page of a stranger's is never shown as one of ours."""
    revisions = await get_revisions(parts, id)
    chosen = next((each for each in revisions if revision in (None, each.storage.revision)), None)
    if revision is None:
        chosen = revisions[-1]
    if chosen is None:
        raise not_found("revision", str(revision), f"the article has revisions 1 to {revisions[-1].storage.revision}")
    try:
        body = await parts.pages.get(chosen.fetch.page, max_bytes=_LARGEST_PAGE_BYTES)
    except MissingPageError as error:
        raise Problem(410, "page-gone", "the page is no longer kept; the record is") from error
    except (CorruptPageError, PageTooLargeError, OSError) as error:
        raise Problem(500, "page-unreadable", str(error)) from error
    return Response(
        body,
        media_type="application/octet-stream",
        headers={
            # Named .txt: a saved .html would run its scripts when it is opened.
            "Content-Disposition": f'attachment; filename="{chosen.id}-{chosen.storage.revision}.html.txt"',
            "Content-Security-Policy": "sandbox; default-src 'none'",
        },
    )
