"""JSON Lines: the record itself, one to a line, as it stands in a `finished` event."""

from __future__ import annotations

from coranto.records import FinishedArticle


def to_json_line(article: FinishedArticle) -> str:
    """The whole record as one line of JSON, without the line's end; fields that are absent are left out."""
    return article.model_dump_json(exclude_none=True)
