"""When a feed is polled next: by its own rhythm, its silence and its failures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from coranto.sources.registry import Feed, new_feed
from coranto_feeder.schedule import jittered, next_interval, pause_after_failure
from coranto_feeder.settings import FeederSettings
from coranto_feeder.sources import Entry

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SETTINGS = FeederSettings()


def feed(interval: timedelta = timedelta(0)) -> Feed:
    made = new_feed("https://example.org/feed", now=NOW)
    return made.model_copy(update={"interval_seconds": interval.total_seconds()})


def published(gap: timedelta, number: int = 20, *, until: datetime = NOW) -> list[Entry]:
    return [Entry(id=str(n), url=f"https://example.org/{n}", published=until - n * gap) for n in range(number)]


def settled(entries: list[Entry]) -> timedelta:
    """The interval that many polls of such a feed lead to."""
    one = feed()
    for _ in range(30):
        interval = next_interval(one, entries, has_news=True, now=NOW, settings=SETTINGS)
        one = feed(interval)
    return interval


def test_feed_is_polled_at_half_its_own_gap() -> None:
    assert settled(published(timedelta(hours=1))) == pytest.approx(timedelta(minutes=30), abs=timedelta(minutes=1))


def test_silence_since_the_last_entry_counts_as_a_gap() -> None:
    minutely_until_six_hours_ago = published(timedelta(minutes=1), until=NOW - timedelta(hours=6))
    assert settled(minutely_until_six_hours_ago) == pytest.approx(timedelta(hours=1.5), abs=timedelta(minutes=2))


def test_interval_grows_without_news_and_keeps_to_its_bounds() -> None:
    idle = next_interval(feed(timedelta(hours=1)), (), has_news=False, now=NOW, settings=SETTINGS)
    assert idle == timedelta(hours=1.3)
    longest = next_interval(feed(timedelta(hours=6)), (), has_news=False, now=NOW, settings=SETTINGS)
    assert longest == SETTINGS.max_interval
    assert settled(published(timedelta(seconds=1))) == SETTINGS.min_interval


def test_entries_of_the_future_say_nothing() -> None:
    ahead = published(timedelta(hours=1), until=NOW + timedelta(days=3))
    interval = next_interval(feed(timedelta(hours=1)), ahead, has_news=True, now=NOW, settings=SETTINGS)
    assert interval == timedelta(hours=0.7)


@pytest.mark.parametrize(
    ("failures", "retry_after", "is_our_refusal", "expected"),
    [
        (1, None, False, timedelta(minutes=4)),
        (3, None, False, timedelta(minutes=16)),
        (1000, None, False, timedelta(hours=24)),
        (5, timedelta(hours=2), False, timedelta(hours=2)),
        (5, timedelta(seconds=1), False, timedelta(minutes=2)),
        (5, timedelta(minutes=1), True, timedelta(minutes=1)),
    ],
)
def test_pause_doubles_with_each_failure_or_is_what_the_host_asks_for(
    failures: int, retry_after: timedelta | None, is_our_refusal: bool, expected: timedelta
) -> None:
    pause = pause_after_failure(failures, retry_after=retry_after, is_our_refusal=is_our_refusal, settings=SETTINGS)
    assert pause == expected


def test_jitter_changes_a_span_by_a_twentieth_at_most() -> None:
    spans = {jittered(timedelta(hours=1)) for _ in range(100)}
    assert len(spans) > 50
    assert all(timedelta(minutes=57) <= span <= timedelta(minutes=63) for span in spans)
