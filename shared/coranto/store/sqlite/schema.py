"""The SQLite schema, as steps from one version to the next; `PRAGMA user_version` says how far a file has come.

The tables are made to be read by people: in Datasette, in the sqlite3 shell, from pandas. Times are ISO 8601 in UTC.
A step that was released is never edited, a change is a new step.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

STEPS: tuple[tuple[str, ...], ...] = (
    (
        # An explicit integer key: the full-text index refers to it, and a bare rowid may change on VACUUM.
        """
        CREATE TABLE articles (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            url TEXT NOT NULL,
            found_url TEXT NOT NULL,
            title TEXT,
            lead TEXT,
            text TEXT NOT NULL,
            authors TEXT,
            publisher TEXT,
            published TEXT,
            language TEXT,
            topic TEXT,
            section TEXT,
            image_url TEXT,
            story TEXT,
            story_role TEXT,
            source TEXT NOT NULL,
            revision INTEGER NOT NULL,
            first_stored TEXT NOT NULL,
            last_stored TEXT NOT NULL,
            last_fetched TEXT NOT NULL
        )
        """,
        "CREATE INDEX articles_url ON articles (url)",
        "CREATE INDEX articles_found_url ON articles (found_url)",
        "CREATE INDEX articles_published ON articles (published)",
        """
        CREATE TABLE revisions (
            article_id TEXT NOT NULL REFERENCES articles (id),
            revision INTEGER NOT NULL,
            change TEXT NOT NULL,
            changed_fields TEXT NOT NULL,
            submission TEXT NOT NULL,
            stored_at TEXT NOT NULL,
            digests TEXT NOT NULL,
            record TEXT NOT NULL,
            PRIMARY KEY (article_id, revision)
        )
        """,
        """
        CREATE TABLE entities (
            article_id TEXT NOT NULL REFERENCES articles (id),
            type TEXT NOT NULL,
            name TEXT NOT NULL,
            count INTEGER NOT NULL,
            PRIMARY KEY (article_id, type, name)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX entities_name ON entities (name)",
        """
        CREATE TABLE topics (
            article_id TEXT NOT NULL REFERENCES articles (id),
            code TEXT NOT NULL,
            name TEXT NOT NULL,
            score REAL NOT NULL,
            PRIMARY KEY (article_id, code)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX topics_code ON topics (code)",
        """
        CREATE TABLE tags (
            article_id TEXT NOT NULL REFERENCES articles (id),
            tag TEXT NOT NULL,
            PRIMARY KEY (article_id, tag)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX tags_tag ON tags (tag)",
        # No reference to articles: most lines tell of something that was never stored.
        """
        CREATE TABLE ledger (
            article_id TEXT NOT NULL,
            submission TEXT NOT NULL,
            url TEXT NOT NULL,
            stage TEXT NOT NULL,
            outcome TEXT NOT NULL,
            reason TEXT NOT NULL,
            detail TEXT,
            at TEXT NOT NULL,
            PRIMARY KEY (article_id, submission)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX ledger_url ON ledger (url)",
        "CREATE INDEX ledger_at ON ledger (at)",
        # The index keeps no copy of the text (content=): triggers hand it what changed.
        """
        CREATE VIRTUAL TABLE articles_fts USING fts5 (
            title, lead, text,
            content = 'articles', content_rowid = 'number', tokenize = 'unicode61 remove_diacritics 2'
        )
        """,
        """
        CREATE TRIGGER articles_inserted AFTER INSERT ON articles BEGIN
            INSERT INTO articles_fts (rowid, title, lead, text) VALUES (new.number, new.title, new.lead, new.text);
        END
        """,
        """
        CREATE TRIGGER articles_deleted AFTER DELETE ON articles BEGIN
            INSERT INTO articles_fts (articles_fts, rowid, title, lead, text)
            VALUES ('delete', old.number, old.title, old.lead, old.text);
        END
        """,
        """
        CREATE TRIGGER articles_rewritten AFTER UPDATE OF title, lead, text ON articles BEGIN
            INSERT INTO articles_fts (articles_fts, rowid, title, lead, text)
            VALUES ('delete', old.number, old.title, old.lead, old.text);
            INSERT INTO articles_fts (rowid, title, lead, text) VALUES (new.number, new.title, new.lead, new.text);
        END
        """,
    ),
    (
        # Recalls ask for what was stored of late.
        "CREATE INDEX articles_last_stored ON articles (last_stored)",
    ),
    (
        # Names this file in what it announces: another file, begun anew, counts its revisions from 1 again.
        "CREATE TABLE store (id TEXT NOT NULL)",
        "INSERT INTO store (id) VALUES (lower(hex(randomblob(8))))",
    ),
)

VERSION = len(STEPS)


class NewerSchemaError(Exception):
    """The file was written by a later version of this program."""


def time_text(moment: datetime) -> str:
    """The moment as the tables hold it: ISO 8601 in UTC with microseconds always, so that times sort as text."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def version_of(connection: sqlite3.Connection) -> int:
    """The schema version of the file; 0 for a new one. Raises NewerSchemaError when it is ahead of this program."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise NewerSchemaError(
            f"the article store has schema version {version}, this program knows versions up to {VERSION}: "
            "run the newer program, or give another file"
        )
    return version


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the present schema in one transaction. Two processes may call it at the same time."""
    if version_of(connection) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Asked again under the lock: another process may have been faster.
        for step in STEPS[version_of(connection) :]:
            for statement in step:
                connection.execute(statement)
        connection.execute("PRAGMA user_version = %d" % VERSION)  # noqa: UP031 - PRAGMA takes no parameters
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
