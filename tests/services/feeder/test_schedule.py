"""When a feed is polled next: by its own rhythm, its silence, what it asks for, and its failures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from coranto.sources.registry import Feed, new_feed
from coranto_feeder.polling.schedule import (
    Rhythm,
    is_gap,
    jittered,
    next_interval,
    next_time,
    pause_after_failure,
    rhythm_of,
)
from coranto_feeder.settings import FeederSettings
from coranto_feeder.sources import Entry

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SETTINGS = FeederSettings()


def feed(**more: object) -> Feed:
    """A feed that is known for long, so that its interval may be any."""
    known = {"polls": 50, "interval_seconds": 86_400.0, **more}
    return new_feed("https://example.org/feed", now=NOW).model_copy(update=known)


def published(gap: timedelta, number: int = 20, *, until: datetime = NOW) -> list[Entry]:
    return [Entry(id=str(n), url=f"https://example.org/{n}", published=until - n * gap) for n in range(number)]


def interval(rhythm: Rhythm, *, of: Feed | None = None, latest: datetime | None = None, gap: bool = False) -> timedelta:
    return next_interval(of or feed(), rhythm, latest=latest, is_gap=gap, now=NOW, settings=SETTINGS)


@pytest.mark.parametrize("gap", [timedelta(minutes=10), timedelta(hours=1), timedelta(hours=30)])
def test_first_reading_tells_the_rhythm(gap: timedelta) -> None:
    rhythm = rhythm_of(published(gap), now=NOW)
    assert rhythm.items_per_day == pytest.approx(timedelta(days=1) / gap, rel=0.2)
    assert interval(rhythm) == pytest.approx(gap / 2, rel=0.2)


def test_rhythm_that_changes_is_known_after_some_days_and_half_after_three() -> None:
    rhythm = rhythm_of(published(timedelta(hours=1), 200), now=NOW)
    for _ in range(3 * 24):
        rhythm = rhythm.after(timedelta(hours=1), 0)
    assert rhythm.items_per_day == pytest.approx(12, rel=0.2)
    for _ in range(12 * 24):
        rhythm = rhythm.after(timedelta(hours=1), 3)
    assert rhythm.items_per_day == pytest.approx(72, rel=0.1)


def test_rhythm_does_not_depend_on_how_often_is_looked() -> None:
    seldom = often = Rhythm()
    for _ in range(20):
        seldom = seldom.after(timedelta(days=1), 24)
    for _ in range(20 * 24):
        often = often.after(timedelta(hours=1), 1)
    assert often.items_per_day == pytest.approx(seldom.items_per_day, rel=0.2)


def test_silence_since_the_last_entry_makes_polls_rarer_up_to_half_an_hour() -> None:
    minutely = rhythm_of(published(timedelta(minutes=1), 500), now=NOW)
    assert interval(minutely, latest=NOW) == SETTINGS.shortest_interval
    assert interval(minutely, latest=NOW - timedelta(hours=2)) == timedelta(minutes=15)
    assert interval(minutely, latest=NOW - timedelta(hours=9)) == timedelta(minutes=30)


def test_interval_keeps_to_its_bounds() -> None:
    assert interval(Rhythm()) == SETTINGS.longest_interval == timedelta(hours=24)
    assert interval(rhythm_of(published(timedelta(days=30)), now=NOW)) == timedelta(hours=24)
    assert (
        interval(rhythm_of(published(timedelta(seconds=1)), now=NOW))
        == SETTINGS.shortest_interval
        == timedelta(minutes=2)
    )


def test_first_polls_come_at_the_first_interval_and_then_ever_more_rarely() -> None:
    daily = rhythm_of(published(timedelta(days=1), 5), now=NOW)
    waits = [interval(daily, of=feed(interval_seconds=0.0))]
    for _ in range(8):
        waits.append(interval(daily, of=feed(interval_seconds=waits[-1].total_seconds())))
    assert waits[:3] == [timedelta(minutes=15), timedelta(minutes=30), timedelta(minutes=60)]
    assert waits[-1] == pytest.approx(timedelta(hours=12), rel=0.2)


def test_feed_whose_entries_are_all_new_is_polled_twice_as_often() -> None:
    ten = "abcdefghij"
    assert is_gap(feed(digest="x"), ten, new=ten)
    assert not is_gap(feed(), ten, new=ten)  # at the first poll all are new
    assert not is_gap(feed(digest="x"), ten, new=ten[:9])
    assert not is_gap(feed(digest="x"), "a", new="a")
    hourly = rhythm_of(published(timedelta(hours=2)), now=NOW)
    assert interval(hourly, of=feed(interval_seconds=3000.0), gap=True) == timedelta(seconds=1500)


def test_entries_that_waited_for_room_are_a_gap_when_they_are_gone_and_only_then() -> None:
    waiting = feed(digest="x", left_keys=("d", "e", "f"))
    assert not is_gap(waiting, "defxyz", new="defxyz")  # none of them taken in, and none missed
    assert not is_gap(waiting, "abcdefxyz", new="defxyz")
    assert is_gap(waiting, "efxyz", new="efxyz")
    assert is_gap(waiting, "abcef", new="ef")


def test_entries_of_the_future_say_nothing() -> None:
    assert rhythm_of(published(timedelta(hours=1), until=NOW + timedelta(days=3)), now=NOW) == Rhythm()


def test_what_feed_and_server_ask_for_is_kept_to_within_bounds() -> None:
    def wait(**more: object) -> timedelta:
        return next_time(feed(**more), timedelta(minutes=2), fresh_for=timedelta(0), now=NOW) - NOW

    assert wait() < timedelta(minutes=3)
    assert timedelta(minutes=57) < wait(asks_seconds=3600.0) < timedelta(minutes=64)
    assert timedelta(hours=5.6) < wait(asks_seconds=86_400.0) < timedelta(hours=6.4)


def test_feed_is_not_polled_in_hours_and_on_days_that_it_names() -> None:
    def due(**more: object) -> datetime:
        return next_time(feed(**more), timedelta(minutes=10), fresh_for=timedelta(0), now=NOW)

    assert due(skip_hours=(12, 13, 14)) == datetime(2026, 5, 1, 15, tzinfo=UTC)
    friday_to_sunday = due(skip_days=(4, 5, 6))
    assert friday_to_sunday == datetime(2026, 5, 4, tzinfo=UTC)
    assert due(skip_hours=(12,), skip_days=(5,)) == datetime(2026, 5, 1, 13, tzinfo=UTC)


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
