"""Connections to Redis, made alike everywhere: one place for time-outs, retries, and what is checked of the server."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError


class UnsafeRedisError(RuntimeError):
    """Redis may lose or evict messages, and the settings say that this must not be."""


def connect(url: str, *, socket_timeout_seconds: float = 15.0) -> Redis:
    """A client for the address. Nothing is sent until its first command.

    Commands are tried three times over about a second; every script of ours is safe to repeat, and callers wait out
    anything longer by themselves.
    """
    return Redis.from_url(
        url,
        socket_timeout=socket_timeout_seconds,
        socket_connect_timeout=5.0,
        health_check_interval=30,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=3),
    )


async def check_safety(redis: Redis) -> list[str]:
    """What about this server could lose messages, in sentences for an operator; empty when nothing could.

    A server that does not let us look (CONFIG forbidden, as with some hosted ones) is reported as such.
    """
    findings: list[str] = []
    try:
        appendonly = await _config(redis, "appendonly")
        policy = await _config(redis, "maxmemory-policy")
        limit = await _config(redis, "maxmemory")
    except RedisError as error:
        advice = "make sure it has appendonly yes and maxmemory-policy noeviction"
        return [f"Redis does not let us read its configuration ({error}); {advice}"]
    if appendonly == "no":
        findings.append("Redis has appendonly no: a restart loses what is in the streams; set appendonly yes")
    if policy not in (None, "noeviction") and limit not in (None, "0"):
        findings.append(
            f"Redis has maxmemory-policy {policy}: it may evict streams when full; set maxmemory-policy noeviction"
        )
    return findings


async def server_memory(redis: Redis) -> int:
    """Bytes the server may use: its `maxmemory`, or its machine's memory where it has no limit; 0 when it does not tell."""
    found: dict[str, Any] = await redis.info("memory")
    return int(found.get("maxmemory") or found.get("total_system_memory") or 0)


async def _config(redis: Redis, name: str) -> str | None:
    answer: dict[Any, Any] = await redis.config_get(name)
    value = answer.get(name, answer.get(name.encode()))
    return value.decode() if isinstance(value, bytes) else value


def load_script(name: str) -> str:
    """The text of one of this package's Lua scripts."""
    return files("coranto.streams").joinpath("scripts", f"{name}.lua").read_text(encoding="utf-8")
