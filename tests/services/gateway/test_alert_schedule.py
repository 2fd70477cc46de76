"""When alerts are sent: by the clock of their zone, on the days when it is changed too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coranto_gateway.alerts.alert import NewAlert
from coranto_gateway.alerts.schedule import next_due

BERLIN = ZoneInfo("Europe/Berlin")


def alert(**options: Any) -> NewAlert:
    return NewAlert.model_validate({"name": "a", "q": "x", "to": ["telegram:1"], "zone": "Europe/Berlin"} | options)


def berlin(text: str, *, fold: int = 0) -> datetime:
    # In UTC: times that come twice are equal to none of another zone.
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("options", "now", "due"),
    [
        ({}, "2026-03-14T12:00:07", "2026-03-14T12:00:07"),
        ({"when": "hourly"}, "2026-03-14T12:00:07", "2026-03-14T13:00"),
        ({"when": "hourly"}, "2026-03-14T12:00", "2026-03-14T13:00"),
        ({"when": "daily", "at": "08:00"}, "2026-03-14T07:59", "2026-03-14T08:00"),
        ({"when": "daily", "at": "08:00"}, "2026-03-14T08:00", "2026-03-15T08:00"),
        # Clocks go forward on 29 March at 02:00 and back on 25 October at 03:00.
        ({"when": "daily", "at": "08:00"}, "2026-03-28T09:00", "2026-03-29T08:00"),
        ({"when": "daily", "at": "02:30"}, "2026-03-28T09:00", "2026-03-29T03:30"),
        ({"when": "daily", "at": "02:30"}, "2026-03-29T03:30", "2026-03-30T02:30"),
        ({"when": "daily", "at": "08:00"}, "2026-10-24T09:00", "2026-10-25T08:00"),
        ({"quiet": "22:00-07:00"}, "2026-03-14T21:59", "2026-03-14T21:59"),
        ({"quiet": "22:00-07:00"}, "2026-03-14T22:00", "2026-03-15T07:00"),
        ({"quiet": "22:00-07:00"}, "2026-03-15T06:59", "2026-03-15T07:00"),
        ({"quiet": "22:00-07:00"}, "2026-03-15T07:00", "2026-03-15T07:00"),
        ({"quiet": "12:00-14:00"}, "2026-03-15T13:00", "2026-03-15T14:00"),
        ({"quiet": "12:00-14:00"}, "2026-03-15T11:00", "2026-03-15T11:00"),
        ({"quiet": "22:00-02:30"}, "2026-03-29T01:00", "2026-03-29T03:30"),
        ({"quiet": "06:00-09:00", "when": "daily", "at": "08:00"}, "2026-03-15T01:00", "2026-03-15T09:00"),
    ],
)
def test_it_is_due_by_the_clock_on_the_wall(options: dict[str, Any], now: str, due: str) -> None:
    assert next_due(alert(**options), berlin(now)) == berlin(due)


def test_a_time_that_comes_twice_counts_once() -> None:
    daily = alert(when="daily", at="02:30")
    first = next_due(daily, berlin("2026-10-24T12:00"))
    assert first == berlin("2026-10-25T02:30", fold=0)
    assert next_due(daily, first) == berlin("2026-10-26T02:30")


def test_zones_whose_offset_is_no_whole_hour_have_their_own_full_hours() -> None:
    hourly = alert(when="hourly", zone="Asia/Kathmandu")  # five hours and three quarters
    assert next_due(hourly, datetime(2026, 3, 14, 12, 0, tzinfo=UTC)) == datetime(2026, 3, 14, 12, 15, tzinfo=UTC)


def test_what_comes_right_after_a_message_waits_and_is_sent_together() -> None:
    now = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
    assert next_due(alert(), now, last_sent=now - timedelta(seconds=20)) == now + timedelta(seconds=40)
    assert next_due(alert(), now, last_sent=now - timedelta(hours=1)) == now


@given(
    at=st.times().map(lambda each: each.strftime("%H:%M")),
    zone=st.sampled_from(["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Tehran", "Africa/Cairo"]),
    hours=st.integers(0, 24 * 700),
)
def test_a_day_has_one_digest_whatever_it_is_like(at: str, zone: str, hours: int) -> None:
    daily = alert(when="daily", at=at, zone=zone)
    now, days = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours), list[Any]()
    for _ in range(40):
        due = next_due(daily, now)
        assert timedelta(0) < due - now <= timedelta(hours=26)
        days.append(due.astimezone(ZoneInfo(zone)).date())
        now = due
    assert days == [days[0] + timedelta(days=number) for number in range(40)]
