"""Stops a Redis that outlived its supervisor."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from coranto.client import environment
from coranto_cli.local import reaper

_PATIENCE_SECONDS = 30.0


def end_left_over_redis(data: Path, report: Callable[[str], None]) -> None:
    """Stop a Redis that outlived its `up`: two servers must never write to one append-only file."""
    try:
        url = environment.redis_url(data=data)
    except environment.NotRunningError:
        return
    try:
        with Redis.from_url(url, socket_timeout=10.0) as client:
            pid = int(client.info("server")["process_id"])
            report(f"a Redis (process {pid}) was left in {data}; it is being stopped first")
            client.shutdown()
    except (RedisError, OSError):
        return  # nobody listens: the socket is only a file
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while reaper.is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
