"""The shape of a pipeline, kept in Redis once, so that no two programs of it disagree.

The workers write it at their first start; whoever comes later compares what it was told. A program that was told nothing
takes what it finds. To change the number of partitions the pipeline must be empty: see docs/operate/failures.md.
"""

from __future__ import annotations

import json

from redis.asyncio import Redis

from coranto.topology import LAYOUT, Pipeline


class PipelineMismatchError(RuntimeError):
    """This program was told another pipeline than the one that is in Redis; the text says both."""


async def agree_on_shape(redis: Redis, pipeline: Pipeline) -> None:
    """Write the pipeline's shape where there is none yet. Raises PipelineMismatchError when there is another."""
    shape = json.dumps({"version": LAYOUT, "partitions": pipeline.partitions})
    # Asked first: a full Redis refuses to write even what is there already.
    kept = await redis.get(pipeline.shape())
    if kept is None and not await redis.set(pipeline.shape(), shape, nx=True):
        kept = await redis.get(pipeline.shape())
    if kept is not None:
        _compare(kept, pipeline.prefix, pipeline.partitions)


async def find_shape(redis: Redis, prefix: str, partitions: int | None = None) -> Pipeline | None:
    """The pipeline of this prefix, None when no worker has been started yet.

    Raises PipelineMismatchError when `partitions` is given and differs.
    """
    kept = await redis.get(Pipeline(1, prefix).shape())
    return None if kept is None else Pipeline(_compare(kept, prefix, partitions), prefix)


def _compare(kept: bytes | str | None, prefix: str, partitions: int | None) -> int:
    """The partitions of the shape that is kept."""
    try:
        shape = json.loads(kept or b"")
        version, found = int(shape["version"]), int(shape["partitions"])
    except (ValueError, KeyError, TypeError) as error:
        raise PipelineMismatchError(f"{prefix}:pipeline in Redis is no shape of a pipeline: {kept!r}") from error
    if version != LAYOUT:
        raise PipelineMismatchError(
            f"the pipeline {prefix!r} in this Redis has layout {version}, this program knows layout {LAYOUT}: "
            "use the release that the workers run"
        )
    if partitions is not None and partitions != found:
        raise PipelineMismatchError(
            f"the pipeline {prefix!r} in this Redis has {found} partition{'s' if found > 1 else ''}, this program was told "
            f"{partitions}: set CORANTO_PIPELINE__PARTITIONS={found} (a client may leave it out)"
        )
    return found
