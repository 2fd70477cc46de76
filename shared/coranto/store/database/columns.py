"""What the columns of both databases hold of a record, in one spelling: moving a store is copying its rows.

Times are text in both, RFC 3339 in UTC, so that they sort as text and nothing is said of a zone that is not known.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from coranto.folding import fold
from coranto.records import ClassifiedArticle, FinishedArticle, Storage, time_text, v1
from coranto.store.rules.identity import Split, addresses_of
from coranto.store.rules.ledger import LedgerLine, known_source
from coranto.store.rules.revisions import Digests

PUBLISHED_TIME: Final = (
    "coalesce(substr(published, 1, 19) || CASE length(published) WHEN 20 THEN '.000Z' ELSE substr(published, 20) END,"
    " published_local || substr('0000-00-00T00:00:00.000Z', length(published_local) + 1))"
)
"""When an article was published, with milliseconds, to be put in order: a local time of an unknown zone as if it were UTC. Never
to be shown."""
ARTICLE_TIME: Final = f"coalesce({PUBLISHED_TIME}, first_stored)"
"""The same, and the time of the first storing where the article names none. An index holds it: never to be edited."""


def read_record(text: str) -> FinishedArticle:
    """The record in a column, of any version. Unknown fields are ignored: a newer program may have written them.

    Raises ValidationError for one that was written by hand and is none.
    """
    try:
        return FinishedArticle.model_validate_json(text, extra="ignore")
    except ValidationError as error:
        with suppress(KeyError, TypeError, AttributeError, ValueError):  # it is of no version at all
            return FinishedArticle.model_validate(v1.upgrade(json.loads(text)), extra="ignore")
        raise error from None


def digests_text(digests: Digests) -> str:
    """The value of `revisions.digests`."""
    return json.dumps(digests, ensure_ascii=False, separators=(",", ":"))


def address_columns(article: ClassifiedArticle) -> dict[str, str]:
    """The values of `url` and `discovery_url`."""
    return {"url": article.url, "discovery_url": article.discovery.url}


def date_columns(article: ClassifiedArticle) -> dict[str, str | None]:
    """The values of `published`, `published_local` and `published_zone`."""
    published = article.content.published
    if published is None:
        return {"published": None, "published_local": None, "published_zone": None}
    return {
        "published": None if published.at is None else time_text(published.at),
        "published_local": published.local,
        "published_zone": published.zone,
    }


def row_of(article: ClassifiedArticle, storage: Storage) -> dict[str, Any]:
    """The values of the columns of `articles`, but for those of the index."""
    content, classification = article.content, article.classification
    stored = sortable_time(storage.stored_at)
    return {
        "id": article.id,
        **address_columns(article),
        **date_columns(article),
        "title": content.title,
        "lead": content.lead,
        "text": content.text,
        "authors": ", ".join(author.name for author in content.authors) or None,
        "publisher": content.publisher,
        "language": classification.language.code,
        "topic": classification.topics[0].name if classification.topics else None,
        "section": content.section,
        "image_url": content.image.url if content.image else None,
        "story_id": classification.story.id if classification.story else None,
        "story_role": classification.story.role if classification.story else None,
        "source": article.discovery.source,
        "revision": storage.revision,
        "first_stored": stored,
        "last_stored": stored,
        "last_fetched": sortable_time(article.fetch.fetched_at),
    }


ARTICLE_COLUMNS: Final = (
    *("id", "url", "discovery_url", "title", "lead", "text", "authors", "publisher", "published", "published_local"),
    *("published_zone", "language", "topic", "section", "image_url", "story_id", "story_role", "source", "revision"),
    *("first_stored", "last_stored", "last_fetched"),
)
"""The columns that `row_of` fills."""


def address_rows_of(article: FinishedArticle, splits: Collection[Split]) -> list[tuple[str, str, str, int, str, str]]:
    """The rows of `addresses`: every address that leads to the article, its own first."""
    since = sortable_time(article.storage.stored_at)
    return [
        (each.key_id, each.key, article.id, int(each.led_by == "own"), each.led_by, since)
        for each in addresses_of(article, splits)
    ]


LEDGER_COLUMNS: Final = (
    *("article_id", "submission", "url", "stage", "outcome", "reason", "detail", "at", "source", "lacks"),
    *("found_after_seconds", "stored_after_seconds", "is_revisit", "stage_times"),
)
"""The columns that `ledger_row_of` fills."""

ENDED_BEFORE: Final = """(
    EXISTS (
        SELECT 1 FROM ledger AS other
        WHERE other.article_id = {0}article_id AND other.submission <> {0}submission AND other.at < {0}at
    )
    OR EXISTS (
        SELECT 1 FROM addresses JOIN articles ON articles.id = addresses.article_id
        WHERE addresses.key_id = {0}article_id AND articles.first_stored < {0}at
    )
)"""
"""Whether what a line of the ledger tells of had ended before, or was stored; `{0}` is what stands before the line's columns."""


def ledger_row_of(line: LedgerLine) -> dict[str, Any]:
    """The values of the columns of `ledger`."""
    row = {name: getattr(line, name) for name in LEDGER_COLUMNS}
    row["at"] = sortable_time(line.at)
    row["lacks"] = None if line.lacks is None else ",".join(line.lacks)
    row["is_revisit"] = int(line.is_revisit)
    if line.stage_times is not None:
        row["stage_times"] = json.dumps({stage: sortable_time(at) for stage, at in line.stage_times.items()})
    return row


_MOST_PARENTS: Final = 4


def names_of(source: str, publisher: str | None, url: str) -> list[str]:
    """What `source_articles` lists an article under: its source, its publisher, the host of its address and the domains above."""
    names = [source, *([publisher] if publisher else [])]
    with suppress(ValueError):  # an address that somebody wrote by hand
        host = urlsplit(url).netloc.rpartition("@")[2]
        labels = host.split(".")
        # No domain stands above an address in numbers, nor is a last label by itself anybody's name.
        above = [] if labels[-1][:1].isdigit() or host.startswith("[") else range(1, len(labels) - 1)
        names += [host, *(".".join(labels[place:]) for place in above[-_MOST_PARENTS:])]
    return [name for name in dict.fromkeys(map(source_name, names)) if name] or [""]


def source_name(text: str) -> str:
    """The name as `source_articles` has it."""
    return known_source(fold(text.strip()))


def hour_of(moment: datetime) -> str:
    """The hour as `source_hours` names it: the beginning of every time in it."""
    return sortable_time(moment)[:13]


def to_milliseconds(moment: datetime) -> datetime:
    """The moment as precisely as the tables hold it, so that what is announced now and what is read later are the same."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def sortable_time(moment: datetime) -> str:
    """The moment of an event here as the tables hold it: RFC 3339 in UTC, with milliseconds always, so that times sort as text."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
