"""What both databases' readers make of the rows they read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

from coranto.records import ArticleDate, article_id
from coranto.store.database.columns import ARTICLE_TIME, LEDGER_COLUMNS
from coranto.store.interface import ArticlePlace, ArticleSummary, SearchHit
from coranto.store.rules.ledger import LedgerLine
from coranto.store.search.query import Part, excerpt
from coranto.store.search.words import stemmer_for
from coranto.urls import UnsupportedUrlError, key_of

_CHANGE: Final = (
    "(SELECT change FROM revisions WHERE revisions.article_id = articles.id AND revisions.revision = articles.revision)"
)
HIT_COLUMNS: Final = (
    "id, url, articles.title, published, published_local, published_zone, language, topic,"
    f" {_CHANGE}, articles.lead, articles.text"
)
SUMMARY_COLUMNS: Final = (
    "id, url, articles.title, articles.lead, authors, publisher, source, section, published, published_local,"
    " published_zone, language, topic, image_url, story_id, story_role, revision,"
    f" {_CHANGE}, first_stored, last_stored, {ARTICLE_TIME}, articles.text"
)


RANKED: Final = 2_000
"""So many matches are put in order by how well they match, the latest stored. A word that every other article has would have all
of them read."""


def id_of(url_or_id: str) -> str:
    """The id that the address has by itself; what is no address is an id."""
    try:
        return article_id(key_of(url_or_id))
    except UnsupportedUrlError:
        return url_or_id


def search_hit_of(row: Sequence[Any], parts: Sequence[Part]) -> SearchHit:
    """From a row of HIT_COLUMNS."""
    key, url, title, published, local, zone, language, topic, change, lead, text = row
    return SearchHit(
        key,
        url,
        title,
        date_text(published, local, zone),
        language,
        topic,
        change,
        excerpt(parts, (text, lead, title), stemmer_for(language)),
    )


def date_text(at: str | None, local: str | None, zone: str | None) -> str | None:
    """The date as far as it is known; None where nothing is."""
    if local is None:
        return None
    precision: Literal["day", "minute", "second"] = {10: "day", 16: "minute"}.get(len(local), "second")  # type: ignore[assignment]
    moment = None if at is None else datetime.fromisoformat(at)
    return ArticleDate(local=local, precision=precision, zone=zone or "unknown", at=moment).text


def summary_of(row: Sequence[Any], parts: Sequence[Part]) -> ArticleSummary:
    """From a row of SUMMARY_COLUMNS."""
    key, url, title, lead, authors, publisher, source, section, published, local, zone, language, *more = row
    topic, image_url, story_id, story_role, revision, change, first, last, when, text = more
    return ArticleSummary(
        id=key,
        url=url,
        title=title,
        lead=lead,
        authors=authors,
        publisher=publisher,
        source=source,
        section=section,
        published=date_text(published, local, zone),
        language=language,
        topic=topic,
        image_url=image_url,
        story_id=story_id,
        story_role=story_role,
        revision=revision,
        change=change,
        first_stored=datetime.fromisoformat(first),
        last_stored=datetime.fromisoformat(last),
        excerpt=excerpt(parts, (text, lead, title), stemmer_for(language)),
        place=ArticlePlace(when, key),
    )


def ledger_line_of(row: Sequence[Any]) -> LedgerLine:
    """From a row of LEDGER_COLUMNS."""
    values = dict(zip(LEDGER_COLUMNS, row, strict=True))
    lacks = values.pop("lacks")
    at = datetime.fromisoformat(values.pop("at"))
    is_revisit = bool(values.pop("is_revisit"))
    times = values.pop("stage_times")
    stage_times = times and {stage: datetime.fromisoformat(passed) for stage, passed in json.loads(times).items()}
    fields = None if lacks is None else tuple(filter(None, lacks.split(",")))
    return LedgerLine(**values, at=at, lacks=fields, is_revisit=is_revisit, stage_times=stage_times)
