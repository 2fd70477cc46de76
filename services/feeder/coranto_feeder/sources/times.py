"""Reads the times that feeds give, in the spellings that are in use. One that is not certain is no time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

_LONGEST: Final = 100
_FIRST_YEAR: Final = 1971  # before: what programs write for "no time", from year 1 to 1970
_LAST_YEAR: Final = 2100
_LARGEST_OFFSET: Final = timedelta(hours=14)

_CLOCK: Final = (
    r"(?P<hour>\d{1,2})\s*[:.]\s*(?P<minute>\d{2})(?:\s*[:.]\s*(?P<second>\d{2})(?:[.,]\d{1,12})?)?"
    r"(?:\s*(?P<half>[ap])\.?\s*m\b\.?)?\s*(?P<zone>.*)"
)
_YEAR: Final = r"(?P<year>\d{4}|\d{2})"
_SPELLINGS: Final = (
    # 2026-11-15, 2026/11/15, 20261115, with or without a clock
    re.compile(
        rf"(?P<year>\d{{4}})([-/.])(?P<month>\d{{1,2}})\2(?P<day>\d{{1,2}})(?:(?:T|\s|,)+{_CLOCK})?", re.IGNORECASE
    ),
    re.compile(
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
        r"(?:[T ]?(?P<hour>\d{2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,]\d{1,12})?)?(?P<zone>\D.*)?)?",
        re.IGNORECASE,
    ),
    # 15 Nov 2026, 15-Nov-26
    re.compile(
        rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)?[\s\-/]+(?:de\s+)?(?P<name>[^\W\d_]{{3,12}})\.?,?[\s\-/]+(?:de\s+)?{_YEAR}\b"
        rf"(?:[\s,\-–T]+(?:at\s+|um\s+)?{_CLOCK})?",
        re.IGNORECASE,
    ),
    # November 15, 2026
    re.compile(
        rf"(?P<name>[^\W\d_]{{3,12}})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>\d{{4}})\b"
        rf"(?:[\s,\-–]+(?:at\s+)?{_CLOCK})?",
        re.IGNORECASE,
    ),
    # Nov 15 21:15:00 UTC 2026, as date(1) and asctime write it
    re.compile(
        r"(?P<name>[^\W\d_]{3,12})\s+(?P<day>\d{1,2})\s+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?"
        r"\s+(?:(?P<zone>[^\s\d]\S*|[+\-]\d\S*)\s+)?(?P<year>\d{4})",
        re.IGNORECASE,
    ),
    # 15.11.2026, 11/15/2026: certain only where one of the numbers can be no month
    re.compile(
        rf"(?P<first>\d{{1,2}})(?P<mark>[./-])(?P<then>\d{{1,2}})(?P=mark)(?P<year>\d{{4}})\b(?:[\s,]+{_CLOCK})?",
        re.IGNORECASE,
    ),
)
_WEEKDAY: Final = re.compile(
    r"[^\W\d_]{2,14}\.?\s*,\s*|(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\s+(?=\S)", re.IGNORECASE
)
_OFFSET: Final = re.compile(r"(?:GMT|UTC|UT|Z)?\s*([+\-\u2212])\s*(\d{1,2})(?::?(\d{2}))?(?::?\d{2})?", re.IGNORECASE)
_REMARK: Final = re.compile(r"\s*\([^()]{0,60}\)\s*\Z")

_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "jan january janv janvier januar jänner enero ene gennaio gen janeiro januari янв января stycznia sty",
            "feb february févr février fév fevrier februar febrero febbraio fevereiro fev februari фев февр февраля lutego lut",
            "mar march mars märz mär mrz marzo março maart mrt мар марта marca",
            "apr april avr avril abril abr aprile апр апреля kwietnia kwi",
            "may mai mayo maggio mag maio mei мая май maja maj",
            "jun june juin juni junio giugno giu junho июн июня czerwca cze",
            "jul july juil juillet juli julio luglio lug julho июл июля lipca lip",
            "aug august août aout agosto ago augustus авг августа sierpnia sie",
            "sep sept september septembre septiembre settembre set setembro сен сент сентября września wrz",
            "oct october octobre oktober okt octubre ottobre ott outubro out окт октября października paź",
            "nov november novembre noviembre novembro ноя нояб ноября listopada lis",
            "dec december déc décembre decembre dezember dez diciembre dic dicembre dezembro дек декабря grudnia gru",
        ),
        start=1,
    )
    for name in names.split()
}
# Abbreviations that mean one thing in feeds. `IST` and `CST` outside RFC 822 mean several; of those only RFC 822's stay.
_ZONES: Final = {
    "": 0.0, "z": 0.0, "ut": 0.0, "utc": 0.0, "gmt": 0.0, "wet": 0.0,
    "est": -5.0, "edt": -4.0, "cst": -6.0, "cdt": -5.0, "mst": -7.0, "mdt": -6.0, "pst": -8.0, "pdt": -7.0,
    "akst": -9.0, "akdt": -8.0, "hst": -10.0, "nst": -3.5, "ndt": -2.5, "brt": -3.0, "art": -3.0, "clt": -4.0,
    "bst": 1.0, "west": 1.0, "cet": 1.0, "met": 1.0, "mez": 1.0, "cest": 2.0, "mest": 2.0, "mesz": 2.0, "eet": 2.0, "eest": 3.0,
    "sast": 2.0, "cat": 2.0, "wat": 1.0, "eat": 3.0, "msk": 3.0, "msd": 4.0, "trt": 3.0, "pkt": 5.0, "npt": 5.75,
    "wib": 7.0, "ict": 7.0, "wita": 8.0, "sgt": 8.0, "hkt": 8.0, "awst": 8.0, "jst": 9.0, "kst": 9.0, "wit": 9.0,
    "acst": 9.5, "acdt": 10.5, "aest": 10.0, "aedt": 11.0, "nzst": 12.0, "nzdt": 13.0,
}  # fmt: skip


# What nearly all sitemaps and Atom feeds write; `fromisoformat` reads it ten times as fast.
_PLAIN: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:[0-5]\d)", re.ASCII)


def _plain_time(text: str) -> datetime | None:
    """The moment that a text in the plainest spelling means; None for others, and where there is something to look at."""
    if _PLAIN.fullmatch(text) is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    offset = moment.utcoffset()
    is_usual = offset is not None and abs(offset) <= _LARGEST_OFFSET and 1 < moment.year < 9999
    return moment.astimezone(UTC) if is_usual else None


def parse_time(value: Any) -> datetime | None:
    """The moment in UTC that a feed means by this value; None when it is no time, or not certain which.

    A time without a zone is read as UTC, and a day as its midnight. A zone that is not known makes the time unknown.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _from_epoch(value)
    if not isinstance(value, str):
        return None
    if (plain := _plain_time(value)) is not None:
        return _if_possible(plain)
    text = " ".join(value[: 4 * _LONGEST].split())[:_LONGEST]
    if text.isascii() and text.isdigit() and len(text) in (9, 10, 13):
        return _from_epoch(int(text) / (1000 if len(text) == 13 else 1))
    text = _WEEKDAY.sub("", text, count=1) if _WEEKDAY.match(text) else text
    for pattern in _SPELLINGS:
        match = pattern.fullmatch(text)
        if match is not None:
            return _from_parts(match.groupdict())
    return None


def _from_epoch(seconds: float) -> datetime | None:
    try:
        return _if_possible(datetime.fromtimestamp(seconds, tz=UTC))
    except (OverflowError, ValueError, OSError):
        return None


def _from_parts(parts: dict[str, str | None]) -> datetime | None:
    day_and_month = _day_and_month(parts)
    zone = _zone(parts.get("zone") or "")
    if day_and_month is None or zone is None:
        return None
    day, month = day_and_month
    year_text = parts["year"] or ""
    year = int(year_text)
    if len(year_text) == 2:
        year += 2000 if year < 70 else 1900
    hour, minute, second = (int(parts.get(name) or 0) for name in ("hour", "minute", "second"))
    half = (parts.get("half") or "").lower()
    if half and not 1 <= hour <= 12:
        # "21:15 PM" is written by programs that add the word to a clock of 24 hours.
        if half == "a" and hour > 12:
            return None
    elif half:
        hour = hour % 12 + (12 if half == "p" else 0)
    is_end_of_day = (hour, minute, second) == (24, 0, 0)
    try:
        moment = datetime(year, month, day, 0 if is_end_of_day else hour, minute, min(second, 59), tzinfo=zone)
        return _if_possible((moment + timedelta(days=is_end_of_day)).astimezone(UTC))
    except (OverflowError, ValueError):
        return None


def _day_and_month(parts: dict[str, str | None]) -> tuple[int, int] | None:
    name = parts.get("name")
    if name is not None:
        month = _MONTHS.get(name.lower())
        return None if month is None else (int(parts["day"] or 0), month)
    first, then = parts.get("first"), parts.get("then")
    if first is None or then is None:
        return int(parts["day"] or 0), int(parts["month"] or 0)
    if parts["mark"] == "." or int(first) > 12:
        return int(first), int(then)
    return (int(then), int(first)) if int(then) > 12 else None


def _zone(text: str) -> tzinfo | None:
    text = _REMARK.sub("", text).strip(" ,")
    hours = _ZONES.get(text.lower())
    if hours is not None:
        return timezone(timedelta(hours=hours))
    match = _OFFSET.fullmatch(text)
    if match is not None:
        offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
        if offset > _LARGEST_OFFSET or int(match[3] or 0) > 59:
            return None
        return timezone(offset if match[1] == "+" else -offset)
    if re.fullmatch(r"[A-Z][A-Za-z_]{2,20}/[A-Z][A-Za-z_/\-]{2,30}", text):
        try:
            return ZoneInfo(text)
        except (LookupError, ValueError, OSError):
            return None
    return None


def _if_possible(moment: datetime) -> datetime | None:
    return moment if _FIRST_YEAR <= moment.year <= _LAST_YEAR else None
