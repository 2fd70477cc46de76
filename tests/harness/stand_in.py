"""A worker with one stage whose behaviour each message names in its address: for the tests of delivery.

Runs in a test's own process through `make_worker`, or as a process to be killed: `python stand_in.py`.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from coranto.records import DiscoveredArticle, Discovery, Submission, article_id
from coranto.settings import LogSettings, RedisSettings
from coranto.topology import FEEDER
from coranto.worker.app import Worker
from coranto.worker.settings import BreakerSettings, DeliverySettings, WorkerSettings
from coranto.worker.stage import Invalid, RetryPolicy, Stage, Transient, Unwanted

REASONS = {
    "not_ready": "Asked for by the message.",
    "not_wanted": "Asked for by the message.",
    "not_valid": "Asked for by the message.",
    "its_turn": "Asked for by the message.",
    "world_down": "Asked for by the message; no message is to blame.",
}
_tries: dict[str, int] = {}


async def behave(submission: Submission) -> DiscoveredArticle:
    """Do what the query of the address says, then succeed."""
    asked = {name: values[0] for name, values in parse_qs(urlsplit(submission.url).query).items()}
    _tries[submission.id] = tries = _tries.get(submission.id, 0) + 1
    if "sleep" in asked:
        await asyncio.sleep(float(asked["sleep"]))
    match asked.get("do"):
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "swallow":
            while not may_end.is_set():
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(60)
        case "drop":
            raise Unwanted("not_wanted", detail="the message says so")
        case "bury":
            raise Invalid("not_valid")
        case "fail":
            raise RuntimeError("a bug")
        case "again" if tries <= int(asked.get("times", "1")):
            raise Transient("not_ready")
        case "turn" if tries <= 8:
            raise Transient("its_turn", retry_after=timedelta(milliseconds=10), spends_attempt=False)
        case "world" if not world_is_up.is_set():
            raise Transient("world_down")
        case "odd":
            raise Unwanted("no such reason")
    discovery = Discovery(
        url=submission.url,
        submission=submission.id,
        source=submission.source,
        discovered_via="submit",
        discovered_at=submission.submitted_at,
    )
    return DiscoveredArticle(id=article_id(submission.url), key=submission.url, url=submission.url, discovery=discovery)


world_is_up = asyncio.Event()
may_end = asyncio.Event()


def make_worker(
    url: str, *, concurrency: int = 4, deadline: float = 20.0, name: str = "worker", **delivery: Any
) -> Worker:
    """A worker for the stand-in stage with short times."""
    times: dict[str, Any] = {
        "claim_after": timedelta(seconds=1),
        "poll_interval": timedelta(milliseconds=100),
        "housekeeping_interval": timedelta(milliseconds=200),
        "grace_period": timedelta(seconds=5),
    }
    settings = WorkerSettings(
        redis=RedisSettings(url=SecretStr(url)),
        delivery=DeliverySettings(**{**times, **delivery}),
        breaker=BreakerSettings(failures=5, probe_after=timedelta(milliseconds=300), max_pause=timedelta(seconds=1)),
        log=LogSettings(level=os.environ.get("CORANTO_LOG__LEVEL", "error")),  # type: ignore[arg-type]  # checked by pydantic
        consumer_name=name,
    )
    stage = Stage(
        FEEDER,
        behave,
        REASONS,
        retry=RetryPolicy(
            attempts=4, first_delay=timedelta(milliseconds=50), longest_delay=timedelta(milliseconds=200)
        ),
        concurrency=concurrency,
        deadline=timedelta(seconds=deadline),
        systemic=frozenset({"world_down"}),
    )
    return Worker(settings, stages=[stage])


if __name__ == "__main__":
    make_worker(os.environ["CORANTO_REDIS__URL"], name=f"process-{os.getpid()}").run()
