"""Dead letters of all stages together, on a real Redis with two partitions."""

from __future__ import annotations

from typing import Any

import pytest
from redis.asyncio import Redis

from coranto.admin import dead_letters
from coranto.admin.dead_letters import Filter, Reference, folded
from coranto.records.envelope import MalformedEventError, encode
from coranto.streams.interface import Dead
from coranto.streams.redis import RedisStreams
from coranto.testing import discovered, fetched
from coranto.topology import EXTRACTOR, FETCHER, STAGES, Pipeline

PIPELINE = Pipeline(partitions=2)


@pytest.fixture
async def streams(redis: Redis) -> dict[str, list[RedisStreams]]:
    return {spec.name: [RedisStreams(redis, spec, keys) for keys in PIPELINE.all_keys()] for spec in STAGES}


async def bury(redis: Redis, partition: RedisStreams, event: bytes, *, reason: str, error: str) -> Reference:
    """A dead letter as delivery makes one."""
    await partition.ensure()
    await redis.xadd(partition.main, {"event": event})
    rows: Any = await redis.xreadgroup(partition.spec.name, "tester", {partition.main: ">"}, count=1)
    ((_, found),) = rows
    (entry,) = partition.entries("main", found)
    await partition.commit([(entry, Dead(reason, error, "the traceback", attempts=2))])
    letters = await partition.dead_letters(count=1000)
    return Reference.of(letters[-1])


@pytest.fixture
async def buried(redis: Redis, streams: dict[str, list[RedisStreams]]) -> list[Reference]:
    def event(host: str, number: int) -> bytes:
        return encode(discovered(f"https://{host}/{number}"), source="test")

    fetcher, extractor = streams["fetcher"], streams["extractor"]
    return [
        await bury(redis, fetcher[0], event("a.example", 1), reason="timeout", error="no answer after 31 s"),
        await bury(redis, fetcher[1], event("www.b.example", 2), reason="timeout", error="no answer after 7.5 s"),
        await bury(redis, fetcher[1], b"no JSON", reason="malformed", error="no valid event"),
        await bury(
            redis,
            extractor[0],
            encode(fetched("https://a.example/3"), source="test"),
            reason="error",
            error="KeyError: 'x'",
        ),
    ]


async def test_letters_of_every_stage_and_partition_are_found(
    streams: dict[str, list[RedisStreams]], buried: list[Reference]
) -> None:
    assert [Reference.of(letter) async for letter in dead_letters.find_letters(streams)] == buried
    for reference in buried:
        found = await dead_letters.find_letter(streams, reference)
        assert found is not None
        assert Reference.of(found) == reference
        assert Reference.parse(str(reference)) == reference


async def test_letters_with_the_same_first_line_but_other_numbers_are_one_group(
    streams: dict[str, list[RedisStreams]], buried: list[Reference]
) -> None:
    groups = await dead_letters.group_by_cause(streams)
    assert [(group.cause.reason, group.count) for group in groups] == [("timeout", 2), ("error", 1), ("malformed", 1)]
    assert groups[0].cause.error == "no answer after <n> s"
    chosen = await dead_letters.choose(streams, Filter(cause=groups[0].cause.id))
    assert [reference for reference, _ in chosen] == buried[:2]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (Filter(), [0, 1, 2, 3]),
        (Filter(stage="extractor"), [3]),
        (Filter(reason="timeout"), [0, 1]),
        (Filter(host="a.example"), [0, 3]),
        (Filter(host="b.example"), [1]),
        (Filter(host="example"), [0, 1, 3]),
        (Filter(host="xa.example"), []),
        (Filter(stage="fetcher", host="a.example"), [0]),
    ],
)
async def test_filter_takes_what_it_says(
    streams: dict[str, list[RedisStreams]], buried: list[Reference], chosen: Filter, expected: list[int]
) -> None:
    found = [reference for reference, _ in await dead_letters.choose(streams, chosen)]
    assert found == [buried[number] for number in expected]


async def test_letter_goes_back_once_and_then_is_gone(
    redis: Redis, streams: dict[str, list[RedisStreams]], buried: list[Reference]
) -> None:
    first = await dead_letters.redeliver(streams, buried[:2])
    again = await dead_letters.redeliver(streams, buried[:2])
    assert (first.done, first.gone) == (tuple(buried[:2]), ())
    assert (again.done, again.gone) == ((), tuple(buried[:2]))
    assert [await redis.xlen(keys.retry(FETCHER)) for keys in PIPELINE.all_keys()] == [1, 1]


async def test_dropped_letter_is_gone_for_good(streams: dict[str, list[RedisStreams]], buried: list[Reference]) -> None:
    assert (await dead_letters.discard(streams, [buried[3]])).done == (buried[3],)
    assert await dead_letters.find_letter(streams, buried[3]) is None


async def test_edited_letter_must_be_what_its_stage_reads(
    redis: Redis, streams: dict[str, list[RedisStreams]], buried: list[Reference]
) -> None:
    with pytest.raises(MalformedEventError, match=r"coranto\.page\.fetched\.v2"):
        await dead_letters.redeliver_edited(streams, buried[3], encode(discovered(), source="test"))
    assert await dead_letters.find_letter(streams, buried[3]) is not None
    assert await dead_letters.redeliver_edited(streams, buried[3], encode(fetched(), source="test"))
    assert await redis.xlen(PIPELINE.all_keys()[0].retry(EXTRACTOR)) == 1


@pytest.mark.parametrize("text", ["", "fetcher", "fetcher/x/1-0", "fetcher/0/1", "a b/0/1-0"])
def test_what_names_no_letter_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a dead letter"):
        Reference.parse(text)


async def test_reference_to_a_stage_or_partition_that_is_not_there_finds_nothing(
    streams: dict[str, list[RedisStreams]],
) -> None:
    for text in ("nobody/0/1-0", "fetcher/7/1-0"):
        assert await dead_letters.find_letter(streams, Reference.parse(text)) is None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("page 1a2b3c4d5e6f7a8b is missing", "page <id> is missing"),
        ("GET https://a.example/x?y=1 gave 503", "GET <url> gave <n>"),
        ("took 31.5 s at 12:30", "took <n> s at <n>"),
        ("decade facade", "decade facade"),
        ("first line\nsecond line", "first line"),
        ("", ""),
    ],
)
def test_what_differs_between_messages_is_folded_away(error: str, expected: str) -> None:
    assert folded(error) == expected
