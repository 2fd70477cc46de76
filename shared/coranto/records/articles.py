"""The article record at each point of its way: the type says how far it has come.

`DiscoveredArticle` → `FetchedArticle` → `ExtractedArticle` → `ClassifiedArticle` → `FinishedArticle`. Each adds one
section and leaves the others as they came. `Submission` asks for an article; `DroppedArticle` says why one ended early;
`ReindexedArticle` brings a stored one back to mind.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from datetime import datetime
from typing import ClassVar, Literal, Self

from pydantic import Field

from coranto.records.sections import (
    Classification,
    Content,
    Discovery,
    Fetch,
    Hints,
    SavedPage,
    Section,
    Storage,
    UtcTime,
)
from coranto.urls import SAVED_PAGE_PREFIX, is_saved_page, key_of


def content_id(*parts: str) -> str:
    """32 hexadecimal characters made from the parts alone (first half of SHA-256), so that running twice gives the same id."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def article_id(key: str) -> str:
    """Id of the article whose address has this key form (`coranto.urls.key_of`)."""
    return content_id(key)


class Record(Section):
    """What travels in an event. `event_type` is the event's name and version on the wire."""

    event_type: ClassVar[str]

    @property
    @abstractmethod
    def subject(self) -> str:
        """Id of the article the record is about."""

    @property
    @abstractmethod
    def message_id(self) -> str:
        """Id of the message, from content only: the same work done twice gives the same id."""


class Submission(Record):
    """A request to look at a page, from a program or from the feeder's own polling."""

    event_type: ClassVar[str] = "coranto.page.submitted.v2"

    id: str = Field(min_length=1, description="Id of the submission; submitting the same id twice has one effect.")
    url: str = Field(
        min_length=1,
        description="Address to look at, http or https; `urn:sha256:…` of its bytes for a saved page of unknown address.",
    )
    kind: Literal["auto", "page", "feed"] = Field(
        "auto", description="What the address leads to; auto lets the feeder find out."
    )
    source: str = Field("submit", description="Title of the feed, or name of the list or program, that named the page.")
    tags: tuple[str, ...] = Field(
        (), description="Tags of the feed, such as the folders of the OPML file it came from."
    )
    discovered_via: Literal["submit", "feed", "sitemap", "file", "warc"] = Field(
        "submit", description="Kind of source."
    )
    submitted_at: UtcTime = Field(description="When it was asked for.")
    feed: str | None = Field(None, description="Address of the feed or sitemap that named the page.")
    priority: Literal["live", "backlog"] = Field("live", description="Backlog yields to live pages of the same host.")
    is_recrawl: bool = Field(False, description="True to fetch a page that is known already.")
    hints: Hints = Field(default_factory=Hints, description="What the source said about the page.")
    saved: SavedPage | None = Field(None, description="The page itself, when it is handed over.")

    @property
    def address(self) -> str:
        """The address on the web; else the saved page's name, or only the scheme: a path on a disk is nobody else's business."""
        if self.url.strip().lower().startswith(("http:", "https:")) or is_saved_page(self.url):
            return self.url
        if self.saved is not None:
            return f"{SAVED_PAGE_PREFIX}{self.saved.page.sha256}"
        return "file:" if self.url.strip().lower().startswith("file:") else self.url

    @property
    def subject(self) -> str:
        """Id of the submission: no article is known yet."""
        return self.id

    @property
    def message_id(self) -> str:
        """Id of the message, from content only."""
        return content_id(self.event_type, self.id)


class DiscoveredArticle(Record):
    """An article whose address is known."""

    event_type: ClassVar[str] = "coranto.article.discovered.v2"

    id: str = Field(
        pattern=r"^[0-9a-f]{32}$",
        description="Article id, made from `key`. It may change once: when the page is read and says that its address is another.",
    )
    key: str = Field(description="Key form of the article's address: one spelling for all that lead to it.")
    url: str = Field(
        description="Address for readers: where the page is, once that is known, or where it says that it is at home."
    )
    discovery: Discovery = Field(description="How it was found.")
    stage_times: dict[str, UtcTime] | None = Field(
        None, description="When each stage before the sink was done with it, by the stage's name."
    )

    def done_by(self, stage: str, at: datetime) -> Self:
        """The record as the stage sends it on at this moment."""
        return self.model_copy(update={"stage_times": {**(self.stage_times or {}), stage: at}})

    @property
    def subject(self) -> str:
        """Id of the article the record is about."""
        return self.id

    @property
    def message_id(self) -> str:
        """Id of the message, from content only."""
        return content_id(self.event_type, self.id, self.discovery.submission)

    def with_fetch(self, fetch: Fetch) -> FetchedArticle:
        """The record with the fetcher's section."""
        return FetchedArticle(
            id=self.id,
            key=self.key,
            url=fetch.final_url,
            discovery=self.discovery,
            stage_times=self.stage_times,
            fetch=fetch,
        )


class FetchedArticle(DiscoveredArticle):
    """An article whose page is in the page store."""

    event_type: ClassVar[str] = "coranto.page.fetched.v2"

    fetch: Fetch = Field(description="How the page was fetched.")

    @property
    def message_id(self) -> str:
        """Id of the message, from content only."""
        return content_id(self.event_type, self.id, self.discovery.submission, self.fetch.page.sha256)

    def with_content(self, content: Content, *, url: str | None = None) -> ExtractedArticle:
        """The record with the extractor's section.

        `url`: the address the article is at home under, which its key and id are then made from; where the page came from,
        unless given. Raises UnsupportedUrlError when it is none.
        """
        url = url or self.url
        key = key_of(url)
        return ExtractedArticle(
            id=article_id(key),
            key=key,
            url=url,
            discovery=self.discovery,
            stage_times=self.stage_times,
            fetch=self.fetch,
            content=content,
        )


class ExtractedArticle(FetchedArticle):
    """An article that has been read."""

    event_type: ClassVar[str] = "coranto.article.extracted.v2"

    content: Content = Field(description="What the page says.")

    def with_classification(self, classification: Classification) -> ClassifiedArticle:
        """The record with the classifier's section."""
        return ClassifiedArticle(
            id=self.id,
            key=self.key,
            url=self.url,
            discovery=self.discovery,
            stage_times=self.stage_times,
            fetch=self.fetch,
            content=self.content,
            classification=classification,
        )


class ClassifiedArticle(ExtractedArticle):
    """An article whose language, topics and names are known."""

    event_type: ClassVar[str] = "coranto.article.classified.v2"

    classification: Classification = Field(description="What the article is about.")

    def with_storage(self, storage: Storage) -> FinishedArticle:
        """The record with the sink's section."""
        return FinishedArticle(
            id=self.id,
            key=self.key,
            url=self.url,
            discovery=self.discovery,
            stage_times=self.stage_times,
            fetch=self.fetch,
            content=self.content,
            classification=self.classification,
            storage=storage,
        )


class FinishedArticle(ClassifiedArticle):
    """A stored article: what subscribers get."""

    event_type: ClassVar[str] = "coranto.article.finished.v2"

    storage: Storage = Field(description="What the sink did with it.")

    @property
    def message_id(self) -> str:
        """Id of the message, from content only."""
        # One announcement per stored revision, whatever brought it about. With the store's id, because a new store begins at
        # revision 1 again; stores of earlier versions had none.
        store = () if self.storage.store is None else (self.storage.store,)
        return content_id(self.event_type, self.id, *store, str(self.storage.revision))

    def reindexed(self) -> ReindexedArticle | None:
        """What the article is known by among others of its story; None for one that is in none."""
        content, story = self.content, self.classification.story
        if story is None:
            return None
        return ReindexedArticle(
            id=self.id,
            url=self.fetch.final_url,
            title=content.title or "",
            text=content.text,
            agency=next(iter(content.agencies), None),
            publisher=content.publisher,
            story=story.id,
            stored_at=self.storage.stored_at,
        )


class DroppedArticle(Record):
    """A submission or article that ended before it was stored, and why. Read by the sink for its ledger."""

    event_type: ClassVar[str] = "coranto.article.dropped.v2"

    id: str = Field(description="Article id, or the submission's id when no article came of it.")
    url: str = Field(description="Address, the one for readers where it is known.")
    submission: str = Field(description="Id of the submission that brought it in.")
    feed: str | None = Field(None, description="Address of the feed or sitemap that named it.")
    source: str | None = Field(None, description="Title of the feed, or name of the list or program, that named it.")
    stage: str = Field(description="Stage that ended it.")
    outcome: Literal["accepted", "dropped", "dead"] = Field(
        description="Accepted, as a feed is; dropped for a reason; or dead-lettered."
    )
    reason: str = Field(description="Reason from the stage's closed list.")
    detail: str | None = Field(None, description="What was seen, in a few words.")
    dropped_at: UtcTime = Field(description="When.")
    stage_times: dict[str, UtcTime] | None = Field(
        None, description="When each stage before that was done with it, by the stage's name."
    )

    @property
    def subject(self) -> str:
        """Id of the article the record is about."""
        return self.id

    @property
    def message_id(self) -> str:
        """Id of the message, from content only."""
        return content_id(self.event_type, self.id, self.submission, self.stage, self.reason)


class ReindexedArticle(Record):
    """What a stored article is known by among others of its story: sent again by the sink when that knowledge was lost."""

    event_type: ClassVar[str] = "coranto.article.reindexed.v2"

    id: str = Field(pattern=r"^[0-9a-f]{32}$", description="Article id.")
    url: str = Field(description="Address the page came from.")
    title: str = Field("", description="Headline.")
    text: str = Field(description="The text, blocks joined by newlines.")
    agency: str | None = Field(None, description="Agency the text names as its source.")
    publisher: str | None = Field(None, description="Name of the publication.")
    story: str = Field(description="Id of the story it was announced in.")
    stored_at: UtcTime = Field(description="When its latest revision was stored.")

    @property
    def subject(self) -> str:
        """Id of the article the record is about."""
        return self.id

    @property
    def message_id(self) -> str:
        """Id of the message, from content only."""
        return content_id(self.event_type, self.id, self.stored_at.isoformat())
