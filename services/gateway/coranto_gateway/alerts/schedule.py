"""When what an alert has found is sent: by the clock on the wall of its zone, also on the days when that is changed.

A time that is skipped when clocks go forward counts by the hour before: 02:30 comes at 03:30. A time that happens twice when they
go back counts the first time. So a day has one digest, whatever it is like.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from coranto_gateway.alerts.alert import NewAlert

PACE: Final = timedelta(minutes=1)
"""An alert sends no more often: what comes meanwhile is sent together."""


def next_due(alert: NewAlert, now: datetime, *, last_sent: datetime | None = None) -> datetime:
    """When what was found now is to be sent."""
    zone = ZoneInfo(alert.zone)
    local = now.astimezone(zone)
    match alert.when:
        case "at_once":
            due = now if last_sent is None else max(now, last_sent + PACE)
        case "hourly":
            into_the_hour = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
            due = now + timedelta(hours=1) - into_the_hour
        case "daily":
            at = time.fromisoformat(alert.at)
            days = (local.date() + timedelta(days=ahead) for ahead in range(3))
            due = next(moment for moment in (_moment(day, at, zone) for day in days) if moment > now)
    return _after_quiet(alert.quiet, due, zone)


def _after_quiet(quiet: str | None, due: datetime, zone: ZoneInfo) -> datetime:
    if quiet is None:
        return due
    begin, end = (time.fromisoformat(text) for text in quiet.split("-"))
    local = due.astimezone(zone)
    at = local.time()
    is_quiet = begin <= at < end if begin < end else at >= begin or at < end
    if not is_quiet:
        return due
    ends_on = local.date() if at < end else local.date() + timedelta(days=1)
    # Not before it is due: in the hour that comes twice, the end may be of the first of the two.
    return max(due, _moment(ends_on, end, zone))


def _moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)
