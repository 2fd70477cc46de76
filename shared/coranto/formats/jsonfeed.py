"""JSON Feed 1.1: finished articles as a feed in JSON (https://jsonfeed.org/version/1.1)."""

from __future__ import annotations

from typing import Any

from coranto.formats.markup import WITHDRAWN, to_html
from coranto.records import ArticleDate, FinishedArticle, time_text
from coranto.urls import is_saved_page

VERSION = "https://jsonfeed.org/version/1.1"


def to_json_feed_item(article: FinishedArticle) -> dict[str, Any]:
    """The article as an item; what is absent in the record is absent here. Of a retracted one it says so instead of the text."""
    content = article.content
    language = article.classification.language.code
    item: dict[str, Any] = {
        "id": f"urn:coranto:article:{article.id}",
        "url": None if is_saved_page(article.url) else article.url,
        "title": content.title,
        "summary": content.lead,
        "content_html": to_html(content),
        "image": content.image.url if content.image else None,
        "date_published": _time(content.published),
        "date_modified": time_text(article.storage.changed_at),
        "authors": [{"name": author.name, **({"url": author.url} if author.url else {})} for author in content.authors],
        "tags": list(dict.fromkeys((*(topic.name for topic in article.classification.topics), *content.tags))),
        "language": language if language != "und" else None,
    }
    if article.storage.change == "retracted":
        item |= {"summary": None, "content_html": None, "content_text": WITHDRAWN, "image": None, "language": None}
    return {name: value for name, value in item.items() if value is not None and value != []}


def _time(published: ArticleDate | None) -> str | None:
    """The time of RFC 3339, which a bare day and a time of an unknown zone are none."""
    if published is None or published.at is None or published.precision == "day":
        return None
    return time_text(published.at)


def to_json_feed(
    articles: list[FinishedArticle], *, title: str, feed_url: str | None = None, next_url: str | None = None
) -> dict[str, Any]:
    """A whole feed."""
    head = {"version": VERSION, "title": title, "feed_url": feed_url, "next_url": next_url}
    return {
        **{name: value for name, value in head.items() if value is not None},
        "items": [to_json_feed_item(article) for article in articles],
    }
