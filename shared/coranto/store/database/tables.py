"""The tables of the article store, the same in both databases, as a move and a comparison see them."""

from collections.abc import Sequence
from typing import Any, Final

from coranto.store.database.columns import ARTICLE_COLUMNS, LEDGER_COLUMNS

TABLES: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "articles": (("number", *ARTICLE_COLUMNS, "unchanged_visits"), "number"),
    "revisions": (
        ("article_id", "revision", "change", "changed_fields", "submission", "stored_at", "digests", "record"),
        "article_id, revision",
    ),
    "entities": (("article_id", "type", "name", "count", "folded_name"), "article_id, type, name"),
    "topics": (("article_id", "code", "name", "score"), "article_id, code"),
    "tags": (("article_id", "tag"), "article_id, tag"),
    "source_tags": (("article_id", "tag"), "article_id, tag"),
    "source_articles": (("name", "at", "article_id"), "name, at, article_id"),
    "addresses": (("key_id", "key", "article_id", "is_own", "led_by", "known_since"), "key_id"),
    "splits": (("key_id", "key", "article_id", "split_at"), "key_id, article_id"),
    "ledger": (LEDGER_COLUMNS, "article_id, submission"),
    "source_hours": (("source", "hour", "unchanged_visits"), "source, hour"),
    "announcements": (("number", "article_id", "revision", "announced_at"), "number"),
    "outbox": (("article_id", "revision", "stored_at"), "article_id, revision"),
}
"""Every table: the columns that are moved, and the order in which it is compared."""

Row = Sequence[Any]
