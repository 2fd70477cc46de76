"""Gives Datasette's search box the word forms that `coranto search` knows, where both are installed in one environment.

Datasette finds this module by its entry point. It hands what is typed through the SQL function `escape_fts`, which is
replaced for the article store; other databases keep theirs. Without this module the box finds words as they are typed.
"""

from __future__ import annotations

import sqlite3

from datasette import hookimpl  # type: ignore[import-untyped]  # Datasette has no types

_NOTHING = '""'


@hookimpl(trylast=True)  # type: ignore[untyped-decorator]  # last: after Datasette's own function
def prepare_connection(conn: sqlite3.Connection) -> None:
    """Replace `escape_fts` where the database is an article store."""
    try:
        # Late: the extra `store` may be absent.
        from coranto.store.search.query import parse
        from coranto.store.sqlite.words import match_expression
    except ImportError:
        return

    def with_word_forms(query: str) -> str:
        return match_expression(parse(query)) or _NOTHING

    row = conn.execute("SELECT sql FROM sqlite_master WHERE name = 'articles_fts'").fetchone()
    if row is not None and "stemmer" in row[0]:
        conn.create_function("escape_fts", 1, with_word_forms, deterministic=True)
