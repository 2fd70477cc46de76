"""Sample records: each function gives a small valid record whose parts can be set by name."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from coranto.records import (
    Block,
    Classification,
    ClassifiedArticle,
    Content,
    DiscoveredArticle,
    Discovery,
    ExtractedArticle,
    Fetch,
    FetchedArticle,
    FinishedArticle,
    Language,
    PageRef,
    Storage,
    Submission,
    article_id,
    content_id,
)
from coranto.urls import key_of

_THEN = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def submission(url: str = "https://news.example/one", *, again: str = "") -> Submission:
    """A submission of this address; `again` makes another one of the same address."""
    return Submission(id=content_id("sample", url, again), url=url, submitted_at=_THEN)


def discovered(url: str = "https://news.example/one", *, again: str = "") -> DiscoveredArticle:
    """A discovered article."""
    discovery = Discovery(
        url=url,
        submission=content_id("sample", url, again),
        source="sample",
        discovered_via="submit",
        discovered_at=_THEN,
    )
    key = key_of(url)
    return DiscoveredArticle(id=article_id(key), key=key, url=url, discovery=discovery)


def fetched(url: str = "https://news.example/one", *, page: bytes = b"<p>page</p>", again: str = "") -> FetchedArticle:
    """A fetched article; the page is not in any store."""
    ref = PageRef(sha256=hashlib.sha256(page).hexdigest(), size_bytes=len(page))
    fetch = Fetch(final_url=url, status=200, content_type="text/html", page=ref, fetched_at=_THEN)
    return discovered(url, again=again).with_fetch(fetch)


def extracted(
    url: str = "https://news.example/one", *, title: str = "A headline", text: str = "One paragraph.", again: str = ""
) -> ExtractedArticle:
    """An extracted article whose text is cut into paragraphs at newlines."""
    paragraphs = tuple(Block(text=line) for line in text.split("\n") if line)
    content = Content(title=title, paragraphs=paragraphs, word_count=len(text.split()), extractor_version="sample")
    return fetched(url, page=f"{title}{text}".encode(), again=again).with_content(content)


def classified(
    url: str = "https://news.example/one", *, title: str = "A headline", text: str = "One paragraph.", again: str = ""
) -> ClassifiedArticle:
    """A classified article."""
    classification = Classification(language=Language(code="en", confidence=0.99))
    return extracted(url, title=title, text=text, again=again).with_classification(classification)


def finished(
    url: str = "https://news.example/one", *, title: str = "A headline", text: str = "One paragraph.", revision: int = 1
) -> FinishedArticle:
    """A finished article."""
    change = "created" if revision == 1 else "updated"
    return classified(url, title=title, text=text).with_storage(
        Storage(revision=revision, change="updated" if change == "updated" else "created", stored_at=_THEN)
    )
