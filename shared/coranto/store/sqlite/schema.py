"""The SQLite schema, as steps from one version to the next; `PRAGMA user_version` says how far a file has come.

The tables are made to be read by people: in Datasette, in the sqlite3 shell, from pandas. Times are RFC 3339 in UTC.
A step that was released is never edited, a change is a new step.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from coranto.folding import fold
from coranto.records import ClassifiedArticle
from coranto.store.database.columns import (
    ARTICLE_TIME,
    ENDED_BEFORE,
    address_columns,
    date_columns,
    digests_text,
    names_of,
    read_record,
)
from coranto.store.interface import NewerSchemaError
from coranto.store.rules.identity import addresses_of
from coranto.store.rules.revisions import digests_of
from coranto.store.search.words import forms_of, stemmer_for, stemmer_token

_ROWS_AT_ONCE = 100


def add_word_forms(connection: sqlite3.Connection) -> None:
    """Fill the columns of word forms for articles of before them, a hundred at a time."""
    number = 0
    while True:
        rows = connection.execute(
            "SELECT number, language, title, lead, text FROM articles WHERE number > ? ORDER BY number LIMIT ?",
            (number, _ROWS_AT_ONCE),
        ).fetchall()
        if not rows:
            return
        connection.executemany(
            "UPDATE articles SET title_forms = ?, text_forms = ?, stemmer = ? WHERE number = ?",
            [(*word_forms(language, title, lead, text), key) for key, language, title, lead, text in rows],
        )
        number = rows[-1][0]


def add_folded_names(connection: sqlite3.Connection) -> None:
    """Fill the column of folded names for entities of before it, a thousand names at a time."""
    last = ""
    while True:
        rows = connection.execute(
            "SELECT DISTINCT name FROM entities WHERE name > ? ORDER BY name LIMIT ?", (last, 10 * _ROWS_AT_ONCE)
        ).fetchall()
        if not rows:
            return
        connection.executemany("UPDATE entities SET folded_name = ? WHERE name = ?", [(fold(n), n) for (n,) in rows])
        last = rows[-1][0]


def _upgrade_records(connection: sqlite3.Connection) -> None:
    """Bring the records to their second version, and what the tables hold of them with it, a hundred at a time."""
    last = 0
    while True:
        rows = connection.execute(
            "SELECT rowid, record FROM revisions WHERE rowid > ? ORDER BY rowid LIMIT ?", (last, _ROWS_AT_ONCE)
        ).fetchall()
        if not rows:
            break
        for key, text in rows:
            article = read_record(text)
            connection.execute(
                "UPDATE revisions SET record = ?, digests = ? WHERE rowid = ?",
                (article.model_dump_json(exclude_none=True), digests_text(digests_of(article)), key),
            )
        last = rows[-1][0]
    last = 0
    while True:
        rows = connection.execute(
            "SELECT number, record FROM articles JOIN revisions ON article_id = id AND revisions.revision = articles.revision"
            " WHERE number > ? ORDER BY number LIMIT ?",
            (last, _ROWS_AT_ONCE),
        ).fetchall()
        if not rows:
            return
        for number, text in rows:
            article = read_record(text)
            connection.execute(
                "UPDATE articles SET url = :url, discovery_url = :discovery_url, published = :published,"
                " published_local = :published_local, published_zone = :published_zone WHERE number = :number",
                {**address_columns(article), **date_columns(article), "number": number},
            )
            connection.execute(
                "UPDATE ledger SET url = ? WHERE article_id = ? AND url LIKE 'file:%'", (article.url, article.id)
            )
            _write_addresses(connection, article)
        last = rows[-1][0]


def _list_by_source(connection: sqlite3.Connection) -> None:
    """List every article under its names, a thousand articles at a time."""
    number = 0
    while True:
        rows = connection.execute(
            f"SELECT source, publisher, url, {ARTICLE_TIME}, id, number FROM articles WHERE number > ?"  # noqa: S608 - made of constants
            " ORDER BY number LIMIT ?",
            (number, 10 * _ROWS_AT_ONCE),
        ).fetchall()
        if not rows:
            return
        connection.executemany(
            "INSERT INTO source_articles (name, at, article_id) VALUES (?, ?, ?)",
            [(name, at, article) for *names, at, article, _ in rows for name in names_of(*names)],
        )
        number = rows[-1][-1]


def _write_addresses(connection: sqlite3.Connection, article: ClassifiedArticle) -> None:
    """Every address that leads to the article. Its own one is nobody else's; of others, the first to claim it keeps it."""
    connection.executemany(
        """
        INSERT INTO addresses (key_id, key, article_id, is_own) VALUES (?, ?, ?, ?)
        ON CONFLICT (key_id) DO UPDATE SET article_id = excluded.article_id, is_own = 1
        WHERE excluded.is_own AND NOT addresses.is_own
        """,
        [(each.key_id, each.key, article.id, int(each.led_by == "own")) for each in addresses_of(article)],
    )


def word_forms(
    language: str | None, title: str | None, lead: str | None, text: str
) -> tuple[str | None, str | None, str | None]:
    """The values of `title_forms`, `text_forms` and `stemmer`."""
    stemmer = stemmer_for(language)
    return (
        forms_of(title, stemmer),
        forms_of(f"{lead or ''}\n{text}", stemmer),
        None if stemmer is None else stemmer_token(stemmer),
    )


STEPS: tuple[tuple[str | Callable[[sqlite3.Connection], None], ...], ...] = (
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
    (
        # Search by word forms. The index must find them without a tokenizer of our own, which Datasette and the sqlite3
        # shell would lack: so the forms are columns beside the text, made in Python.
        "DROP TRIGGER articles_inserted",
        "DROP TRIGGER articles_deleted",
        "DROP TRIGGER articles_rewritten",
        "DROP TABLE articles_fts",
        "ALTER TABLE articles ADD COLUMN title_forms TEXT",
        "ALTER TABLE articles ADD COLUMN text_forms TEXT",
        "ALTER TABLE articles ADD COLUMN stemmer TEXT",
        add_word_forms,
        # Datasette shows its search box for a table that an index names as content="articles", in double quotes.
        """
        CREATE VIRTUAL TABLE articles_fts USING fts5 (
            title, lead, text, title_forms, text_forms, stemmer,
            content="articles", content_rowid="number", tokenize="unicode61 remove_diacritics 2"
        )
        """,
        "INSERT INTO articles_fts (articles_fts) VALUES ('rebuild')",
        """
        CREATE TRIGGER articles_inserted AFTER INSERT ON articles BEGIN
            INSERT INTO articles_fts (rowid, title, lead, text, title_forms, text_forms, stemmer)
            VALUES (new.number, new.title, new.lead, new.text, new.title_forms, new.text_forms, new.stemmer);
        END
        """,
        """
        CREATE TRIGGER articles_deleted AFTER DELETE ON articles BEGIN
            INSERT INTO articles_fts (articles_fts, rowid, title, lead, text, title_forms, text_forms, stemmer)
            VALUES (
                'delete', old.number, old.title, old.lead, old.text, old.title_forms, old.text_forms, old.stemmer
            );
        END
        """,
        """
        CREATE TRIGGER articles_rewritten
        AFTER UPDATE OF title, lead, text, title_forms, text_forms, stemmer ON articles BEGIN
            INSERT INTO articles_fts (articles_fts, rowid, title, lead, text, title_forms, text_forms, stemmer)
            VALUES (
                'delete', old.number, old.title, old.lead, old.text, old.title_forms, old.text_forms, old.stemmer
            );
            INSERT INTO articles_fts (rowid, title, lead, text, title_forms, text_forms, stemmer)
            VALUES (new.number, new.title, new.lead, new.text, new.title_forms, new.text_forms, new.stemmer);
        END
        """,
        # SQLite knows upper and lower case of ASCII only, so names are asked for in a folded form of their own.
        "ALTER TABLE entities ADD COLUMN folded_name TEXT",
        add_folded_names,
        "CREATE INDEX entities_folded_name ON entities (folded_name)",
        "CREATE INDEX articles_language ON articles (language)",
        "CREATE INDEX articles_source ON articles (source)",
    ),
    (
        # What is announced, in tables of their own: to mark it in `revisions` would write each record a second time.
        # AUTOINCREMENT: a number that was deleted is never given again, so a position stays good.
        """
        CREATE TABLE announcements (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            article_id TEXT NOT NULL,
            revision INTEGER NOT NULL,
            announced_at TEXT NOT NULL,
            UNIQUE (article_id, revision)
        )
        """,
        """
        CREATE TABLE outbox (
            article_id TEXT NOT NULL,
            revision INTEGER NOT NULL,
            stored_at TEXT NOT NULL,
            PRIMARY KEY (article_id, revision)
        ) WITHOUT ROWID
        """,
        """
        INSERT INTO announcements (article_id, revision, announced_at)
        SELECT article_id, revision, stored_at FROM revisions ORDER BY stored_at, rowid
        """,
    ),
    (
        # The second version of records: dates that tell what they do not know, one address for readers and all that lead to it.
        "ALTER TABLE articles RENAME COLUMN found_url TO discovery_url",
        "ALTER TABLE articles RENAME COLUMN story TO story_id",
        "ALTER TABLE articles ADD COLUMN published_local TEXT",
        "ALTER TABLE articles ADD COLUMN published_zone TEXT",
        "DROP INDEX articles_found_url",
        "CREATE INDEX articles_discovery_url ON articles (discovery_url)",
        """
        CREATE TABLE addresses (
            key_id TEXT PRIMARY KEY,
            key TEXT NOT NULL,
            article_id TEXT NOT NULL REFERENCES articles (id),
            is_own INTEGER NOT NULL
        ) WITHOUT ROWID
        """,
        "CREATE INDEX addresses_article_id ON addresses (article_id)",
        """
        CREATE TABLE source_tags (
            article_id TEXT NOT NULL REFERENCES articles (id),
            tag TEXT NOT NULL,
            PRIMARY KEY (article_id, tag)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX source_tags_tag ON source_tags (tag)",
        _upgrade_records,
        # One spelling of times, and no path of anybody's disk.
        "UPDATE articles SET first_stored = substr(first_stored, 1, 23) || 'Z' WHERE first_stored LIKE '%+00:00'",
        "UPDATE articles SET last_stored = substr(last_stored, 1, 23) || 'Z' WHERE last_stored LIKE '%+00:00'",
        "UPDATE articles SET last_fetched = substr(last_fetched, 1, 23) || 'Z' WHERE last_fetched LIKE '%+00:00'",
        "UPDATE revisions SET stored_at = substr(stored_at, 1, 23) || 'Z' WHERE stored_at LIKE '%+00:00'",
        "UPDATE announcements SET announced_at = substr(announced_at, 1, 23) || 'Z' WHERE announced_at LIKE '%+00:00'",
        "UPDATE outbox SET stored_at = substr(stored_at, 1, 23) || 'Z' WHERE stored_at LIKE '%+00:00'",
        "UPDATE ledger SET at = substr(at, 1, 23) || 'Z' WHERE at LIKE '%+00:00'",
        "UPDATE ledger SET url = 'file:' WHERE url LIKE 'file:%'",
    ),
    (
        # Lists by time are read page by page, each from behind the last article of the page before.
        f"CREATE INDEX articles_by_time ON articles ({ARTICLE_TIME}, id)",
        "CREATE INDEX articles_story_id ON articles (story_id)",
    ),
    (
        # A source's days and health are asked of the ledger. What they are made of stands in the index, so that a source with
        # many lines is read in one go.
        "ALTER TABLE ledger ADD COLUMN source TEXT",
        "ALTER TABLE ledger ADD COLUMN lacks TEXT",
        "ALTER TABLE ledger ADD COLUMN found_after_seconds INTEGER",
        "ALTER TABLE ledger ADD COLUMN stored_after_seconds INTEGER",
        "UPDATE ledger SET source = (SELECT substr(source, 1, 200) FROM articles WHERE id = article_id)",
        """
        CREATE INDEX ledger_source ON ledger
            (source, at, stage, outcome, reason, lacks, found_after_seconds, stored_after_seconds)
        """,
        # Visits that found nothing new are counted and have no line.
        "ALTER TABLE articles ADD COLUMN unchanged_visits INTEGER NOT NULL DEFAULT 0",
        """
        CREATE TABLE source_hours (
            source TEXT NOT NULL,
            hour TEXT NOT NULL,
            unchanged_visits INTEGER NOT NULL,
            PRIMARY KEY (source, hour)
        ) WITHOUT ROWID
        """,
        "ALTER TABLE addresses ADD COLUMN led_by TEXT",
        "ALTER TABLE addresses ADD COLUMN known_since TEXT",
        "UPDATE addresses SET led_by = 'own' WHERE is_own",
        # What an operator has split off stays split off, whatever the page says.
        """
        CREATE TABLE splits (
            key_id TEXT NOT NULL,
            key TEXT NOT NULL,
            article_id TEXT NOT NULL,
            split_at TEXT NOT NULL,
            PRIMARY KEY (key_id, article_id)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX splits_article_id ON splits (article_id)",
    ),
    (
        # Lists of one source, in their order. An article is of a source by its name, its publisher or its host, which no
        # index of `articles` tells together.
        """
        CREATE TABLE source_articles (
            name TEXT NOT NULL,
            at TEXT NOT NULL,
            article_id TEXT NOT NULL,
            PRIMARY KEY (name, at, article_id)
        ) WITHOUT ROWID
        """,
        _list_by_source,
        "DROP INDEX articles_source",
        # A feed that is registered was counted as dropped before there was a word for it.
        "UPDATE ledger SET outcome = 'accepted' WHERE outcome = 'dropped' AND reason = 'feed_registered'",
        # What ends again is not new.
        "DROP INDEX ledger_source",
        "ALTER TABLE ledger ADD COLUMN is_revisit INTEGER NOT NULL DEFAULT 0",
        f"""
        UPDATE ledger SET is_revisit = 1
        WHERE (outcome = 'stored' AND reason <> 'created')
        OR (outcome IN ('dropped', 'dead') AND {ENDED_BEFORE.format("ledger.")})
        """,  # noqa: S608 - made of constants
        """
        CREATE INDEX ledger_source ON ledger
            (source, at, stage, outcome, reason, lacks, found_after_seconds, stored_after_seconds, is_revisit)
        """,
    ),
    (
        # What ended early tells of the stages that it had passed.
        "ALTER TABLE ledger ADD COLUMN stage_times TEXT",
    ),
)

VERSION = len(STEPS)
WORD_FORMS_SINCE = 4
"""The schema version from which on the index has word forms."""
ANNOUNCED_SINCE = 5
"""The schema version from which on announcements are numbered."""
SEARCHABLE_SINCE = 6
"""The schema version from which on searches find what they ask for: word forms, local times, tags of feeds."""
ADDRESSES_SINCE = 6
"""The schema version from which on an article is found by every address that has led to it."""
SOURCES_SINCE = 8
"""The schema version from which on the ledger knows sources, and every address by what it leads to its article."""
REVISITS_SINCE = 9
"""The schema version from which on the ledger tells first visits from later ones, and articles are listed by source."""
STAGE_TIMES_SINCE = 10
"""The schema version from which on the ledger tells when the stages before were done."""


def version_of(connection: sqlite3.Connection) -> int:
    """The schema version of the file; 0 for a new one. Raises NewerSchemaError when it is ahead of this program."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise NewerSchemaError(version, VERSION)
    return version


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the present schema in one transaction. Two processes may call it at the same time.

    A process that is killed meanwhile leaves the file as it was. Readers go on; writers wait.
    """
    if version_of(connection) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Asked again under the lock: another process may have been faster.
        for step in STEPS[version_of(connection) :]:
            for action in step:
                if isinstance(action, str):
                    connection.execute(action)
                else:
                    action(connection)
        connection.execute("PRAGMA user_version = %d" % VERSION)  # noqa: UP031 - PRAGMA takes no parameters
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
