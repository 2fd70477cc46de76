"""Finding the running system: which Redis a program means when it does not say.

In order: an address that is given, `CORANTO_REDIS__URL`, the socket of `coranto up` in the data directory
(`CORANTO_DATA`, else `./coranto-data`).
"""

from __future__ import annotations

import os
from pathlib import Path

from coranto.topology import Pipeline

SOCKET_NAME = "redis.sock"
"""Name of the embedded Redis' socket in the data directory."""


class NotRunningError(RuntimeError):
    """No running system was found; the text says where was looked and what to do."""


def data_directory(path: Path | None = None) -> Path:
    """The data directory: as given, else `CORANTO_DATA`, else `./coranto-data`."""
    return (path or Path(os.environ.get("CORANTO_DATA", "coranto-data"))).absolute()


def redis_url(url: str | None = None, *, data: Path | None = None) -> str:
    """Address of the running system's Redis. Raises NotRunningError when none can be found."""
    if url:
        return url
    if data is None and (from_environment := os.environ.get("CORANTO_REDIS__URL")):
        return from_environment
    socket = data_directory(data) / SOCKET_NAME
    note = socket.with_suffix(".path")
    if note.exists():  # the socket lies elsewhere because the directory's path is too long for one
        socket = Path(note.read_text(encoding="utf-8").strip())
    if socket.exists():
        return f"unix://{socket}"
    raise NotRunningError(
        f"no running system found: there is no {socket} and CORANTO_REDIS__URL is not set; "
        "start one with `coranto up`, or say where it is with --data DIR or CORANTO_REDIS__URL"
    )


def prefix() -> str:
    """First part of every key: `CORANTO_PIPELINE__PREFIX`, else `coranto`."""
    return os.environ.get("CORANTO_PIPELINE__PREFIX", "coranto")


def partitions() -> int | None:
    """Partitions of the pipeline as `CORANTO_PIPELINE__PARTITIONS` says; None when it does not: Redis knows them."""
    told = os.environ.get("CORANTO_PIPELINE__PARTITIONS")
    if told is None:
        return None
    if not (told.isascii() and told.isdigit()) or int(told) < 1:
        raise ValueError(f"CORANTO_PIPELINE__PARTITIONS must be a whole number from 1, got {told!r}")
    return int(told)


def pipeline() -> Pipeline:
    """The pipeline as far as the environment names it. How many partitions it really has is in Redis."""
    return Pipeline(partitions() or 1, prefix())
