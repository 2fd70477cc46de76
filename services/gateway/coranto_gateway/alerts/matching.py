"""Which articles an alert tells of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final

from coranto.filter import Filter, compile_filter, quote
from coranto.records import FinishedArticle
from coranto.store.interface import ArticleReader, ArticleSummary, SearchFilter
from coranto.urls import site_name
from coranto_gateway.alerts.alert import Alert, NewAlert
from coranto_gateway.alerts.message import LONGEST_EXCERPT, Hit

_AT_ONCE: Final = 50
"""Ids that one question names: a filter has four thousand characters at most."""
_MOST_TRIED: Final = 500

_compiled = lru_cache(maxsize=256)(compile_filter)


def _filter_of(alert: NewAlert) -> Filter | None:
    return _compiled(alert.where) if alert.where else None


def is_news(article: FinishedArticle, alert: Alert) -> bool:
    """Whether anybody should be told of the article at all: it is new, by its publisher and not by our own work."""
    return article.discovery.priority != "backlog" and _is_fresh(article, alert)


def is_correction(article: FinishedArticle, alert: Alert) -> bool:
    """Whether its publisher has changed the article. It may be backlog: so is what is looked at again."""
    return article.storage.change == "updated" and _is_fresh(article, alert)


def _is_fresh(article: FinishedArticle, alert: Alert) -> bool:
    storage, published = article.storage, article.content.published
    if storage.stored_at < alert.created_at or storage.change in ("reprocessed", "retracted"):
        return False
    return published is None or storage.stored_at - published.sort_time <= alert.max_age


def find(alert: Alert, articles: Sequence[FinishedArticle], reader: ArticleReader) -> list[Hit]:
    """What the alert finds among these articles, in their order; of each story the first, with the number of its copies.

    Behind these are the corrections, if it tells of them: whoever knows what was told of decides which count.
    """
    wanted = _filter_of(alert)
    news = [each for each in articles if is_news(each, alert)]
    corrected = [each for each in articles if is_correction(each, alert)] if alert.corrections else []
    left = {(each.id, each.storage.revision): each for each in (*news, *corrected) if wanted is None or wanted(each)}
    why = _words_found(alert.q, [each.id for each in left.values()], reader) if alert.q.strip() else {}

    def found(some: Sequence[FinishedArticle]) -> Iterator[Hit]:
        for article in some:
            is_left = (article.id, article.storage.revision) in left
            if is_left and (not alert.q.strip() or article.id in why):
                yield _hit(article, why.get(article.id, article.content.lead or ""))

    hits: dict[str, Hit] = {}
    for hit in found(news):
        known = hits.setdefault(hit.story, hit)
        if known.article != hit.article:
            hits[hit.story] = known.model_copy(update={"copies": known.copies + 1})
    revisions = {each.id: each.storage.revision for each in corrected}
    corrections = {
        hit.article: hit.model_copy(update={"correction": revisions[hit.article]}) for hit in found(corrected)
    }
    return [*hits.values(), *corrections.values()]


def _words_found(q: str, ids: Sequence[str], reader: ArticleReader) -> dict[str, str]:
    """Those of the articles that hold the words, by the store's own search, with the words around."""
    found: dict[str, str] = {}
    unique = list(dict.fromkeys(ids))
    for start in range(0, len(unique), _AT_ONCE):
        some = unique[start : start + _AT_ONCE]
        named = compile_filter(f"id in ({', '.join(map(quote, some))})")
        for summary in reader.page(q, where=SearchFilter(also=named), limit=len(some)):
            found[summary.id] = summary.excerpt
    return found


def _hit(article: FinishedArticle, why: str) -> Hit:
    content, story = article.content, article.classification.story
    return Hit(
        story=story.id if story else article.id,
        article=article.id,
        url=article.url,
        title=(content.title or article.url)[:300],
        publisher=site_name(content.publisher, article.url, article.discovery.source)[:200],
        published=(content.published.text or "") if content.published else "",
        why=why[:LONGEST_EXCERPT],
        at=article.storage.stored_at,
    )


def try_out(alert: NewAlert, since: datetime, reader: ArticleReader) -> list[Hit]:
    """What the alert would have told of since this time, the first 500 articles looked at; the oldest first."""
    where = SearchFilter(since=since, also=_filter_of(alert))
    hits: dict[str, Hit] = {}
    for summary in reversed(reader.page(alert.q, where=where, limit=_MOST_TRIED)):
        if summary.first_stored < since:
            continue
        story = summary.story_id or summary.id
        if story in hits:
            hits[story] = hits[story].model_copy(update={"copies": hits[story].copies + 1})
        else:
            hits[story] = _hit_of(summary, story)
    return list(hits.values())


def _hit_of(summary: ArticleSummary, story: str) -> Hit:
    return Hit(
        story=story,
        article=summary.id,
        url=summary.url,
        title=(summary.title or summary.url)[:300],
        publisher=site_name(summary.publisher, summary.url, summary.source)[:200],
        published=summary.published or "",
        why=summary.excerpt[:LONGEST_EXCERPT],
        at=summary.first_stored,
    )
