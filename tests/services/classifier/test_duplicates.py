"""Which story an article belongs to, by an index in a real Redis."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from coranto.testing import FakeClock
from coranto_classifier.duplicates.fingerprint import make_fingerprint
from coranto_classifier.duplicates.index import DEFAULT_PREFIX, DuplicateIndex, IndexUnavailableError
from coranto_classifier.duplicates.roles import StoryAssignment, assign_story
from coranto_classifier.settings import StorySettings
from coranto_cli.local.redis_server import EmbeddedRedis

_NOUNS = [
    *("мост", "завод", "театр", "музей", "порт", "вокзал", "рынок", "стадион", "парк"),
    *("институт", "фонд", "союз", "форум", "совет", "центр", "архив", "канал", "берег"),
]
_VERBS = [
    *("построил", "открыл", "закрыл", "передал", "осмотрел", "восстановил"),
    *("продал", "оценил", "проверил", "подготовил", "отремонтировал", "расширил"),
]


def article(seed: int, sentences: int = 16) -> str:
    """A made-up article: another seed, other sentences."""
    return " ".join(
        f"{_NOUNS[(seed * 7 + i * 5) % 18].title()} номер {seed * 31 + i} {_VERBS[(seed * 3 + i) % 12]} "
        f"{_NOUNS[(seed * 11 + i * 7) % 18]} у {_NOUNS[(seed + i * 3) % 18]}а вместе с жителями района {seed + i * 13}."
        for i in range(sentences)
    )


@pytest.fixture
def index(redis: Redis) -> DuplicateIndex:
    """An empty index."""
    return DuplicateIndex(redis)


async def assign(
    index: DuplicateIndex, record: str, text: str, title: str = "", url: str | None = None
) -> StoryAssignment:
    found = await assign_story(record, make_fingerprint(title, text, url=url), index)
    assert found is not None
    return found


async def test_first_of_its_kind_is_an_original_in_a_story_of_its_own(index: DuplicateIndex) -> None:
    assert await assign(index, "aa", article(1)) == StoryAssignment("aa", "original")
    assert await assign(index, "bb", article(2)) == StoryAssignment("bb", "original")


async def test_copy_with_another_dateline_joins_the_story_and_names_its_agency(index: DuplicateIndex) -> None:
    await assign(index, "aa", article(1))
    found = await assign(index, "bb", "МОСКВА, 1 мая - ТАСС. " + article(1))
    assert (found.cluster, found.role, found.of, found.agency) == ("aa", "copy", "aa", "ТАСС")
    assert found.similarity == 1.0


async def test_lead_only_copy_is_an_excerpt(index: DuplicateIndex) -> None:
    await assign(index, "aa", article(1))
    found = await assign(index, "bb", article(1, sentences=4))
    assert (found.cluster, found.role) == ("aa", "excerpt")


async def test_full_text_after_its_excerpt_is_an_update_of_the_same_story(index: DuplicateIndex) -> None:
    await assign(index, "aa", article(1, sentences=4))
    found = await assign(index, "bb", article(1))
    assert (found.cluster, found.role) == ("aa", "update")


async def test_changed_numbers_make_an_update(index: DuplicateIndex) -> None:
    await assign(index, "aa", article(1))
    found = await assign(index, "bb", article(1).replace("района 40", "района 4711").replace("номер 33", "номер 98765"))
    assert (found.cluster, found.role) == ("aa", "update")


async def test_the_same_record_twice_gives_the_same_answer(index: DuplicateIndex) -> None:
    await assign(index, "aa", article(1))
    first = await assign(index, "bb", article(1))
    await assign(index, "cc", article(1))
    assert await assign(index, "bb", article(1)) == first
    assert (await assign(index, "aa", article(1))).role == "original"


async def test_text_that_others_name_as_source_is_an_original_though_it_came_later(index: DuplicateIndex) -> None:
    await assign(index, "aa", "МОСКВА, 1 мая - ТАСС. " + article(1))
    source = await assign(index, "bb", article(1), url="https://tass.ru/politika/1")
    assert (source.cluster, source.role, source.of) == ("aa", "original", None)
    other = await assign(index, "cc", article(1), url="https://interfax.ru/1")
    assert (other.cluster, other.role) == ("aa", "copy")


async def test_copy_is_compared_with_the_source_it_names(index: DuplicateIndex) -> None:
    await assign(index, "aa", article(1))
    await assign(index, "bb", article(1), url="https://www.reuters.com/world/1")
    found = await assign(index, "cc", "ЛОНДОН (Рейтер) - " + article(1), url="https://vestnik.example/1")
    assert (found.cluster, found.role, found.of, found.agency) == ("aa", "copy", "bb", "Рейтер")


async def test_agency_that_names_itself_is_no_copy_of_itself(index: DuplicateIndex) -> None:
    await assign(index, "aa", article(1), url="https://tass.ru/1")
    found = await assign(index, "bb", "МОСКВА, 1 мая. /ТАСС/. " + article(1), url="https://tass.ru/2")
    assert (found.role, found.of) == ("copy", "aa")


async def test_restored_record_keeps_the_story_it_was_announced_in(index: DuplicateIndex) -> None:
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    # Live articles have come in before the index is filled again.
    assert (await assign(index, "live", article(1))).cluster == "live"
    await index.restore("copy", make_fingerprint("", article(1)), cluster="first", at=an_hour_ago)
    await index.restore(
        "first", make_fingerprint("", article(1)), cluster="first", at=an_hour_ago - timedelta(minutes=1)
    )
    assert (await assign(index, "copy", article(1))).cluster == "first"
    assert (await assign(index, "next", article(1))).cluster == "first"
    assert await index.cluster_of("live") == "first"


async def test_record_that_came_back_before_it_was_restored_goes_to_its_old_story(index: DuplicateIndex) -> None:
    then = datetime.now(UTC) - timedelta(days=1)
    assert (await assign(index, "copy", article(1))).cluster == "copy"
    await index.restore("copy", make_fingerprint("", article(1)), cluster="first", at=then)
    assert await index.cluster_of("copy") == "first"
    assert (await assign(index, "next", article(1))).cluster == "first"


async def test_restoring_twice_changes_nothing(index: DuplicateIndex) -> None:
    then = datetime.now(UTC) - timedelta(hours=2)
    for _ in range(2):
        for n, record in enumerate(("first", "second")):
            await index.restore(
                record, make_fingerprint("", article(1)), cluster="first", at=then + timedelta(minutes=n)
            )
    found = await assign(index, "third", article(1))
    assert (found.cluster, found.role, found.of) == ("first", "copy", "first")


async def test_restored_record_leaves_with_its_window(redis: Redis) -> None:
    clock = FakeClock()
    index = DuplicateIndex(redis, settings=StorySettings(window=timedelta(days=7)), clock=clock)
    stored = datetime.fromtimestamp(clock(), UTC) - timedelta(days=6)
    await index.restore("aa", make_fingerprint("", article(1)), cluster="aa", at=stored)
    clock.advance(timedelta(days=2))
    assert (await assign(index, "bb", article(1))).role == "original"


async def test_text_that_joins_two_stories_leaves_them_the_older_name(index: DuplicateIndex) -> None:
    sentences = article(1, sentences=13).split(". ")
    await assign(index, "bb", ". ".join(sentences[:10]) + article(2, sentences=3))
    assert (await assign(index, "aa", ". ".join(sentences[3:]) + article(3, sentences=3))).cluster == "aa"
    found = await assign(index, "cc", ". ".join(sentences))
    assert found.cluster == "bb"
    assert await index.cluster_of("aa") == "bb"


async def test_story_told_at_the_end_of_another_is_background_and_no_copy(index: DuplicateIndex) -> None:
    await assign(index, "aa", article(1) + " " + article(2, sentences=7))
    assert (await assign(index, "bb", article(2, sentences=7))).role == "original"


async def test_phrase_that_everyone_uses_joins_nothing(index: DuplicateIndex) -> None:
    boilerplate = "Подписывайтесь на наш канал и читайте главные новости дня первыми вместе с нами. "
    clusters = {(await assign(index, f"{n:02x}", boilerplate + article(n + 5, sentences=9))).cluster for n in range(70)}
    assert len(clusters) == 70


async def test_text_too_short_to_compare_has_no_story(index: DuplicateIndex) -> None:
    assert await assign_story("aa", make_fingerprint("Коротко", "Совсем мало слов."), index) is None


async def test_story_is_forgotten_after_its_window(redis: Redis) -> None:
    clock = FakeClock()
    index = DuplicateIndex(redis, settings=StorySettings(window=timedelta(days=7)), clock=clock)
    await assign(index, "aa", article(1))
    clock.advance(timedelta(days=8))
    assert (await assign(index, "bb", article(1))).role == "original"


async def test_four_replicas_agree_on_copies_that_arrive_at_once(redis_url: str) -> None:
    clients = [Redis.from_url(redis_url) for _ in range(4)]
    replicas = [DuplicateIndex(client) for client in clients]
    records = [(f"{story:02d}-{copy}", article(story)) for story in range(15) for copy in range(4)]

    async def work(number: int) -> list[tuple[str, StoryAssignment]]:
        return [(record, await assign(replicas[number], record, text)) for record, text in records[number::4]]

    answers = [answer for part in await asyncio.gather(*(work(number) for number in range(4))) for answer in part]
    for story in range(15):
        places = [found for record, found in answers if record.startswith(f"{story:02d}-")]
        assert len({found.cluster for found in places}) == 1
        assert [found.role for found in places].count("original") == 1
    for client in clients:
        await client.aclose()


async def test_replicas_that_are_killed_and_come_back_leave_every_story_whole(redis_url: str, tmp_path: Path) -> None:
    records = [
        {"id": f"{story:02d}-{copy}", "title": "", "text": article(story)} for story in range(40) for copy in range(4)
    ]
    program = [sys.executable, "-c", "from coranto_classifier.commands import stories_app; stories_app()", "--lines"]

    def replica(number: int) -> subprocess.Popen[bytes]:
        source = tmp_path / f"{number}.jsonl"
        source.write_text("".join(json.dumps(record) + "\n" for record in records[number::4]), encoding="utf-8")
        output = (tmp_path / f"{number}.out").open("wb")
        return subprocess.Popen([*program, "--redis", redis_url, str(source)], stdout=output)

    replicas = [replica(number) for number in range(4)]
    client = Redis.from_url(redis_url)
    while await client.get(f"{DEFAULT_PREFIX}count") is None:
        await asyncio.sleep(0.005)
    for number in (0, 1):
        replicas[number].kill()
        replicas[number].wait()
        replicas[number] = replica(number)
    assert [process.wait() for process in replicas] == [0, 0, 0, 0]
    answers = [
        json.loads(line) for number in range(4) for line in (tmp_path / f"{number}.out").read_text().splitlines()
    ]
    assert len(answers) == len(records)
    for story in range(40):
        places = [answer for answer in answers if answer["id"].startswith(f"{story:02d}-")]
        assert len({answer["cluster"] for answer in places}) == 1
        assert [answer["role"] for answer in places].count("original") == 1
    await client.aclose()


async def test_memory_per_article_stays_below_its_stated_bound(redis_url: str) -> None:
    client = Redis.from_url(redis_url)
    index = DuplicateIndex(client)
    before = (await client.info("memory"))["used_memory"]
    for number in range(600):
        await assign(index, f"{number:032x}", article(number + 100, sentences=25))
    grown = (await client.info("memory"))["used_memory"] - before
    assert grown / 600 < 4500
    await client.aclose()


async def test_every_key_expires_and_shares_the_hash_tag(redis: Redis) -> None:
    index = DuplicateIndex(redis, prefix="trial:{stories}:")
    await assign(index, "aa", article(1))
    await assign(index, "bb", article(1))
    keys = [key async for key in redis.scan_iter()]
    assert keys
    for key in keys:
        assert key.startswith(b"trial:{stories}:")
        assert await redis.ttl(key) > 0 or key.endswith(b":count")


async def test_redis_that_comes_back_empty_is_filled_again(redis: Redis) -> None:
    index = DuplicateIndex(redis)
    await assign(index, "aa", article(1))
    await redis.flushall()
    await redis.script_flush()
    assert (await assign(index, "aa", article(1))).cluster == "aa"
    assert (await assign(index, "bb", article(1))).cluster == "aa"


async def test_redis_that_is_away_is_said_to_be(own_redis: EmbeddedRedis) -> None:
    client = Redis.from_url(own_redis.url)
    index = DuplicateIndex(client)
    await assign(index, "aa", article(1))
    own_redis.kill()
    with pytest.raises(IndexUnavailableError):
        await assign(index, "bb", article(1))
    await client.aclose()
