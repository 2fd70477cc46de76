"""Small services that take the real ones' place under `coranto up`: the same processes and streams, and next to no work.

A page is an article when it has a paragraph. What its paragraphs say decides what becomes of it: `please refuse`,
`please fail`, `please wait an hour`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from coranto.pages import FilePageStore
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
    Language,
    PageRef,
    Submission,
    article_id,
)
from coranto.topology import CLASSIFIER, EXTRACTOR, FEEDER, FETCHER
from coranto.urls import key_of
from coranto.worker.app import Worker
from coranto.worker.settings import WorkerSettings
from coranto.worker.stage import Invalid, Stage, Transient, Unwanted

REASONS: Mapping[str, str] = {
    "no_text": "The page has no paragraph.",
    "bad_page": "The page asked to fail.",
    "host_down": "The page asked to wait.",
}


async def feed(submission: Submission) -> DiscoveredArticle:
    key = key_of(submission.url)
    return DiscoveredArticle(
        id=article_id(key),
        key=key,
        url=submission.url,
        discovery=Discovery(
            url=submission.url,
            submission=submission.id,
            source=submission.source,
            discovered_via=submission.discovered_via,
            discovered_at=datetime.now(UTC),
            is_recrawl=submission.is_recrawl,
            saved=submission.saved,
        ),
    )


async def fetch(article: DiscoveredArticle) -> FetchedArticle:
    saved = article.discovery.saved
    page = saved.page if saved is not None else PageRef(sha256="0" * 64, size_bytes=0)
    url = article.discovery.url
    return article.with_fetch(Fetch(final_url=url, content_type="text/html", page=page, fetched_at=datetime.now(UTC)))


async def extract(article: FetchedArticle) -> ExtractedArticle:
    page = article.fetch.page
    html = (
        (await FilePageStore(WorkerSettings().pages.path).get(page)).decode() if page.size_bytes else "<p>Nothing.</p>"
    )
    paragraphs = re.findall(r"<p>(.*?)</p>", html, re.DOTALL)
    if not paragraphs or "please refuse" in html:
        raise Unwanted("no_text", detail=f"{len(html)} characters without a paragraph")
    if "please fail" in html:
        raise Invalid("bad_page", detail=f"page {page.sha256} of {article.discovery.url} failed at line 12 [/b]")
    if "please wait an hour" in html:
        raise Transient("host_down", retry_after=timedelta(hours=1), spends_attempt=False)
    title = re.search(r"<title>(.*?)</title>", html)
    return article.with_content(
        Content(
            title=title[1] if title else None,
            paragraphs=tuple(Block(text=text) for text in paragraphs),
            extractor_version="stand-in",
        )
    )


async def classify(article: ExtractedArticle) -> ClassifiedArticle:
    return article.with_classification(Classification(language=Language(code="en", confidence=1.0)))


STAGES: Mapping[str, Stage] = {  # type: ignore[type-arg]  # one mapping for stages of different records
    "feeder": Stage(FEEDER, handle=feed, reasons=REASONS),
    "fetcher": Stage(FETCHER, handle=fetch, reasons=REASONS),
    "extractor": Stage(EXTRACTOR, handle=extract, reasons=REASONS),
    "classifier": Stage(CLASSIFIER, handle=classify, reasons=REASONS),
}


def run(name: str) -> None:
    """Run the service of this name."""
    Worker(WorkerSettings(), stages=[STAGES[name]]).run()
