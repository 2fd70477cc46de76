"""Redis comes back empty: the classifier's index of stories is filled again from what the sink has stored."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from tests.conftest import eventually, running_service

from coranto.records import ExtractedArticle, FinishedArticle, Story
from coranto.records.envelope import FIELD, decode, encode
from coranto.testing import samples
from coranto.topology import EXTRACTED, FINISHED, Keys, Pipeline

KEYS = Keys()
PATIENCE_SECONDS = 90.0
TEXT = "\n".join(
    f"The harbour office said on day {number} that ferry {number * 7} would leave from pier {number * 3} again, "
    f"and that {number * 11} travellers had asked for their money back since the storm."
    for number in range(1, 9)
)


async def publish(redis: Redis, article: ExtractedArticle) -> None:
    await redis.xadd(KEYS.stream(EXTRACTED), {FIELD: encode(article, source="test")})


async def stories(redis: Redis) -> dict[str, Story]:
    entries: Any = await redis.xrange(KEYS.stream(FINISHED))
    records = [decode(fields[FIELD], FinishedArticle).record for _, fields in entries]
    return {record.fetch.final_url: record.classification.story for record in records if record.classification.story}


async def test_copy_finds_its_story_after_redis_has_lost_everything(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    settings = {
        "CORANTO_REDIS__URL": redis_url,
        "CORANTO_SINK__DATABASE": str(tmp_path / "articles.sqlite"),
        "CORANTO_DELIVERY__HOUSEKEEPING_INTERVAL": "0.3",
    }
    first, copy, late = (f"https://news{number}.example/ferries" for number in range(3))

    async def is_stored(url: str) -> bool:
        return url in await stories(redis)

    async def is_filled() -> bool:
        entered = [f"{Pipeline().stories()}i:{samples.extracted(url).id}" for url in (first, copy)]
        return await redis.get(Pipeline().reindex()) == b"done" and await redis.exists(*entered) == len(entered)

    async with AsyncExitStack() as stack:
        for name in ("sink", "classifier"):
            await stack.enter_async_context(running_service(name, settings))
        for url in (first, copy):
            await publish(redis, samples.extracted(url, title="Ferries sail again", text=TEXT))
            await eventually(lambda url=url: is_stored(url), within_seconds=PATIENCE_SECONDS)
        told = await stories(redis)
        await redis.flushall()
        await eventually(is_filled, within_seconds=PATIENCE_SECONDS)
        await publish(redis, samples.extracted(late, title="Ferries are back", text=TEXT))
        await eventually(lambda: is_stored(late), within_seconds=PATIENCE_SECONDS)
        assert told[copy].id == told[first].id
        found = (await stories(redis))[late]
        assert (found.id, found.role) == (told[first].id, "copy")
