"""Times as feeds write them: read right, or not at all."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from coranto_feeder.sources.times import parse_time


def moment(day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, second, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sun, 15 Nov 2026 21:15:00 GMT", moment(15, 21, 15)),
        ("Sun, 15 Nov 2026 21:15:00 +0100", moment(15, 20, 15)),
        ("Sun, 15 Nov 2026 21:15:00 +01:00 (CET)", moment(15, 20, 15)),
        ("15 Nov 2026 21:15 EST", moment(16, 2, 15)),
        ("Sun, 15 Nov 2026 9:15 PM", moment(15, 21, 15)),
        ("Sun, 15 Nov 2026 12:05 a.m. UTC", moment(15, 0, 5)),
        ("November 15, 2026 12:30 PM EST", moment(15, 17, 30)),
        ("Sun, 15 Nov 2026 18:30:00 CEST", moment(15, 16, 30)),
        ("Sun, 15 Nov 2026 18:30:00 MSK", moment(15, 15, 30)),
        ("Sun, 15 Nov 2026 18:30:00 GMT+2", moment(15, 16, 30)),
        ("Sun, 15 Nov 2026 18:30:00 Europe/Berlin", moment(15, 17, 30)),
        ("Sun, 15 Nov 26 18:05:09 +0200", moment(15, 16, 5, 9)),
        ("So, 15 Nov 2026 24:00:00 GMT", moment(16)),
        ("Вс, 15 ноября 2026 12:00:00 +0300", moment(15, 9)),
        ("15. November 2026 12:00 CET", moment(15, 11)),
        ("Sun Nov 15 21:15:00 UTC 2026", moment(15, 21, 15)),
        ("2026-11-15T21:15:00Z", moment(15, 21, 15)),
        ("2026-11-15T21:15:60Z", moment(15, 21, 15, 59)),
        ("2026-11-15T24:00:00Z", moment(16)),
        ("2026-11-15T21:15:00-05:30", moment(16, 2, 45)),
        ("2026-11-15T23:00:00+14:00", moment(15, 9)),
        ("2026-11-15T21:15:00.123456789-05:00", moment(16, 2, 15)),
        ("2026-11-15 21:15:00 +0100", moment(15, 20, 15)),
        ("2026-11-15t21:15:00z", moment(15, 21, 15)),
        ("2026/11/15 21:15", moment(15, 21, 15)),
        ("2026-11-15", moment(15)),
        ("20261115T211500Z", moment(15, 21, 15)),
        ("15.11.2026 21:15", moment(15, 21, 15)),
        ("11/15/2026 9:15 PM", moment(15, 21, 15)),
        ("Sun, 15 Nov 2026 1:15 PM", moment(15, 13, 15)),
        ("Sun, 15 Nov 2026 21:15 PM", moment(15, 21, 15)),
        ("Tue, 15 Nov 94 12:00:00 GMT", datetime(1994, 11, 15, 12, tzinfo=UTC)),
        ("Sun, 15 Nov 2026 21:15:00 -0159", moment(15, 23, 14)),
        ("1794777300", moment(15, 21, 15)),
        ("1794777300000", moment(15, 21, 15)),
        (1794777300, moment(15, 21, 15)),
    ],
)
def test_time_is_read_as_it_is_meant(text: object, expected: datetime) -> None:
    assert parse_time(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "soon", "Sun, 15 Nov 2026 21:15:00 XYZT", "Sun, 15 Nov 2026 21:15:00 +9900", "Sun, 35 Nov 2026 21:15:00 GMT",
        "Sun, 15 Nov 2026 25:15:00 GMT", "Sun, 15 Nov 2026 13:15 AM", "0001-01-01T00:00:00", "1970-01-01T00:00:00Z", "0",
        "Sun, 15 Nov 2026 21:15:00 +0160", "2026-11-15T21:15:00+00:60", "2026-11-15T21:15:00+14:01", "0001-01-01T00:00:00Z",
        "05/06/2026 10:00", "2026-11", "2026", "-62135596800", "15 Foo 2026", "9999-12-31T23:59:59-05:00", None, True,
        float("nan"), float("inf"), 10**30,
    ],
)  # fmt: skip
def test_time_that_is_not_certain_is_none(text: object) -> None:
    assert parse_time(text) is None


@pytest.mark.parametrize("unit", ["1 ", "a ", "1:", "15 Nov ", ", ", "Sun, ", "+1", "2026-", "("])
def test_endless_time_is_refused_in_no_time(unit: str) -> None:
    started = time.thread_time()
    assert parse_time(unit * 500_000) is None
    assert time.thread_time() - started < 0.2
