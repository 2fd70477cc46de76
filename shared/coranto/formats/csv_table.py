"""CSV (RFC 4180): one article to a row, for spreadsheets and tools that read tables.

What a page says goes into cells, and spreadsheets run cells that begin like a formula. Such a cell gets an apostrophe in front,
which they take for "this is text"; the other formats have everything as it stands.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from coranto.records import FinishedArticle, time_text

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

COLUMNS: Final[Mapping[str, Callable[[FinishedArticle], object]]] = {
    "id": lambda article: article.id,
    "url": lambda article: article.url,
    "title": lambda article: article.content.title,
    "lead": lambda article: article.content.lead,
    "text": lambda article: article.content.text,
    "authors": lambda article: "; ".join(author.name for author in article.content.authors),
    "publisher": lambda article: article.content.publisher,
    "published": lambda article: article.content.published and article.content.published.text,
    "section": lambda article: article.content.section,
    "tags": lambda article: "; ".join(article.content.tags),
    "image_url": lambda article: article.content.image and article.content.image.url,
    "language": lambda article: article.classification.language.code,
    "topics": lambda article: "; ".join(topic.name for topic in article.classification.topics),
    "topic_codes": lambda article: "; ".join(topic.code for topic in article.classification.topics),
    "persons": lambda article: _names(article, "person"),
    "organisations": lambda article: _names(article, "organisation"),
    "places": lambda article: _names(article, "place"),
    "story_id": lambda article: article.classification.story and article.classification.story.id,
    "source": lambda article: article.discovery.source,
    "revision": lambda article: article.storage.revision,
    "change": lambda article: article.storage.change,
    "stored_at": lambda article: time_text(article.storage.stored_at),
}
"""The columns in their order, and what stands in them; lists are joined by semicolons."""


def csv_header() -> str:
    """The first row, with the names of the columns and the line's end."""
    return _row(COLUMNS)


def to_csv_row(article: FinishedArticle) -> str:
    """The article's row with the line's end; what is absent in the record is an empty cell."""
    return _row(_cell(value(article)) for value in COLUMNS.values())


def _names(article: FinishedArticle, kind: str) -> str:
    return "; ".join(entity.name for entity in article.classification.entities if entity.type == kind)


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    # No reader of CSV is sure to take a NUL.
    text = value.replace("\x00", "\ufffd")
    return f"'{text}" if text.startswith(_FORMULA) else text


def _row(cells: Iterable[object]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()
