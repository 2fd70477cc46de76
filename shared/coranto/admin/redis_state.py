"""Everything that a pipeline keeps in Redis, as lines that another Redis can be filled from.

A line is JSON: the key, its value as Redis' own DUMP gives it, and the time it has left. So a value can be restored by a server
of the same or a later version, and by no other program.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from coranto.admin.pipeline import ConnectedPipeline
from coranto.streams.connection import load_script
from coranto.topology import STAGES, STREAMS, Keys

_KEYS_AT_ONCE = 500


class RestoreError(RuntimeError):
    """The state cannot be put into this Redis."""


async def dump(pipeline: ConnectedPipeline) -> AsyncIterator[str]:
    """The lines of every key of the pipeline. Safe while services run: nothing that is accepted by then is missing.

    What tells that something is known comes before the messages, and the messages of one partition are read at one moment: so
    a message that moves meanwhile is in the lines once, and an entry of a feed that is remembered is in them or behind its end.
    """
    topology = pipeline.topology
    moving = {key for keys in topology.all_keys() for key in _moving(keys)}
    queues = tuple(f"{prefix}:" for keys in topology.all_keys() for prefix in _host_queues(keys))
    batch: list[bytes] = []
    async for key in pipeline.redis.scan_iter(match=f"{topology.prefix}:*", count=_KEYS_AT_ONCE):
        name = key.decode("utf-8", "surrogateescape")
        if name not in moving and not name.startswith(queues):
            batch.append(key)
        if len(batch) >= _KEYS_AT_ONCE:
            for line in await _dumped(pipeline.redis, batch):
                yield line
            batch = []
    for line in await _dumped(pipeline.redis, batch):
        yield line
    dump_at_once = pipeline.redis.register_script(load_script("dump"))
    for keys in topology.all_keys():
        found: Any = await dump_at_once(keys=_moving(keys), args=_host_queues(keys))
        for number in range(0, len(found), 3):
            yield _line(*found[number : number + 3])


def _moving(keys: Keys) -> list[str]:
    """The keys between which messages move."""
    found = [keys.stream(stream) for stream in STREAMS]
    for stage in STAGES:
        found += [keys.retry(stage), keys.delayed(stage), keys.delayed_entries(stage), keys.dead(stage)]
        found += [keys.outcomes(stage), keys.claimed(stage)]
    return [*found, *(keys.announced(stream) for stream in STREAMS), keys.submissions()]


def _host_queues(keys: Keys) -> list[str]:
    """First parts of the keys of queues by host, which messages move into and out of."""
    return [keys.host_queues(stage) for stage in STAGES if stage.has_host_queues]


async def _dumped(redis: Redis, names: list[bytes]) -> list[str]:
    if not names:
        return []
    pipe = redis.pipeline(transaction=False)
    for name in names:
        pipe.dump(name)
        pipe.pttl(name)
    answers: list[Any] = await pipe.execute()
    return [
        _line(name, answers[2 * number], answers[2 * number + 1])
        for number, name in enumerate(names)
        if answers[2 * number] is not None
    ]


def _line(name: bytes, value: bytes, ttl_ms: int) -> str:
    row = {
        "key": base64.b64encode(name).decode(),
        "ttl_ms": max(0, int(ttl_ms)),
        "value": base64.b64encode(value).decode(),
    }
    return json.dumps(row)


async def load(redis: Redis, lines: Iterable[str]) -> int:
    """Fill the Redis from the lines, and give the number of keys. Raises RestoreError, and redis' own errors."""
    number = 0
    for line in lines:
        try:
            row = json.loads(line)
            key, value = base64.b64decode(row["key"]), base64.b64decode(row["value"])
            await cast("Any", redis).restore(key, int(row["ttl_ms"]), value)
        except (ValueError, KeyError, TypeError) as error:
            raise RestoreError(f"line {number + 1} of the state of Redis cannot be read: {error}") from error
        except ResponseError as error:
            if "BUSYKEY" in str(error):
                raise RestoreError(f"there is a key {key!r} already: only an empty Redis can be filled") from error
            if "payload" in str(error) or "Bad data format" in str(error):
                raise RestoreError(
                    f"this Redis does not understand the value of {key!r}: it must be of the version that was backed up, or later"
                ) from error
            raise
        number += 1
    return number


async def is_empty(redis: Redis, prefix: str) -> bool:
    """Whether the Redis holds nothing of a pipeline with this prefix."""
    async for _ in redis.scan_iter(match=f"{prefix}:*", count=_KEYS_AT_ONCE):
        return False
    return True
