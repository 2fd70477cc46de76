"""A pipeline of two stages, from submissions to finished articles without a page: for tests of what lies under it.

Runs in a test's own process through `make_worker`, or as a process to be killed: `python short_pipeline.py`.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from pydantic import SecretStr

import stand_in
from coranto.records import DiscoveredArticle, FinishedArticle
from coranto.settings import LogSettings, PipelineSettings, RedisSettings
from coranto.testing import samples
from coranto.topology import DISCOVERED, FEEDER, FINISHED, StageSpec
from coranto.worker.app import Worker
from coranto.worker.settings import DeliverySettings, WorkerSettings
from coranto.worker.stage import RetryPolicy, Stage

SHORTCUT = StageSpec("shortcut", DISCOVERED, FINISHED)


async def finish(article: DiscoveredArticle) -> FinishedArticle:
    """A finished article of that address."""
    return samples.finished(article.url).model_copy(update={"discovery": article.discovery})


def make_worker(url: str, *, partitions: int, concurrency: int = 8, **delivery: Any) -> Worker:
    """A worker for both stages, with short times."""
    times: dict[str, Any] = {
        "claim_after": timedelta(seconds=2),
        "poll_interval": timedelta(milliseconds=300),
        "housekeeping_interval": timedelta(milliseconds=300),
        "grace_period": timedelta(seconds=5),
    }
    settings = WorkerSettings(
        redis=RedisSettings(url=SecretStr(url)),
        pipeline=PipelineSettings(partitions=partitions),
        delivery=DeliverySettings(**{**times, **delivery}),
        log=LogSettings(level=os.environ.get("CORANTO_LOG__LEVEL", "error")),  # type: ignore[arg-type]  # checked by pydantic
    )
    retry = RetryPolicy(attempts=4, first_delay=timedelta(milliseconds=50), longest_delay=timedelta(milliseconds=200))
    stages: list[Stage[Any, Any]] = [
        Stage(FEEDER, stand_in.behave, stand_in.REASONS, retry=retry, concurrency=concurrency),
        Stage(SHORTCUT, finish, {}, retry=retry, concurrency=concurrency),
    ]
    return Worker(settings, stages=stages)


if __name__ == "__main__":
    make_worker(os.environ["CORANTO_REDIS__URL"], partitions=int(os.environ["PARTITIONS"])).run()
