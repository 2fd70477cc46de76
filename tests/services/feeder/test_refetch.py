"""Articles are fetched again while they are young: when, by which feeder, and which ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from redis.asyncio import Redis
from tests.conftest import running_service

from coranto.client import TooMuchWaitingError
from coranto.records import DiscoveredArticle, FinishedArticle, Submission, article_id
from coranto.records.envelope import FIELD, decode, encode
from coranto.sources.registry import FeedRegistry, new_feed
from coranto.store.rules.retraction import SPAN, VISITS
from coranto.topology import DISCOVERED, FEEDER, FINISHED, Keys, Pipeline
from coranto_feeder.refetch import RefetchSchedule
from coranto_feeder.settings import FeederSettings

EXAMPLE = Path(__file__).parents[2] / "contracts/examples/coranto.article.finished.v2/full.json"
STORED_AT = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
AFTER = (HOUR, 6 * HOUR, DAY, 3 * DAY)
PATIENCE_SECONDS = 60.0


def finished(name: str = "one", **more: Any) -> dict[str, Any]:
    """An article that has just been stored for the first time, as its event has it; `more` replaces fields by section."""
    article: dict[str, Any] = json.loads(EXAMPLE.read_text(encoding="utf-8"))["data"]
    url = f"https://paper.example/{name}"
    article |= {"id": article_id(url), "key": url, "url": url}
    article["storage"] |= {"revision": 1, "change": "created", "stored_at": STORED_AT.isoformat()}
    article["discovery"] = {name: value for name, value in article["discovery"].items() if name != "saved"}
    article["discovery"] |= {"url": url + "?utm_source=rss", "submission": f"s-{name}"}
    for section, fields in more.items():
        article[section] |= fields
    return article


class Feeder:
    """A feeder's view of the schedule, with its clock, and what it submitted."""

    def __init__(self, redis: Redis, *, after: Sequence[timedelta] = AFTER, limit: int = 1000) -> None:
        self.now = STORED_AT + timedelta(seconds=1)
        self.submitted: list[Submission] = []
        self.refusal: Exception | None = None
        self.registry = FeedRegistry(redis, Keys())
        self.schedule = RefetchSchedule(
            redis, Pipeline(), self._submit, after=after, limit=limit, registry=self.registry, now=lambda: self.now
        )

    async def _submit(self, submissions: Sequence[Submission]) -> None:
        self.submitted += submissions
        if self.refusal is not None:
            raise self.refusal

    async def read(self, *articles: dict[str, Any]) -> None:
        """Read these events."""
        await self.schedule.add(visit for one in articles if (visit := self.schedule.find_visit(one)) is not None)

    async def tick_at(self, age: timedelta) -> int:
        """What is submitted when the articles have been stored for so long."""
        self.now = STORED_AT + age
        return await self.schedule.tick()


@pytest.fixture
def feeder(redis: Redis) -> Feeder:
    return Feeder(redis)


async def keys_of(redis: Redis) -> list[bytes]:
    return sorted([key async for key in redis.scan_iter(match="*refetch*")])


async def test_article_is_visited_at_growing_ages_and_then_no_more(feeder: Feeder, redis: Redis) -> None:
    await feeder.read(finished())
    visited = [hours for hours in range(24 * 6) if await feeder.tick_at(timedelta(hours=hours, minutes=1))]
    assert visited == [1, 6, 24, 72]
    assert await keys_of(redis) == []


async def test_visit_is_a_revisit_in_the_background_with_all_that_was_known_of_the_article(feeder: Feeder) -> None:
    article = finished()
    await feeder.read(article)
    await feeder.tick_at(HOUR)
    (visit,) = feeder.submitted
    assert (visit.is_recrawl, visit.priority, visit.kind) == (True, "backlog", "page")
    found = article["discovery"]
    assert visit.url == found["url"]  # the address it was found under: its validators are kept by that
    assert visit.id != found["submission"]
    for field in ("source", "tags", "feed", "discovered_via", "hints"):
        assert json.loads(visit.model_dump_json(include={field}, exclude_none=True))[field] == found[field]


@pytest.mark.parametrize(
    ("why", "more"),
    [
        ("it is a revision", {"storage": {"change": "updated", "revision": 2}}),
        ("it is backlog, as a visit of ours is", {"discovery": {"priority": "backlog"}}),
        ("it was published long ago", {"content": {"published": {"local": "2026-04-20", "precision": "day"}}}),
        (
            "its feed says that it was published long ago",
            {"content": {"published": None}, "discovery": {"hints": {"published": "2026-04-20T00:00:00Z"}}},
        ),
        (
            "its page was handed over",
            {"discovery": {"saved": {"page": {"sha256": "0" * 64, "size_bytes": 1}, "content_type": "text/html"}}},
        ),
        ("it is of an unknown form", {"storage": {"change": "renamed"}}),
        ("its date is none", {"content": {"published": {"local": "someday"}}}),
    ],
)
async def test_article_is_left_alone_when(feeder: Feeder, redis: Redis, why: str, more: dict[str, Any]) -> None:
    assert feeder.schedule.find_visit(finished()) is not None
    assert feeder.schedule.find_visit(finished(**more)) is None, why


async def test_article_without_a_date_counts_as_new(feeder: Feeder) -> None:
    undated = finished(content={"published": None}, discovery={"hints": {"title": "A title"}})
    await feeder.read(undated)
    assert await feeder.tick_at(HOUR) == 1


async def test_text_of_a_feed_is_kept_or_the_article_is_not_visited(feeder: Feeder) -> None:
    whole = "".join(f"<p>{number * 7919} and more</p>" for number in range(400))
    await feeder.read(finished("kept", discovery={"hints": {"body_html": whole}}))
    endless = "".join(chr(0x4E00 + number * 7919 % 20000) for number in range(20000))
    await feeder.read(finished("too-long", discovery={"hints": {"body_html": endless}}))
    await feeder.tick_at(HOUR)
    assert [(one.url, one.hints.body_html) for one in feeder.submitted] == [
        ("https://paper.example/kept?utm_source=rss", whole)
    ]


async def test_two_feeders_read_each_article_and_visit_it_once(feeder: Feeder, redis: Redis) -> None:
    other = Feeder(redis)
    articles = [finished(f"n{number}") for number in range(250)]
    await asyncio.gather(feeder.read(*articles), other.read(*articles))
    for age in (HOUR, HOUR, HOUR):
        await asyncio.gather(feeder.tick_at(age), other.tick_at(age))
    assert len(feeder.submitted) + len(other.submitted) == 250
    assert len({one.id for one in feeder.submitted + other.submitted}) == 250


async def test_feeder_that_reads_late_begins_no_visit_anew(feeder: Feeder, redis: Redis) -> None:
    await feeder.read(finished())
    for age in AFTER:
        assert await feeder.tick_at(age) == 1
    late = Feeder(redis)
    late.now = feeder.now
    await late.read(finished())
    assert not any([await late.tick_at(timedelta(hours=hours)) for hours in range(73, 200)])
    assert await keys_of(redis) == []


def not_found(at: datetime, **more: Any) -> dict[str, Any]:
    """The end of a visit of the article, as its event has it."""
    end = {"id": finished()["id"], "stage": "fetcher", "outcome": "dropped", "reason": "not_found", "submission": "s"}
    return end | {"dropped_at": at.isoformat()} | more


async def ages_of_visits(*feeders: Feeder, days: int, page_is_missing: Callable[[timedelta], bool]) -> list[float]:
    """The hours at which the article is visited; every feeder reads how each visit ends."""
    found = []
    for minutes in range(0, days * 24 * 60, 20):
        age = timedelta(minutes=minutes)
        if sum([await feeder.tick_at(age) for feeder in feeders]):
            found.append(age / HOUR)
            if page_is_missing(age):
                for feeder in feeders:
                    for _ in range(2):  # a feeder that was killed reads it again
                        await feeder.schedule.look_again(not_found(STORED_AT + age + timedelta(minutes=1)))
    return found


async def test_article_that_is_not_found_is_looked_for_until_that_is_certain(feeder: Feeder, redis: Redis) -> None:
    await feeder.read(finished())
    found = await ages_of_visits(feeder, days=9, page_is_missing=lambda _: True)
    assert found[:3] == [1, 6, pytest.approx(18, abs=0.5)]
    absences = found[:3]
    assert absences[2] - absences[0] >= SPAN / HOUR or found[3] - found[0] >= SPAN / HOUR
    assert len(found) <= len(AFTER) + 6, "it is given up"
    assert len({one.id for one in feeder.submitted}) == len(found)
    assert await keys_of(redis) == []


async def test_page_that_goes_at_the_last_visit_is_looked_for_as_often_as_the_store_asks(feeder: Feeder) -> None:
    await feeder.read(finished())
    found = await ages_of_visits(feeder, days=9, page_is_missing=lambda age: age >= 3 * DAY)
    assert found[:4] == [1, 6, 24, 72]
    gone = found[3:]
    assert len(gone) >= VISITS
    assert gone[VISITS - 1] - gone[0] >= SPAN / HOUR


async def test_two_feeders_that_read_of_a_missing_page_look_again_once(feeder: Feeder, redis: Redis) -> None:
    other = Feeder(redis)
    await feeder.read(finished())
    found = await ages_of_visits(feeder, other, days=9, page_is_missing=lambda age: age < 2 * HOUR)
    assert found == [1, 6, pytest.approx(13.3, abs=0.4), 24, 72]
    assert len(feeder.submitted) + len(other.submitted) == 5


async def test_feeder_that_reads_late_of_a_missing_page_looks_at_once(feeder: Feeder) -> None:
    await feeder.read(finished())
    for age in AFTER:
        await feeder.tick_at(age)
    feeder.now = STORED_AT + 3 * DAY + 20 * HOUR
    await feeder.schedule.look_again(not_found(STORED_AT + 3 * DAY + HOUR))
    assert await feeder.schedule.tick() == 1


@pytest.mark.parametrize(
    "more",
    [
        {"reason": "forbidden"},
        {"stage": "extractor"},
        {"id": "f" * 32},
        {"id": None},
        {"id": "*"},
        {"dropped_at": "noon"},
        {"dropped_at": None},
        {"dropped_at": "2026-05-01T13:00:00"},
    ],
)
async def test_other_ends_cause_no_visit(feeder: Feeder, more: dict[str, Any]) -> None:
    await feeder.read(finished())
    await feeder.tick_at(HOUR)
    await feeder.schedule.look_again(not_found(feeder.now, **more))
    visited = [hours for hours in range(2, 24 * 6) if await feeder.tick_at(timedelta(hours=hours, minutes=1))]
    assert visited == [6, 24, 72]


async def test_page_that_is_gone_is_looked_for_once_more(feeder: Feeder) -> None:
    await feeder.read(finished())
    await feeder.tick_at(HOUR)
    await feeder.schedule.look_again(not_found(feeder.now, reason="gone"))
    visited = [hours for hours in range(2, 24 * 6) if await feeder.tick_at(timedelta(hours=hours, minutes=1))]
    assert visited == [6, 13, 24, 72]


async def test_article_erased_meanwhile_is_not_looked_for(feeder: Feeder, redis: Redis) -> None:
    await feeder.read(finished())
    await feeder.tick_at(HOUR)
    await redis.delete(*[key for key in await keys_of(redis) if finished()["id"].encode() in key])
    await feeder.schedule.look_again(not_found(feeder.now))
    assert not any([await feeder.tick_at(timedelta(hours=hours)) for hours in range(2, 30)])


async def test_visits_missed_while_no_feeder_ran_are_not_made_up_for(feeder: Feeder, redis: Redis) -> None:
    await feeder.read(finished())
    after_a_break = Feeder(redis)
    assert await after_a_break.tick_at(2 * DAY) == 1
    assert await after_a_break.tick_at(2 * DAY + HOUR) == 0
    assert await after_a_break.tick_at(3 * DAY) == 1


async def test_feeder_killed_while_submitting_has_the_same_submission_made_again(feeder: Feeder) -> None:
    await feeder.read(finished())
    feeder.refusal = ConnectionError("killed")
    with pytest.raises(ConnectionError):
        await feeder.tick_at(HOUR)
    feeder.refusal = None
    assert await feeder.tick_at(HOUR + timedelta(minutes=1)) == 0  # leased to the one that is gone
    assert await feeder.tick_at(HOUR + timedelta(minutes=6)) == 1
    first, again = feeder.submitted
    assert first.id == again.id
    assert await feeder.tick_at(6 * HOUR) == 1
    assert feeder.submitted[-1].id != first.id


async def test_what_is_refused_because_too_much_waits_is_submitted_later(feeder: Feeder) -> None:
    await feeder.read(finished("one"), finished("two"))
    await feeder.tick_at(timedelta())
    visit = feeder.schedule.find_visit(finished("one"))
    assert visit is not None
    one = visit.to_submission(1, feeder.now)
    feeder.refusal = TooMuchWaitingError([one], 10)
    assert await feeder.tick_at(HOUR) == 1
    feeder.refusal = None
    feeder.submitted.clear()
    assert await feeder.tick_at(HOUR + timedelta(minutes=6)) == 1
    assert [again.id for again in feeder.submitted] == [one.id]


async def test_article_is_left_alone_while_the_feed_that_named_it_fails(feeder: Feeder) -> None:
    feed = new_feed("https://paper.example/rss", now=STORED_AT)
    await feeder.registry.add(feed)
    await feeder.registry.add(new_feed("https://other.example/rss", now=STORED_AT))
    await feeder.read(
        finished("one", discovery={"feed": feed.url}), finished("two", discovery={"feed": "https://other.example/rss"})
    )

    async def poll_ends(outcome: str, failures: int) -> None:
        state = feed.model_copy(update={"failures": failures, "last_outcome": outcome})
        await feeder.registry.save(state, STORED_AT + 9 * DAY)

    def visited() -> list[str]:
        names = [one.url.rpartition("/")[2].partition("?")[0] for one in feeder.submitted]
        feeder.submitted.clear()
        return names

    await poll_ends("status_404", 3)
    await feeder.tick_at(HOUR)
    assert visited() == ["two"]
    await feeder.tick_at(HOUR + timedelta(minutes=59))
    assert visited() == []
    await poll_ends("new", 0)
    await feeder.tick_at(2 * HOUR)
    assert visited() == ["one"]
    # What is not the site's fault, or has lasted so long that only the feed may be gone, keeps nothing from being visited.
    await poll_ends("submit_refused", 3)
    await feeder.tick_at(6 * HOUR)
    assert sorted(visited()) == ["one", "two"]
    await poll_ends("status_410", 10)
    await feeder.tick_at(DAY)
    assert sorted(visited()) == ["one", "two"]


async def test_article_whose_feed_fails_to_the_end_leaves_nothing_behind(feeder: Feeder, redis: Redis) -> None:
    feed = new_feed("https://paper.example/rss", now=STORED_AT)
    await feeder.registry.add(feed)
    await feeder.read(finished("one", discovery={"feed": feed.url}))
    await feeder.registry.save(feed.model_copy(update={"failures": 2, "last_outcome": "timed_out"}), STORED_AT)
    assert sum([await feeder.tick_at(timedelta(hours=hours, minutes=1)) for hours in range(24 * 6)]) == 0
    assert await keys_of(redis) == []


async def test_schedule_is_bounded_and_gives_up_what_is_due_last(redis: Redis) -> None:
    feeder = Feeder(redis, limit=3)
    await feeder.read(*(finished(f"old{number}") for number in range(3)))
    await feeder.tick_at(DAY)  # next in two days
    new = [finished(f"new{number}", storage={"stored_at": (STORED_AT + DAY).isoformat()}) for number in range(2)]
    await feeder.read(*new)
    await feeder.tick_at(DAY)
    assert len(await keys_of(redis)) == 3 + 1
    feeder.submitted.clear()
    await feeder.tick_at(DAY + HOUR)
    assert {one.url.split("/")[-1].partition("?")[0] for one in feeder.submitted} == {"new0", "new1"}


async def test_erased_article_is_not_visited(feeder: Feeder, redis: Redis) -> None:
    article = finished()
    await feeder.read(article)
    # What erasing does: it deletes the keys that are named after the article.
    named = [key for key in await keys_of(redis) if article["id"].encode() in key]
    assert len(named) == 1
    await redis.delete(*named)
    assert await feeder.tick_at(HOUR) == 0
    assert await keys_of(redis) == []


async def test_what_is_kept_goes_by_itself_when_no_feeder_runs_any_more(feeder: Feeder, redis: Redis) -> None:
    await feeder.read(finished())
    entry = Keys().owned_by(FEEDER, f"refetch:{finished()['id']}")
    assert 3 * DAY < timedelta(seconds=await redis.ttl(entry)) <= 4 * DAY


async def test_entry_of_another_version_is_given_up(feeder: Feeder, redis: Redis) -> None:
    await feeder.read(finished())
    await redis.set(Keys().owned_by(FEEDER, f"refetch:{finished()['id']}"), b"something else")
    assert await feeder.tick_at(HOUR) == 0
    assert await keys_of(redis) == []


def test_ages_are_a_list_that_may_be_empty_and_has_bounds() -> None:
    assert FeederSettings().refetch_after == AFTER
    assert FeederSettings(refetch_after="").refetch_after == ()
    assert FeederSettings(refetch_after="PT30M, 7200").refetch_after == (HOUR / 2, 2 * HOUR)
    for wrong in ("0", "-5", "P31D"):
        with pytest.raises(ValidationError, match="above 0 and up to 30 days"):
            FeederSettings(refetch_after=wrong)


async def test_running_feeders_pass_a_finished_article_on_again_and_only_one_of_them_does(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    settings = {"CORANTO_REDIS__URL": redis_url, "CORANTO_FEEDER__REFETCH_AFTER": "8"}

    async def is_reading() -> bool:
        return bool(await redis.exists(Keys().owned_by(FEEDER, "account-mark")))

    async def publish(name: str, stored_at: datetime) -> None:
        article = finished(name, storage={"stored_at": stored_at.isoformat()}, content={"published": None})
        article["discovery"]["hints"] = {}
        event = encode(FinishedArticle.model_validate(article), source="test")
        await redis.xadd(Keys().stream(FINISHED), {FIELD: event})

    async def visits() -> list[DiscoveredArticle]:
        entries: Any = await redis.xrange(Keys().stream(DISCOVERED))
        return [decode(fields[FIELD], DiscoveredArticle).record for _, fields in entries]

    async def are_visited(number: int) -> bool:
        return len(await visits()) >= number

    async with (
        running_service("feeder", settings | {"CORANTO_FEEDER__DATA": str(tmp_path / "a")}),
        running_service("feeder", settings | {"CORANTO_FEEDER__DATA": str(tmp_path / "b")}),
    ):
        await until(is_reading)
        now = datetime.now(UTC)
        await publish("first", now)
        await publish("last", now + timedelta(seconds=3))
        await until(lambda: are_visited(2))
        found = await visits()
    # By the time of the last one both had every opportunity to pass on the first.
    assert [one.url.partition("?")[0] for one in found] == ["https://paper.example/first", "https://paper.example/last"]
    assert {(one.discovery.is_recrawl, one.discovery.priority) for one in found} == {(True, "backlog")}


async def until(claim: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await claim():
            await asyncio.sleep(0.05)
