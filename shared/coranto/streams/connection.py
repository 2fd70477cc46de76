"""Connections to Redis, made alike everywhere: one place for time-outs, retries, and what is checked of the server."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from importlib.resources import files
from typing import Any, cast

from redis.asyncio import Redis, Sentinel
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ResponseError

from coranto.streams.address import parse_address
from coranto.streams.cluster import ClusterClient
from coranto.streams.errors import is_transient


class UnsafeRedisError(RuntimeError):
    """Redis may lose or evict messages, and the settings say that this must not be."""


_SOCKET_TIMEOUT = timedelta(seconds=15)
_CONNECT_TIMEOUT_SECONDS = 5.0
_PROTOCOL = re.compile(r"([?&])protocol=[^&]*&?")


def connect(url: str, *, longest_block: timedelta = timedelta(0)) -> Redis:
    """A client for the address: one server, a cluster or Sentinel, see `coranto.streams.address`. Nothing is sent yet.

    Commands are tried three times over about a second; every script of ours is safe to repeat, and callers wait out
    anything longer by themselves. An answer may take 15 seconds, and longer where a command blocks for up to `longest_block`:
    a connection that has gone silent is noticed by that, and by nothing else.
    """
    address = parse_address(url)
    options: dict[str, Any] = {
        "socket_timeout": max(_SOCKET_TIMEOUT, longest_block + timedelta(seconds=5)).total_seconds(),
        "socket_connect_timeout": _CONNECT_TIMEOUT_SECONDS,
        "health_check_interval": 30,
        "retry": Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=3),
    }
    if address.kind == "single":
        # Asked for by the address, RESP3 gives entries another form, which nobody here expects.
        return Redis.from_url(_PROTOCOL.sub(r"\1", url).rstrip("?&"), **options)
    options |= address.options
    if address.kind == "cluster":
        nodes = [ClusterNode(host, port) for host, port in address.nodes]
        cluster = ClusterClient(
            startup_nodes=nodes,
            # One node away must not stop the partitions that are on the others.
            require_full_coverage=False,
            max_connections=2**31,
            **options,
        )
        # It answers the same commands; redis-py's classes have no common type for them.
        return cast("Redis", cluster)
    watched = {name: value for name, value in options.items() if name.startswith(("ssl", "socket_"))}
    sentinel = Sentinel(address.nodes, sentinel_kwargs=watched | address.sentinel_options, **options)  # type: ignore[no-untyped-call]
    client: Redis = sentinel.master_for(address.service, redis_class=_WatchedBySentinel)
    return client


class _WatchedBySentinel(Redis):
    """A client of the master that sentinels know; closing it closes the connections to them too."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await super().aclose(close_connection_pool)
        await cast("Any", self.connection_pool).sentinel_manager.aclose()


def is_replicated(redis: Redis) -> bool:
    """Whether what the client writes is meant to outlive its server: a cluster, or a master that Sentinel watches."""
    return isinstance(redis, ClusterClient | _WatchedBySentinel)


async def wait_for_replica(redis: Redis, key: str, *, timeout: timedelta) -> bool:  # noqa: ASYNC109 - Redis waits, not we
    """Whether a replica of the key's server has all that was written before, waiting for it as long as `timeout`, or not at all.

    `WAIT` counts from its own connection's last write, so it comes behind a small one of that connection, to `key`, which must
    be of the caller's own and in the same slot.
    """
    milliseconds = int(timeout.total_seconds() * 1000)
    # Redis looks at time-outs ten times a second: whoever does not want to wait must ask for none.
    wanted = 1 if milliseconds else 0
    if isinstance(redis, ClusterClient):
        await redis.get(key)  # a moved slot is followed here, so that the next line has its node
        node: Any = redis.get_node_from_key(key)
        pipe: Any = redis.pipeline()
        pipe.execute_command("SET", key, "1", "PX", 60_000, target_nodes=node)
        pipe.execute_command("WAIT", wanted, milliseconds, target_nodes=node)
    else:
        pipe = redis.pipeline(transaction=False)
        pipe.set(key, "1", px=60_000)
        pipe.wait(wanted, milliseconds)
    _, replicas = await pipe.execute()
    return int(replicas) >= 1


async def run_id(redis: Redis) -> str:
    """Names the run of the server, or of all masters of a cluster: another name means that something may have been lost."""
    if isinstance(redis, ClusterClient):
        await redis.ping()  # finds the nodes, when nothing has been sent yet
        masters: Any = sorted(redis.get_primaries(), key=lambda node: str(node.name))
        runs = [str(_of_node(await redis.info("server", target_nodes=node))["run_id"]) for node in masters]
        return hashlib.sha256(" ".join(runs).encode()).hexdigest()[:40]
    server: dict[str, Any] = await redis.info("server")
    return str(server["run_id"])


def _of_node(answer: dict[str, Any]) -> dict[str, Any]:
    # Asked of one node, redis-py gives that node's answer, or that answer under the node's name.
    first = next(iter(answer.values()), None)
    return first if isinstance(first, dict) and "run_id" not in answer else answer


async def check_safety(redis: Redis) -> list[str]:
    """What about this server could lose messages, in sentences for an operator; empty when nothing could.

    A server that does not let us look (CONFIG forbidden, as with some hosted ones) is reported as such.
    """
    if not isinstance(redis, ClusterClient):
        return await _check_server(redis, "Redis")
    await redis.ping()
    findings: list[str] = []
    for node in redis.get_primaries():
        findings += await _check_server(redis, f"Redis at {node.name}", target_nodes=node)
    return findings


async def _check_server(redis: Redis, name: str, **target: Any) -> list[str]:
    findings: list[str] = []
    try:
        appendonly = await _config(redis, "appendonly", **target)
        policy = await _config(redis, "maxmemory-policy", **target)
        limit = await _config(redis, "maxmemory", **target)
        replicas = await _config(redis, "min-replicas-to-write", **target) if is_replicated(redis) else None
    except ResponseError as error:
        if is_transient(error):
            raise
        advice = "make sure it has appendonly yes and maxmemory-policy noeviction"
        return [f"{name} does not let us read its configuration ({error}); {advice}"]
    if appendonly == "no":
        findings.append(f"{name} has appendonly no: a restart loses what is in the streams; set appendonly yes")
    if policy not in (None, "noeviction") and limit not in (None, "0"):
        findings.append(
            f"{name} has maxmemory-policy {policy}: it may evict streams when full; set maxmemory-policy noeviction"
        )
    if replicas == "0":
        findings.append(
            f"{name} has min-replicas-to-write 0: cut off from its replicas it takes writes that a failover undoes; "
            "set min-replicas-to-write 1 and min-replicas-max-lag 10"
        )
    return findings


async def server_memory(redis: Redis) -> int:
    """Bytes the server may use: its `maxmemory`, or its machine's memory where it has no limit; 0 when it does not tell.

    Of a cluster, the masters' together.
    """
    if not isinstance(redis, ClusterClient):
        return _memory_of(await redis.info("memory"))
    await redis.ping()  # finds the nodes, when nothing has been sent yet
    answers = [await redis.info("memory", target_nodes=node) for node in redis.get_primaries()]
    return sum(_memory_of(_of_node(answer)) for answer in answers)


def _memory_of(found: dict[str, Any]) -> int:
    return int(found.get("maxmemory") or found.get("total_system_memory") or 0)


async def _config(redis: Redis, name: str, **target: Any) -> str | None:
    answer: dict[Any, Any] = await redis.config_get(name, **target)
    value = answer.get(name, answer.get(name.encode()))
    return value.decode() if isinstance(value, bytes) else value


def load_script(name: str) -> str:
    """The text of one of this package's Lua scripts."""
    return files("coranto.streams").joinpath("scripts", f"{name}.lua").read_text(encoding="utf-8")
