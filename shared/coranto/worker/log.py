"""Logging: structlog, one canonical line a message, JSON unless standard error is a terminal.

Event names are `noun.verb`; everything else is a field. Bodies, secrets and query strings stay out: URLs are cut by
`without_query` before they are logged.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any, TextIO, cast
from urllib.parse import urlsplit, urlunsplit

import structlog

from coranto.settings import LogSettings

MESSAGE_DONE = "message.done"
WORKER_STARTED = "worker.started"
WORKER_STOPPING = "worker.stopping"
WORKER_STOPPED = "worker.stopped"
SETTINGS_LOADED = "settings.loaded"
REDIS_WAITING = "redis.waiting"
REDIS_RECONNECTED = "redis.reconnected"
REDIS_UNSAFE = "redis.unsafe"
GROUP_CREATED = "group.created"
BREAKER_OPENED = "breaker.opened"
BREAKER_CLOSED = "breaker.closed"
STAGE_PAUSED = "stage.paused"
STAGE_RESUMED = "stage.resumed"
CLAIM_LOST = "claim.lost"
TASK_FAILED = "task.failed"
HANDLERS_LEFT_BEHIND = "handlers.left_behind"
STAGE_STOP_FAILED = "stage.stop_failed"
HOUSEKEEPING_FAILED = "housekeeping.failed"
COMMIT_FAILED = "commit.failed"
GROUP_AT_RISK = "group.at_risk"
GROUP_UNKNOWN = "group.unknown"
LINES_LOST = "log.lines_lost"


def configure(settings: LogSettings) -> None:
    """Set logging up for this process, once, at its start. Libraries that log through `logging` get the same form."""
    output = cast("TextIO", _Output(sys.stderr))
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    as_json = settings.format == "json" or (settings.format == "auto" and not sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        # Where rich is installed, its tracebacks show the values of variables, secrets among them.
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    last: list[Any] = [structlog.processors.format_exc_info, renderer] if as_json else [renderer]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Not PrintLogger: it writes a line and its end apart.
        logger_factory=structlog.WriteLoggerFactory(output),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    # A library's INFO is our DEBUG.
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)


class _Output:
    """A stream that never fails its writer: work goes on where a line cannot be kept, as on a full disk."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lost = 0

    def write(self, text: str) -> int:
        try:
            lost = {"lines": self._lost, "event": LINES_LOST, "level": "warning"}
            self._stream.write(f"{json.dumps(lost)}\n{text}" if self._lost else text)
            self._stream.flush()
            self._lost = 0
        except (OSError, ValueError):  # a full disk, a reader that has gone, a stream that is closed
            self._lost += 1
        return len(text)

    def flush(self) -> None:
        """Nothing waits: each line is flushed as it is written."""


def get_logger(**bound: Any) -> Any:
    """A logger with these fields bound. Its type is structlog's, which is chosen at run time."""
    return structlog.get_logger(**bound)


def without_query(url: str) -> str:
    """The URL without its query, fragment, user name and password, fit to be logged."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(unreadable)"
    return urlunsplit((parts.scheme, f"{host}{port}", parts.path, "", ""))
