"""Turns a date as pages write it, for machines or for people, into a moment.

Knows the months of all languages in `lists/`, the calendars that news sites count in, and nothing of where on a
page a date stands. A date without a year, or one like "3 hours ago", is none.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Literal

from coranto.records.sections import Moment
from coranto_extractor.language import phrase_lists

_FIRST_YEAR = 1990
_LAST_YEAR = 2040
# A statement or a line that gives a date is short; what is longer is only read so far.
_MAX_TEXT_CHARS = 500
_ISO = re.compile(
    r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})"
    r"(?:[T\s_]{1,3}(\d{1,2}):?(\d{2})(?::?(\d{1,2})(?:[.,:]\d{1,9})?)?\s?(Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2}(?!\d))?)?",
    re.IGNORECASE,
)
_EPOCH = re.compile(r"1\d{9}(?:\d{3})?$")
_MAIL_DATE = re.compile(
    r"[A-Za-z]{3,9},?\s+\d{1,2}\s+[A-Za-z]{3}\w*\s+\d{4}\s+\d[\d:]{1,7}(?![\d:]|\s?[ap]\.?m)", re.IGNORECASE
)
# No \w: the vowel signs of Thai and the Indian scripts are no letters to it, and Thai shortens months with dots.
_WORD = r"[^\s\d!-,/:-@\[-`{-~–—،。，、؛]{2,15}"
_CLOCK = (
    r"(?:(?P<gap>[^\d\n]{1,20}?)(?P<hour>\d{1,2})[:.h](?P<minute>\d{2})(?::(?P<second>\d{2}))?(?P<half>[^\d\n]{0,8}))?"
)
_YEAR = r"(?P<year>(?:19|20)\d{2})"
# Two names of the month stand side by side on Arabic and Bosnian pages: “نيسان / أبريل”, “juni/lipanj”.
_MONTH = rf"(?:[^\d\n/]{{3,20}}/\s?)?(?P<month>{_WORD}(?:\sال[أا]ول|\sالثاني)?)"
_IN_NUMBERS = (
    re.compile(
        rf"(?<![\d.]){_YEAR}\s?[-./年년]\s?(?P<month>\d{{1,2}})\s?[-./月월]\s?(?P<day>\d{{1,2}})\s?(?:日|일)?(?!\d){_CLOCK}"
    ),
    re.compile(
        r"(?<![\d.])(?P<day>\d{1,2})\s?(?P<mark>[-./|])\s?(?P<month>\d{1,2})\s?(?P=mark)\s?"
        rf"(?P<year>(?:19|20)\d{{2}}|\d{{2}}(?=[\s,|)]|$))(?!\d){_CLOCK}"
    ),
    re.compile(
        rf"(?<!\d)(?P<day>\d{{1,2}})\s{{1,2}}tháng\s{{1,2}}(?P<month>\d{{1,2}}),?\s{{1,2}}(?:năm\s{{1,2}})?{_YEAR}(?!\d){_CLOCK}",
        re.IGNORECASE,
    ),
)
_IN_WORDS = (
    re.compile(
        rf"(?<!\d)(?P<day>\d{{1,2}})(?:st|nd|rd|th|er|º|ª|°)?\.?[\s\-]{{1,3}}(?:de |of |d['’]|den )?{_MONTH},?"
        r"[\s\-]{1,3}(?:de |del |του )?(?P<year>(?:19|20)\d{2}|\d{2}(?=\s?[(,]?\s?\d{1,2}:\d{2}))(?!\d)"
        rf"(?:\s?(?:г|года|р|року|r)\.?)?{_CLOCK}",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?<!\w){_MONTH}[\s\-]{{1,3}}(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s{{1,2}}{_YEAR}(?!\d){_CLOCK}",
        re.IGNORECASE,
    ),
    # Hungarian; Lithuanian and Latvian say “year” between.
    re.compile(
        rf"(?<!\d){_YEAR}\.?\s(?:m\.\s|gada\s)?(?P<month>{_WORD})\s(?P<day>\d{{1,2}})(?!\d){_CLOCK}", re.IGNORECASE
    ),
    re.compile(rf"(?<!\d){_YEAR}\.?\sgada\s(?P<day>\d{{1,2}})\.\s(?P<month>{_WORD})(?!\w){_CLOCK}", re.IGNORECASE),
)
# A year of these calendars stands beside a month of theirs, or its era is named: anything less may be another number.
_ERA = re.compile(r"(令和|平成|民國|民国)\s?(\d{1,3}|元)\s?(?=[年/.-])")
_ERA_BEGINS = {"令和": 2018, "平成": 1988, "民國": 1911, "民国": 1911}
_SOLAR_HIJRI = re.compile(
    rf"(?<!\d)(?P<day>\d{{1,2}})\s(?P<month>{_WORD})(?:\sماه)?،?\s(?P<year>1[34]\d{{2}})(?!\d){_CLOCK}"
)
_SOLAR_HIJRI_IN_NUMBERS = re.compile(
    rf"(?<!\d)(?P<year>1[34]\d{{2}})/(?P<month>\d{{1,2}})/(?P<day>\d{{1,2}})(?!\d){_CLOCK}"
)
_BUDDHIST = re.compile(
    rf"(?<!\d)(?P<day>\d{{1,2}})\s(?P<month>{_WORD})\s(?:พ\.ศ\.\s?)?(?P<year>2[45]\d{{2}}|\d{{2}}(?!\d)){_CLOCK}"
)
_BUDDHIST_AHEAD = 543
# Of the 33-year cycle, which agrees with the almanac from 1343 to 1472.
_SOLAR_HIJRI_LEAP_YEARS = frozenset({1, 5, 9, 13, 17, 22, 26, 30})
# Accents, which capitals lose, and marks within Arabic words fall away; letters that keyboards mix up become one.
_NO_LETTERS = "\u0640\u200c\u200f\u0300\u0301\u0302\u0306\u0307\u0308\u030a\u030b\u030c\u0327\u0328"
_SAME_LETTERS = str.maketrans("أإآيىكı", "اااییکi", _NO_LETTERS)


def parse_date(text: str, language: str | None = None) -> Moment | None:
    """The moment a machine-readable statement gives; tolerant of the forms sites really use."""
    text = text[:_MAX_TEXT_CHARS].strip()
    if _EPOCH.match(text):
        at = datetime.fromtimestamp(int(text[:10]), UTC)
        return Moment(at=at, precision="second", offset_minutes=0)
    match = _ISO.match(text) or (_ISO.search(text) if re.search(r"\d{4}-\d{2}-\d{2}", text) else None)
    if match:
        year, month, day, hour, minute, second, zone = match.groups()
        return make_date(int(year), int(month), int(day), hour, minute, second, _offset(zone))
    if _MAIL_DATE.match(text):
        try:
            at = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError):
            return None
        offset = at.utcoffset()
        minutes = int(offset.total_seconds() // 60) if offset is not None else None
        return make_date(at.year, at.month, at.day, str(at.hour), str(at.minute), str(at.second), minutes)
    return parse_date_text(text, language)


def _offset(zone: str | None) -> int | None:
    if not zone:
        return None
    if zone.upper() in ("Z", "UTC", "GMT"):
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:4])
    return -minutes if zone[0] == "-" else minutes


def parse_date_text(text: str, language: str | None) -> Moment | None:
    """The first whole date in a text written for people, with the time beside it; None without day, month and year."""
    text = _with_plain_digits(text[:_MAX_TEXT_CHARS])
    if not any(map(str.isdigit, text)):
        return None
    text = _ERA.sub(lambda era: str(_ERA_BEGINS[era[1]] + (1 if era[2] == "元" else int(era[2]))), text)
    found: list[tuple[int, Moment]] = []
    for pattern in _IN_NUMBERS:
        for match in pattern.finditer(text):
            moment = _from_numbers(match, language)
            if moment:
                found.append((match.start(), moment))
                break
    months = _months(language)
    for pattern in _IN_WORDS:
        for match in pattern.finditer(text):
            number = months.get(_letters(match["month"]))
            moment = make_date(_year(match["year"]), number, int(match["day"]), *_clock(match)) if number else None
            if moment:
                found.append((match.start(), moment))
                break
    found.extend(_in_other_calendars(text, language))
    return min(found, key=lambda pair: pair[0])[1] if found else None


def _with_plain_digits(text: str) -> str:
    if text.isascii():
        return text
    return "".join(str(unicodedata.digit(char)) if char.isdecimal() else char for char in text)


def _from_numbers(match: re.Match[str], language: str | None) -> Moment | None:
    day, month = int(match["day"]), int(match["month"])
    mark = match.groupdict().get("mark")
    reads_month_first = mark == "/" and (language or "en").lower() in ("en", "en-us", "en_us") and day <= 12
    if mark and (month > 12 or reads_month_first):
        day, month = month, day
    return make_date(_year(match["year"]), month, day, *_clock(match))


def _in_other_calendars(text: str, language: str | None) -> list[tuple[int, Moment]]:
    found: list[tuple[int, Moment | None]] = []
    persian = _calendar_months("fa", "solar_hijri_months")
    for match in _SOLAR_HIJRI.finditer(text):
        number = persian.get(_letters(match["month"]))
        if number:
            found.append(_dated(match, _from_solar_hijri(int(match["year"]), number, int(match["day"]))))
    if (language or "")[:2].lower() == "fa":
        for match in _SOLAR_HIJRI_IN_NUMBERS.finditer(text):
            day = _from_solar_hijri(int(match["year"]), int(match["month"]), int(match["day"]))
            found.append(_dated(match, day))
    thai = _calendar_months("th", "months")
    for match in _BUDDHIST.finditer(text):
        number = thai.get(_letters(match["month"]))
        if number:
            year = int(match["year"]) + (2500 if len(match["year"]) == 2 else 0) - _BUDDHIST_AHEAD
            found.append((match.start(), make_date(year, number, int(match["day"]), *_clock(match))))
    return [(place, moment) for place, moment in found if moment]


def _dated(match: re.Match[str], day: date | None) -> tuple[int, Moment | None]:
    return match.start(), make_date(day.year, day.month, day.day, *_clock(match)) if day else None


def _from_solar_hijri(year: int, month: int, day: int) -> date | None:
    """The day in the Iranian calendar; None when there is no such day."""
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    if not 1369 <= year <= 1420:
        return None
    leap_days = sum(1 for earlier in range(1369, year) if earlier % 33 in _SOLAR_HIJRI_LEAP_YEARS)
    first = date(1990, 3, 21) + timedelta(days=(year - 1369) * 365 + leap_days)
    return first + timedelta(days=min(month - 1, 6) * 31 + max(0, month - 7) * 30 + day - 1)


@lru_cache(maxsize=64)
def _months(language: str | None) -> dict[str, int]:
    return {_letters(name): number for name, number in phrase_lists.month_names(language).items()}


@lru_cache(maxsize=4)
def _calendar_months(language: str, kind: str) -> dict[str, int]:
    known = phrase_lists.languages().get(language, phrase_lists.PhraseLists())
    if kind == "months":
        return {_letters(name): number for name, number in known.months.items()}
    return {_letters(name): number for number, name in enumerate(known.of(kind), 1)}


def _letters(name: str) -> str:
    """A month's name by its letters alone: capitals lose accents, and keyboards differ in Arabic letters."""
    return unicodedata.normalize("NFD", name.strip(".-").lower()).translate(_SAME_LETTERS)


def _year(digits: str) -> int:
    return int(digits) if len(digits) == 4 else 2000 + int(digits)


def _clock(match: re.Match[str]) -> tuple[str | None, str | None, str | None]:
    if match["hour"] is None:
        return None, None, None
    number = int(match["hour"])
    around = f"{match['gap']} {match['half']}"
    if number <= 12 and phrase_lists.any_phrase("afternoon").search(around):
        number = number % 12 + 12
    elif number == 12 and phrase_lists.any_phrase("forenoon").search(around):
        number = 0
    return str(number), match["minute"], match["second"]


def make_date(
    year: int,
    month: int,
    day: int,
    hour: str | None = None,
    minute: str | None = None,
    second: str | None = None,
    offset: int | None = None,
) -> Moment | None:
    """The moment of these parts, or of the day alone when there is no such time of day; None when there is no such day."""
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    precision: Literal["day", "minute", "second"] = "day" if hour is None else "minute" if second is None else "second"
    try:
        zone = timezone(timedelta(minutes=offset)) if offset is not None else UTC
        at = datetime(year, month, day, int(hour or 0), int(minute or 0), min(59, int(second or 0)), tzinfo=zone)
    except ValueError:
        return make_date(year, month, day) if hour is not None else None
    return Moment(at=at.astimezone(UTC), precision=precision, offset_minutes=offset)


def isoformat_local(moment: Moment) -> str:
    """The moment in ISO form as the page gave it: in its own zone, and only the day when only the day is known."""
    if moment.offset_minutes is None:
        text = moment.at.replace(tzinfo=None).isoformat()
        return text[:10] if moment.precision == "day" else text
    return moment.at.astimezone(timezone(timedelta(minutes=moment.offset_minutes))).isoformat()
