"""Connections to the PostgreSQL of an article store, and what its errors mean to an operator."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from coranto.store.interface import (
    ArticleRefusedError,
    NewerSchemaError,
    StoreCorruptError,
    StoreUnavailableError,
)

# A server that is gone without a word is noticed after this long, also in the middle of a commit.
_SILENCE: Final = timedelta(seconds=20)

# Classes of SQLSTATE, and single states, by what is at fault. Appendix A of PostgreSQL's manual lists them.
_UNAVAILABLE: Final = {
    "08": "the connection was lost",
    "25006": "the server takes no writes (a standby?)",
    "28": "the server refused the login: check user and password",
    "3D": "the database does not exist: create it",
    "3F": "the schema does not exist: create it",
    "40": "another transaction was in the way",
    "42501": "the user may not do this: make it the owner of the database",
    "53100": "the server's disk is full",
    "53200": "the server is out of memory",
    "53300": "the server has no connection left",
    "53": "the server is short of something",
    "55P03": "another program holds a lock",
    "57": "the server is shutting down, starting up, or was told to end this",
    "58": "the server's disk gave an error",
}
_CORRUPT: Final = {"XX001", "XX002"}


def shown(address: str) -> str:
    """The address without its password, for messages."""
    try:
        parts = conninfo_to_dict(address)
    except psycopg.Error:
        return "the PostgreSQL address"
    return f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"


def conninfo(address: str) -> str:
    """The address with what we add to it: what it says itself stands. Raises StoreUnavailableError for one that is none."""
    defaults: dict[str, Any] = {
        "application_name": "coranto",
        "connect_timeout": 10,
        "keepalives_idle": 10,
        "keepalives_interval": 3,
        "keepalives_count": 3,
        "tcp_user_timeout": int(_SILENCE.total_seconds() * 1000),
        # A failover: of several hosts the one that takes writes.
        "target_session_attrs": "any",
    }
    try:
        return make_conninfo("", **{**defaults, **conninfo_to_dict(address)})
    except psycopg.Error as error:
        raise StoreUnavailableError(f"this is no address of a PostgreSQL database: {error}") from error


def connect(address: str, *, writes: bool) -> Connection[Any]:
    """A connection of one's own, not in autocommit. Raises psycopg.OperationalError and StoreUnavailableError."""
    wanted = conninfo(address)
    if writes and "target_session_attrs" not in conninfo_to_dict(address):
        wanted = make_conninfo(wanted, target_session_attrs="read-write")
    return psycopg.connect(wanted)


def is_fault_of_server(error: psycopg.Error) -> bool:
    """True when every write would fail at the moment, and not the one piece of work."""
    state = error.sqlstate
    if state is None:
        # Without a state the server said nothing: the connection is lost, or libpq or psycopg refused the values.
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return state in _CORRUPT or _cause(state) is not None


def _cause(state: str) -> str | None:
    return _UNAVAILABLE.get(state) or _UNAVAILABLE.get(state[:2])


def explain(error: Exception, address: str) -> Exception:
    """The error as the operator should see it; one of ours wherever the server or the article is at fault."""
    where = shown(address)
    text = " ".join(str(error).split())
    if isinstance(error, NewerSchemaError):
        return StoreUnavailableError(f"{where}: {error}")
    if isinstance(error, UnicodeEncodeError):
        return ArticleRefusedError(f"a text of this record cannot be written as UTF-8: {error.reason}")
    if not isinstance(error, psycopg.Error):
        return error
    if error.sqlstate in _CORRUPT:
        return StoreCorruptError(
            f"{where} is damaged ({text}): stop the sink, then restore a backup or repair it with `pg_amcheck`; nothing is lost "
            "meanwhile, the articles wait in Redis"
        )
    if is_fault_of_server(error):
        cause = _cause(error.sqlstate or "") or "the server does not answer"
        return StoreUnavailableError(f"{where}: {cause} ({text}); articles wait in Redis meanwhile")
    if isinstance(error, psycopg.DataError) or error.sqlstate in {"54000", "22001"}:
        return ArticleRefusedError(f"PostgreSQL does not take a value of this record: {text}")
    return error
