"""A filter as SQL over the table `articles`: what holds here holds for the record, and the other way round.

Text is compared by functions of Python's, which the connection is given: SQLite knows upper and lower case of ASCII only.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final

from coranto.filter.fields import FIELDS
from coranto.filter.language import All, AnyOf, Missing, Node, Not, Test
from coranto.folding import fold
from coranto.store.database.columns import PUBLISHED_TIME, sortable_time
from coranto.urls import UnsupportedUrlError, host_of

_RECORD: Final = (
    "(SELECT {} FROM revisions WHERE revisions.article_id = articles.id AND revisions.revision = articles.revision)"
)
_COLUMNS: Final[Mapping[str, str]] = {
    "id": "articles.id",
    "url": "articles.url",
    "host": "coranto_host(articles.url)",
    "title": "articles.title",
    "lead": "articles.lead",
    "text": "articles.text",
    "language": "articles.language",
    "source": "articles.source",
    "publisher": "articles.publisher",
    "section": "articles.section",
    "story": "articles.story_id",
    "story_role": "articles.story_role",
    "change": _RECORD.format("change"),
    "revision": "articles.revision",
    "published": PUBLISHED_TIME,
    "stored": "articles.last_stored",
    "paywalled": _RECORD.format("json_extract(record, '$.content.is_paywalled')"),
}
"""Of a field with one value: where it is."""

_AUTHORS: Final = (
    "revisions, json_each(revisions.record, '$.content.authors') AS author"
    " WHERE revisions.article_id = articles.id AND revisions.revision = articles.revision"
)
_ENTITIES: Final = (
    "revisions, json_each(revisions.record, '$.classification.entities') AS entity"
    " WHERE revisions.article_id = articles.id AND revisions.revision = articles.revision"
    " AND json_extract(entity.value, '$.id') IS NOT NULL"
)
_ROWS: Final[Mapping[str, tuple[str, str]]] = {
    "author": ("json_extract(author.value, '$.name')", _AUTHORS),
    "tag": ("tag", "tags WHERE article_id = articles.id"),
    "source_tag": ("tag", "source_tags WHERE article_id = articles.id"),
    "topic": ("code", "topics WHERE article_id = articles.id"),
    "entity": ("name", "entities WHERE article_id = articles.id"),
    "entity_id": ("json_extract(entity.value, '$.id')", _ENTITIES),
    "person": ("name", "entities WHERE article_id = articles.id AND type = 'person'"),
    "organisation": ("name", "entities WHERE article_id = articles.id AND type = 'organisation'"),
    "place": ("name", "entities WHERE article_id = articles.id AND type = 'place'"),
}
"""Of a field with several values: each one, and the rows that hold them."""

_SIGNS: Final = {"less": "<", "less_or_equal": "<=", "greater": ">", "greater_or_equal": ">="}


def add_functions(connection: sqlite3.Connection) -> None:
    """Give the connection the functions that the SQL of filters calls."""
    connection.create_function("coranto_fold", 1, _folded, deterministic=True)
    connection.create_function("coranto_host", 1, _host, deterministic=True)
    connection.create_function("coranto_contains", 2, _contains, deterministic=True)
    connection.create_function("coranto_starts", 2, _starts, deterministic=True)
    connection.create_function("coranto_ends", 2, _ends, deterministic=True)


def condition_of(node: Node) -> tuple[str, dict[str, object]]:
    """The condition, which is true or false and never NULL, and its values."""
    values: dict[str, object] = {}
    return _condition(node, values), values


def _condition(node: Node, values: dict[str, object]) -> str:
    match node:
        case All(parts):
            return "(" + " AND ".join(_condition(part, values) for part in parts) + ")"
        case AnyOf(parts):
            return "(" + " OR ".join(_condition(part, values) for part in parts) + ")"
        case Not(part):
            return f"NOT {_condition(part, values)}"
        case Missing(name) if name in _COLUMNS:
            return f"({_COLUMNS[name]} IS NULL)"
        case Missing(name):
            return f"(NOT EXISTS (SELECT 1 FROM {_ROWS[name][1]}))"  # noqa: S608 - made of constants and names of parameters
        case Test():
            return _test(node, values)


def _test(test: Test, values: dict[str, object]) -> str:
    if test.field in _COLUMNS:
        # NULL is what an article lacks: nothing compares with it, and `not` of that holds.
        return f"coalesce({_comparison(test, _COLUMNS[test.field], values)}, FALSE)"
    value, rows = _ROWS[test.field]
    return f"EXISTS (SELECT 1 FROM {rows} AND {_comparison(test, value, values)})"  # noqa: S608 - made of constants and names of parameters


def _comparison(test: Test, column: str, values: dict[str, object]) -> str:
    kind = FIELDS[test.field].kind
    is_text = kind in ("text", "texts", "host", "language")
    compared = f"coranto_fold({column})" if is_text and test.field != "id" else column
    if test.operation == "equals" and len(test.values) > 1:
        # One parameter for any number of values: SQLite has a limit on theirs.
        listed = _bound(json.dumps([_plain(value) for value in test.values], ensure_ascii=False), values)
        return f"({compared} IN (SELECT value FROM json_each({listed})))"  # noqa: S608 - made of constants and names of parameters
    given = _bound(test.values[0], values)
    match test.operation:
        case "equals":
            return f"({compared} = {given})"
        case "contains":
            return f"coranto_contains({compared}, {given})"
        case "startswith":
            return f"coranto_starts({compared}, {given})"
        case "under" if kind == "language":
            return f"({compared} = {given} OR coranto_starts({compared}, {given} || '-'))"
        case "under":
            return f"({compared} = {given} OR coranto_ends({compared}, '.' || {given}))"
        case sign:
            return f"({compared} {_SIGNS[sign]} {given})"


def _bound(value: object, values: dict[str, object]) -> str:
    name = f"where_{len(values)}"
    values[name] = _plain(value)
    return f":{name}"


def _plain(value: object) -> object:
    return sortable_time(value) if isinstance(value, datetime) else value


def _folded(text: str | None) -> str | None:
    return None if text is None else fold(text)


def _contains(text: str | None, part: str) -> bool | None:
    return None if text is None else part in text


def _starts(text: str | None, part: str) -> bool | None:
    return None if text is None else text.startswith(part)


def _ends(text: str | None, part: str) -> bool | None:
    return None if text is None else text.endswith(part)


def _host(url: str | None) -> str | None:
    with suppress(UnsupportedUrlError):
        return None if url is None else host_of(url)
    return None
