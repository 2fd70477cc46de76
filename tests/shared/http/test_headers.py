"""Headers that say when to come again, honest and hostile ones."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from coranto.http.response.headers import cache_lifetime, link_target, max_age, retry_after

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LONG = 16_000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("120", timedelta(seconds=120)),
        (" 5 ", timedelta(seconds=5)),
        ("99999", HOUR),
        ("9" * LONG, HOUR),
        ("Fri, 01 May 2026 12:10:00 GMT", timedelta(minutes=10)),
        ("Fri, 01 May 2026 11:00:00 GMT", timedelta(0)),
        ("Fri, 01 May 2099 11:00:00 GMT", HOUR),
        ("", None),
        ("-1", None),
        ("soon", None),
        ("٣", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str, expected: timedelta | None) -> None:
    assert retry_after({"Retry-After": value}, now=NOW, longest=HOUR) == expected


def test_no_retry_after_says_nothing() -> None:
    assert retry_after({}, now=NOW, longest=HOUR) is None


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Cache-Control": "public, Max-Age=60"}, timedelta(seconds=60)),
        ({"Cache-Control": "max-age=60, no-cache"}, timedelta(0)),
        ({"Cache-Control": "max-age=999999"}, HOUR),
        ({"Cache-Control": "max-age=60", "Expires": "Fri, 01 May 2026 12:30:00 GMT"}, timedelta(seconds=60)),
        ({"Expires": "Fri, 01 May 2026 12:30:00 GMT"}, timedelta(minutes=30)),
        ({"Expires": "Fri, 01 May 2026 11:30:00 GMT"}, timedelta(0)),
        ({"Expires": "0"}, timedelta(0)),
        ({}, timedelta(0)),
    ],
)
def test_cache_lifetime_is_what_the_headers_grant_up_to_a_bound(headers: dict[str, str], expected: timedelta) -> None:
    assert cache_lifetime(headers, now=NOW, longest=HOUR) == expected


@pytest.mark.parametrize("value", ["max-age=", "max-age=x", "", "max-age=" * 2000])
def test_max_age_that_says_nothing_is_none(value: str) -> None:
    assert max_age({"Cache-Control": value}) is None


@pytest.mark.parametrize("piece", [",", " ", "-", ":", "a ", "+", "1.", "01-", "Mon, 01 Jan 2026 00:00:00 GMT "])
def test_dates_of_strangers_are_read_in_no_time(piece: str) -> None:
    value = (piece * LONG)[:LONG]
    headers = {"Retry-After": value, "Expires": value, "Cache-Control": value}
    started = time.thread_time()
    retry_after(headers, now=NOW, longest=HOUR)
    cache_lifetime(headers, now=NOW, longest=HOUR)
    assert time.thread_time() - started < 0.05


@pytest.mark.parametrize(
    ("values", "hub"),
    [
        (['<https://hub.example/>; rel="hub"'], "https://hub.example/"),
        (["<https://hub.example/>;rel=hub"], "https://hub.example/"),
        (["</a>; rel=self", "< /hub >; REL = 'x'; title=y", '</b>; rel="next HUB"'], "/b"),
        (['<a>; title="<x>; rel=hub, <y>; rel=hub", <c>; rel=hub'], "c"),
        (['<a>; title="a \\" b"; rel=hub'], "a"),
        (["<a>; rel=self; rel=hub, <b>; rel=hub"], "b"),
        (["<a>; rel=hub; anchor='/other', <b>; rel=hub"], "b"),
        (["<a>,<b>;rel=hub"], "b"),
        (['<a>; title="\\"";rel=hub'], "a"),
        (['<a>; title="\\'], None),
        (["<>; rel=hub"], None),
        (["<a>; rel=hubs", "a; rel=hub", "<a", "", ";,<>;,"], None),
        ([], None),
    ],
)
def test_link_target_is_the_first_of_its_relation(values: list[str], hub: str | None) -> None:
    assert link_target(values, "hub") == hub


@pytest.mark.parametrize("value", ["<" * LONG, "<>;" * LONG, '<a>;"' * LONG, "<a>;" + "\\" * LONG, "<a>;;;,,," * LONG])
def test_hostile_links_are_read_once(value: str) -> None:
    started = time.process_time()
    assert link_target([value] * 10, "hub") is None
    assert time.process_time() - started < 1
