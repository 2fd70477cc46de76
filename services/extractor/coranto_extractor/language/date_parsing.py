"""Parses a date as pages write it, for machines or for people.

The words and calendars of each language are in its file under `lists/`. Where on a page a date stands is up to the caller.
A text without a year, or one like "3 hours ago", is not a date.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Literal
from zoneinfo import ZoneInfo

from coranto.records.sections import ArticleDate
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.calendars import (
    BUDDHIST,
    SOLAR_HIJRI,
    gregorian_day_of_solar_hijri,
    gregorian_year_of_buddhist,
)
from coranto_extractor.language.month_names import months_in, orders_in, shared_months
from coranto_extractor.language.phrase_lists import alternatives, cached_per_languages

# The web began in 1990. A later year than 2040 is a number that only looks like one.
_FIRST_YEAR = 1990
_LAST_YEAR = 2040
# Text that states a date is short; of a longer one, only this much is read.
_MAX_TEXT_CHARS = 500
_LAST_FORENOON_HOUR = 12
# Of a month's name in a language that the text is not in.
_MIN_FOREIGN_CHARS = 4
_ISO = re.compile(
    r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})"
    r"(?:[T\s_]{1,3}(\d{1,2}):?(\d{2})(?::?(\d{1,2})(?:[.,:]\d{1,9})?)?\s?(Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2}(?!\d))?)?",
    re.IGNORECASE,
)
_FIRST_DIGIT = re.compile(r"\d")
_LONG_WORD = re.compile(r"[^\W\d_]{4,}")
_UNIX_TIME = re.compile(r"1\d{9}(?:\d{3})?$")
# RFC 5322: “Thu, 02 Jan 2020 10:00:00 +0100”. With “am” or “pm” it is a date for people.
_MAIL_DATE = re.compile(
    r"[A-Za-z]{3,9},?\s+\d{1,2}\s+[A-Za-z]{3}\w*\s+\d{4}\s+\d[\d:]{1,7}(?![\d:]|\s?[ap]\.?m)", re.IGNORECASE
)
# What a script's Date becomes as a text: “Tue Mar 04 2025 22:15:41 GMT-0500 (Eastern Standard Time)”.
_SCRIPT_DATE = re.compile(
    r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d{1,2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) (?:GMT|UTC)([+-]\d{2}:?\d{2})?"
)
# Not \w: the vowel signs of Thai and of the Indian scripts are not letters to it, and Thai shortens months with dots.
_MONTH_NAME = r"[^\s\d!-,/:-@\[-`{-~–—،。，、؛]{2,15}"
_CLOCK = (
    r"(?:(?P<gap>[^\d\n]{1,20}?)(?P<hour>\d{1,2})[:.h](?P<minute>\d{2})(?::(?P<second>\d{2}))?(?P<half>[^\d\n]{0,8}))?"
)
_YEAR = r"(?P<year>(?:19|20)\d{2})"
_BETWEEN_PARTS = r"[\s,،]{1,3}"
# These orders of the CLDR are among the patterns for all languages.
_COMMON_ORDERS = frozenset(
    {"{day} {month} {year}", "{day}. {month} {year}", "{day} {month}, {year}", "{month} {day}, {year}"}
)
# Directly in front of a number: a currency or a sign for “number”, or, unless it is a time, more digits of the same number.
_BEGINS_NUMBER = re.compile(r"(?:[$€£¥₽₹§#№]|(?<!\w)n[or]s?\.|n[°º])\s?$|(?<![:.h]\d)\d[-./]$", re.IGNORECASE)
# The same in front of one with a year of two digits.
_BEGINS_SHORT_NUMBER = re.compile(r"(?<![:.h]\d)\d[,;]?\s$")
# Directly behind a number: more digits of it, and no time.
_CONTINUES_NUMBER = re.compile(r"[-./]\d(?!\d?[:.h]\d{2}(?!\d))")
_MAX_CHARS_OF_NUMBER = 8
# A label stands so near to its date, behind the end of what was said before.
_MAX_CHARS_TO_LABEL = 60
_END_OF_OTHER_WORDS = re.compile(r"[|•·\n;(\d]")
# Words between a label and its date: “Founded on the 5 May”, “Deadline: Saturday, 5 May”.
_MAX_WORDS_TO_LABEL = 2
_MAX_LINKING_CHARS = 3
# The hours or days of an event: “5 May 2024, 13:15 – 19:00”, “5–7 May 2024”. Behind a dash without a space may be a zone.
_ENDS_HOURS = re.compile(r"(?:\s?[^\W\d]{1,4}\.?)?\s?(?:[-–—]\s|[–—])\d{1,2}[:.h]\d{2}(?!\d|[-./]\d)")
_BEGINS_DAYS = re.compile(r"(?<![\d:.h/-])(\d{1,2})\.?\s?[-–—]\s?$")
_MAX_CHARS_OF_DAY = 6
# A zone behind a time for people. Names that several zones share, such as CST and IST, tell nothing.
_ZONE = re.compile(
    r"(?::\d{2})?\s?(?:(?:[AaPp]\.?[Mm]\.?|[Uu]hr)\s?)?\(?"
    r"(?:(?:GMT|UTC)(?P<offset>[+-]\d{2}:?\d{2}(?!\d))?|(?P<name>[A-Z]{2,5}))(?![\w+-])"
)
# Australians leave the A away.
AUSTRALIAN = "en-au"
_MINUTES_IN_AUSTRALIA = {"EST": 600, "EDT": 660}
# Names for the clock of a place in summer and in winter.
_PLACES_OF_ZONES = {"ET": "America/New_York", "PT": "America/Los_Angeles"}
_MINUTES_OF_ZONES = {
    "EST": -300, "EDT": -240, "CDT": -300, "MDT": -360, "PST": -480, "PDT": -420, "WET": 0, "WEST": 60, "CET": 60, "CEST": 120,
    "MEZ": 60, "MESZ": 120, "EET": 120, "EEST": 180, "MSK": 180, "JST": 540, "KST": 540, "AEST": 600, "AEDT": 660, "NZST": 720,
    "NZDT": 780,
}  # fmt: skip
# Marks for the direction of writing, which some pages write between the numbers of a date.
_DIRECTION_MARKS = dict.fromkeys(map(ord, "\u061c\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069"))
# Accents, which capital letters lose, and the marks inside Arabic words are ignored in month names.
_IGNORED_IN_MONTHS = dict.fromkeys(
    map(ord, "\u0640\u200c\u200f\u0300\u0301\u0302\u0306\u0307\u0308\u030a\u030b\u030c\u0327\u0328")
)


@dataclass(frozen=True)
class _DatePatterns:
    """The patterns of dates for people, built from the words of all languages."""

    numeric: tuple[re.Pattern[str], ...]
    named: tuple[re.Pattern[str], ...]
    """With the name of the month."""
    era: re.Pattern[str]
    eras: dict[str, int]
    first_years: frozenset[str]


@cached_per_languages
def _patterns() -> _DatePatterns:
    languages = phrase_lists.languages().values()
    eras = {era: before for language in languages for era, before in language.eras.items()}
    year_unit, month_unit, day_unit = (alternatives(f"{unit}_units") for unit in ("year", "month", "day"))
    first_year = alternatives("first_year_words")
    ordinal = alternatives("ordinal_suffixes")
    before_month, before_year = _linking("before_month"), _linking("before_year")
    # Some month names have two words, and some Arabic and Bosnian pages write two names of one month side by side:
    # “نيسان / أبريل”, “juni/lipanj”.
    second_words = {
        re.escape(name.split(" ", 1)[1]) for language in languages for name in language.months if " " in name
    }
    month = rf"(?:[^\d\n/]{{3,20}}/\s?)?(?P<month>{_MONTH_NAME}(?:\s(?:{'|'.join(sorted(second_words)) or '(?!)'}))?)"
    year_first = alternatives("year_first_words")
    year_month_day = (
        rf"(?<![\d.]){_YEAR}\s?(?:[-./]|{year_unit})\s?(?P<month>\d{{1,2}})\s?(?:[-./]|{month_unit})\s?(?P<day>\d{{1,2}})"
        rf"\s?{day_unit}?(?!\d){_CLOCK}"
    )
    day_month_year = (
        r"(?<![\d./])(?P<day>\d{1,2})\s?(?P<separator>[-./|])\s?(?P<month>\d{1,2})\s?(?P=separator)\s?"
        rf"(?P<year>(?:19|20)\d{{2}}|\d{{2}}(?=[\s,|)]|$))(?!\d){_CLOCK}"
    )
    with_words = (
        rf"(?<!\d)(?P<day>\d{{1,2}})\s{{1,2}}{alternatives('month_number_words')}\s{{1,2}}(?P<month>\d{{1,2}}),?\s{{1,2}}"
        rf"(?:{alternatives('year_number_words')}\s{{1,2}})?{_YEAR}(?!\d){_CLOCK}"
    )
    day_first_named = (
        rf"(?<!\d)(?P<day>\d{{1,2}}){ordinal}?\.?[\s\-]{{1,3}}{before_month}?{month}[,،]?"
        rf"[\s\-]{{1,3}}{before_year}?(?P<year>(?:19|20)\d{{2}}|\d{{2}}(?=\s?[(,]?\s?\d{{1,2}}:\d{{2}}))(?!\d)"
        rf"(?:\s?{alternatives('after_year')}\.?)?{_CLOCK}"
    )
    named = (
        day_first_named,
        rf"(?<!\w){month}[\s\-]{{1,3}}(?P<day>\d{{1,2}}){ordinal}?,?\s{{1,2}}{_YEAR}(?!\d){_CLOCK}",
        rf"(?<!\d){_YEAR}\.?\s(?:{year_first}\s)?(?P<month>{_MONTH_NAME})\s(?P<day>\d{{1,2}})(?!\d){_CLOCK}",
        rf"(?<!\d){_YEAR}\.?\s{year_first}\s(?P<day>\d{{1,2}})\.\s(?P<month>{_MONTH_NAME})(?!\w){_CLOCK}",
    )
    era = rf"({'|'.join(map(re.escape, eras)) or '(?!)'})\s?(\d{{1,3}}|{first_year})\s?(?=[/.-]|{year_unit})"
    return _DatePatterns(
        numeric=tuple(re.compile(pattern, re.IGNORECASE) for pattern in (year_month_day, day_month_year, with_words)),
        named=tuple(re.compile(pattern, re.IGNORECASE) for pattern in named),
        era=re.compile(era),
        eras=eras,
        first_years=frozenset(phrase_lists.phrases("first_year_words")),
    )


@cached_per_languages
def _patterns_in(language: str | None) -> tuple[re.Pattern[str], ...]:
    """Patterns for the orders of day, month and year that this language has for itself, with the names of its months."""
    names = months_in(language or "")
    has_long_names = any(" " in name for name in names)
    orders = [order for order in orders_in(language or "") if has_long_names or order not in _COMMON_ORDERS]
    longest_first = sorted(map(re.escape, names), key=len, reverse=True)
    parts = {
        "{day}": r"(?<!\d)(?P<day>\d{1,2})(?!\d)",
        "{month}": rf"(?<!\w)(?P<month>{'|'.join(longest_first)})\.?",
        "{year}": rf"(?<!\d){_YEAR}(?!\d)",
    }
    return tuple(re.compile(_pattern_of_order(order, parts) + _CLOCK, re.IGNORECASE) for order in orders)


def _pattern_of_order(order: str, parts: dict[str, str]) -> str:
    pattern = ""
    for part in re.findall(r"\{\w+\}|[\s,،]+|\(\w+\)|\.|[^\s,،(.{]+", order):
        if part in parts:
            pattern += parts[part]
        elif part.startswith("("):
            # In “{year}(e)ko”, what is in brackets depends on how the number is said.
            pattern += rf"\(?(?:{re.escape(part[1:-1])})?\)?"
        elif part == ".":
            pattern += r"\.?"
        else:
            pattern += re.escape(part) if part.strip(" ,،") else _BETWEEN_PARTS
    return pattern


def _linking(key: str) -> str:
    """A pattern for a small word and the space behind it; an apostrophe needs none."""
    words = (re.escape(word) + ("" if word.endswith(("'", "’")) else " ") for word in phrase_lists.phrases(key))
    return f"(?:{'|'.join(words) or '(?!)'})"


def parse_date(text: str, language: str | None = None, *, is_month_first: bool | None = None) -> ArticleDate | None:
    """The date in a machine-readable statement, in any of the forms that sites really use; None when there is none.

    `is_month_first`: that 3/4/2020 is in March; when it is None, the language tells.
    """
    text = text[:_MAX_TEXT_CHARS].strip()
    if _UNIX_TIME.match(text):
        at = datetime.fromtimestamp(int(text[:10]), UTC)
        return make_moment(at, precision="second", offset=timedelta(0))
    match = _ISO.match(text) or (_ISO.search(text) if re.search(r"\d{4}-\d{2}-\d{2}", text) else None)
    if match:
        year, month, day, hour, minute, second, zone = match.groups()
        return make_date(int(year), int(month), int(day), hour, minute, second, _offset_minutes(zone))
    script = _SCRIPT_DATE.match(text)
    month = phrase_lists.month_names("en").get(script[1].lower()) if script else None
    if script and month:
        _, day, year, hour, minute, second, zone = script.groups()
        return make_date(int(year), month, int(day), hour, minute, second, _offset_minutes(zone or "Z"))
    if _MAIL_DATE.match(text):
        try:
            at = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        offset = at.utcoffset()
        minutes = int(offset.total_seconds() // 60) if offset is not None else None
        return make_date(at.year, at.month, at.day, str(at.hour), str(at.minute), str(at.second), minutes)
    return parse_date_text(text, language, is_month_first=is_month_first)


def _offset_minutes(zone: str | None) -> int | None:
    if not zone:
        return None
    if zone.upper() in ("Z", "UTC", "GMT"):
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:4])
    return -minutes if zone[0] == "-" else minutes


def without_date_at_end(text: str) -> str:
    """The text without the date that some pages put behind a section or a credit: “Culture 22 January 2024 17:53”."""
    digit = _FIRST_DIGIT.search(text)
    behind = text[digit.start() :] if digit else ""
    if digit is None or not digit.start() or parse_date_text(behind, None) is None:
        return text
    months = phrase_lists.month_names(None)
    is_date_alone = all(word.casefold() in months for word in _LONG_WORD.findall(behind))
    return text[: digit.start()].rstrip(" ,;/|-–—·•") if is_date_alone else text


def parse_date_text(text: str, language: str | None, *, is_month_first: bool | None = None) -> ArticleDate | None:
    """The first date in a text for people, with the time beside it. None unless day, month and year are there.

    `is_month_first`: that 3/4/2020 is in March; when it is None, the language tells.
    """
    text = _with_ascii_digits(text[:_MAX_TEXT_CHARS])
    if not any(map(str.isdigit, text)):
        return None
    patterns = _patterns()
    text = patterns.era.sub(lambda match: _gregorian_year_of_era(match, patterns), text)
    found: list[tuple[int, ArticleDate]] = []
    for pattern in patterns.numeric:
        for match in pattern.finditer(text):
            if _is_part_of_number(match) or _is_labelled(match, "number_labels"):
                continue
            numeric = _date_of_numbers(match, language, is_month_first)
            if numeric and not _is_of_event(match):
                found.append((match.start(), numeric))
                break
    months = _months(language)
    for pattern in (*patterns.named, *_patterns_in(language)):
        for match in pattern.finditer(text):
            number = months.get(_month_key(match["month"]))
            named = _date_of(match, number, int(match["day"]), language) if number else None
            if named and not _is_of_event(match):
                found.append((match.start(), named))
                break
    found.extend(_dates_in_other_calendars(text, language))
    return min(found, key=lambda pair: pair[0])[1] if found else None


def _with_ascii_digits(text: str) -> str:
    if text.isascii():
        return text
    text = text.translate(_DIRECTION_MARKS)
    return "".join(str(unicodedata.digit(char)) if char.isdecimal() else char for char in text)


def _gregorian_year_of_era(match: re.Match[str], patterns: _DatePatterns) -> str:
    return str(patterns.eras[match[1]] + (1 if match[2] in patterns.first_years else int(match[2])))


def _date_of_numbers(match: re.Match[str], language: str | None, is_month_first: bool | None) -> ArticleDate | None:
    day, month = int(match["day"]), int(match["month"])
    separator = match.groupdict().get("separator")
    if is_month_first is None:
        is_usual = (language or "").lower() in phrase_lists.phrases("month_first")
        is_month_first = is_usual and not (not language and _has_european_clock(match))
    if separator and (month > 12 or (separator == "/" and is_month_first and day <= 12)):
        day, month = month, day
    return _date_of(match, month, day, language)


def _is_part_of_number(match: re.Match[str]) -> bool:
    """True for digits that go on in front or behind, as in “0711/14-05-24-88”, and for those with a currency or “No.”."""
    text, start = match.string, match.start()
    before = text[max(0, start - _MAX_CHARS_OF_NUMBER) : start]
    end = match.start("gap") if match["gap"] is not None else match.end()
    is_short = len(match["year"]) < 4
    return (
        _BEGINS_NUMBER.search(before) is not None
        or (is_short and _BEGINS_SHORT_NUMBER.search(before) is not None)
        or _CONTINUES_NUMBER.match(text, end) is not None
    )


def _is_of_event(match: re.Match[str]) -> bool:
    """True for a date behind a label of other dates, for one with the hours of an event, and for the last day of a period."""
    if match["hour"] is not None and _ENDS_HOURS.match(match.string, match.end("minute")):
        return True
    begins = _BEGINS_DAYS.search(match.string[max(0, match.start() - _MAX_CHARS_OF_DAY) : match.start()])
    is_last_day = begins is not None and match.start() == match.start("day") and int(begins[1]) < int(match["day"])
    return is_last_day or _is_labelled(match, "other_date_labels")


def _is_labelled(match: re.Match[str], key: str) -> bool:
    """True when a label under the key, in any language, stands in front of the date with nothing else between the two."""
    start = match.start()
    before = re.sub(r"\s?:[\s|]*", ": ", match.string[max(0, start - _MAX_CHARS_TO_LABEL) : start])
    *others, words = _END_OF_OTHER_WORDS.split(before)
    if not others and start > _MAX_CHARS_TO_LABEL:
        return False
    words = words.strip(" .,-–—©").lower()
    label = phrase_lists.any_phrase(key).match(words)
    if label is None:
        return False
    has_colon = ":" in label.group(0) or words.startswith(":", label.end())
    between = words[label.end() :].strip(" :.,©").split()
    if len(between) > (_MAX_WORDS_TO_LABEL if key == "other_date_labels" else 0):
        return False
    # Behind a colon may be the day of the week; without one, “Event in Rome 5 May” may be a headline and its date.
    return has_colon or all(len(word.strip(".")) <= _MAX_LINKING_CHARS for word in between)


def _has_european_clock(match: re.Match[str]) -> bool:
    """True for a time such as “10h12” or “14:30” behind the date: where the month comes first, hours end at twelve."""
    hour = match.groupdict().get("hour")
    return hour is not None and (int(hour) > _LAST_FORENOON_HOUR or match.string[match.end("hour")] == "h")


def _dates_in_other_calendars(text: str, language: str | None) -> Iterator[tuple[int, ArticleDate]]:
    """The dates that name a month of another calendar, with their places; any year of it alone may be another number."""
    own = phrase_lists.find_language(language)
    for code, known in phrase_lists.languages().items():
        if known.calendar is None:
            continue
        months = _calendar_months(code)
        for match in _calendar_pattern(code).finditer(text):
            number = months.get(_month_key(match["month"]))
            at = _date_in_calendar(known.calendar, match, number) if number else None
            if at:
                yield match.start(), at
        if known is own:
            for match in _NUMERIC[known.calendar].finditer(text):
                at = _date_in_calendar(known.calendar, match, int(match["month"]))
                if at:
                    yield match.start(), at


_NUMERIC = {
    SOLAR_HIJRI: re.compile(
        rf"(?<!\d)(?P<year>1[34]\d{{2}})(?P<separator>[-./])(?P<month>\d{{1,2}})(?P=separator)(?P<day>\d{{1,2}})(?!\d){_CLOCK}"
    ),
    BUDDHIST: re.compile(
        rf"(?<!\d)(?P<day>\d{{1,2}})(?P<separator>[-./])(?P<month>\d{{1,2}})(?P=separator)(?P<year>25\d{{2}})(?!\d){_CLOCK}"
    ),
}


@cached_per_languages
def _calendar_pattern(code: str) -> re.Pattern[str]:
    """The pattern of a date in the calendar of this language, with the name of the month."""
    language = phrase_lists.languages()[code]
    day_and_month = rf"(?<!\d)(?P<day>\d{{1,2}})\s(?P<month>{_MONTH_NAME})"
    if language.calendar == SOLAR_HIJRI:
        suffix = "|".join(map(re.escape, language.phrases("month_suffixes"))) or "(?!)"
        return re.compile(rf"{day_and_month}(?:\s(?:{suffix}))?،?\s(?P<year>1[34]\d{{2}})(?!\d){_CLOCK}")
    era = "|".join(map(re.escape, language.phrases("era_words"))) or "(?!)"
    return re.compile(rf"{day_and_month}\s(?:(?:{era})\s?)?(?P<year>2[45]\d{{2}}|\d{{2}}(?!\d)){_CLOCK}")


def _date_in_calendar(calendar: str, match: re.Match[str], month: int) -> ArticleDate | None:
    if calendar == BUDDHIST:
        return make_date(gregorian_year_of_buddhist(match["year"]), month, int(match["day"]), *_clock(match))
    day: date | None = gregorian_day_of_solar_hijri(int(match["year"]), month, int(match["day"]))
    return make_date(day.year, day.month, day.day, *_clock(match)) if day else None


@cached_per_languages
def _months(language: str | None) -> dict[str, int]:
    own = months_in(language or "")
    others = {**shared_months(), **phrase_lists.month_names(None)}
    if own:
        # Short names are words of other languages: “12 des 2000 postes”, “10 out of 2020”.
        in_all = {name for known in phrase_lists.languages().values() if known.is_fallback for name in known.months}
        others = {n: number for n, number in others.items() if n in in_all or len(n) >= _MIN_FOREIGN_CHARS}
    # Names that differ in their accents alone are told apart by which comes last.
    layers = (others, own, _listed_months(language))
    return {_month_key(name): number for layer in layers for name, number in layer.items()}


def _listed_months(language: str | None) -> dict[str, int]:
    own = phrase_lists.find_language(language)
    return own.months if own else {}


@cached_per_languages
def _calendar_months(code: str) -> dict[str, int]:
    language = phrase_lists.languages()[code]
    named = language.phrases("calendar_months")
    months = dict(zip(named, range(1, len(named) + 1), strict=True)) if named else language.months
    return {_month_key(name): number for name, number in months.items()}


def _month_key(name: str) -> str:
    """The letters of a month's name, without accents and with interchangeable letters made equal."""
    bare = unicodedata.normalize("NFD", name.strip(".-").lower()).translate(_IGNORED_IN_MONTHS)
    return bare.translate(phrase_lists.letter_variants())


def _year(digits: str) -> int:
    return int(digits) if len(digits) == 4 else 2000 + int(digits)


def _clock(match: re.Match[str]) -> tuple[str | None, str | None, str | None]:
    """Hour, minute and second beside a date, in 24 hours."""
    if match["hour"] is None:
        return None, None, None
    hour = int(match["hour"])
    around = f"{match['gap']} {match['half']}"
    if hour <= 12 and phrase_lists.any_phrase("afternoon").search(around):
        hour = hour % 12 + 12
    elif hour == 12 and phrase_lists.any_phrase("forenoon").search(around):
        hour = 0
    return str(hour), match["minute"], match["second"]


def _date_of(match: re.Match[str], month: int, day: int, language: str | None) -> ArticleDate | None:
    """The date, with the time and the zone stated beside it."""
    year, clock = _year(match["year"]), _clock(match)
    without_zone = make_date(year, month, day, *clock)
    if without_zone is None or match["hour"] is None:
        return without_zone
    return make_date(year, month, day, *clock, _zone(match, without_zone.local, language))


def _zone(match: re.Match[str], local: str, language: str | None) -> int | None:
    """How many minutes the zone stated behind the time is ahead of UTC; None when none is stated."""
    zone = _ZONE.match(match.string, match.end("minute"))
    if zone is None:
        return None
    name = zone["name"]
    if name in _PLACES_OF_ZONES:
        ahead = ZoneInfo(_PLACES_OF_ZONES[name]).utcoffset(datetime.fromisoformat(local))
        return int(ahead.total_seconds()) // 60 if ahead is not None else None
    if name in _MINUTES_IN_AUSTRALIA and (language or "").lower() == AUSTRALIAN:
        return _MINUTES_IN_AUSTRALIA[name]
    return _MINUTES_OF_ZONES.get(name) if name else _offset_minutes(zone["offset"] or "UTC")


def make_date(
    year: int,
    month: int,
    day: int,
    hour: str | None = None,
    minute: str | None = None,
    second: str | None = None,
    offset_minutes: int | None = None,
) -> ArticleDate | None:
    """The date made of these parts, without the time if that does not exist; None when the day does not exist."""
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    precision: Literal["day", "minute", "second"] = "day" if hour is None else "minute" if second is None else "second"
    try:
        # Some pages write a leap second or “:60”.
        local = datetime(year, month, day, int(hour or 0), int(minute or 0), min(59, int(second or 0)))  # noqa: DTZ001 - the page's clock
        offset = None if offset_minutes is None else timedelta(minutes=offset_minutes)
        return make_moment(local, precision=precision, offset=offset)
    except ValueError:
        return make_date(year, month, day) if hour is not None else None


def make_moment(
    local: datetime,
    *,
    precision: Literal["day", "minute", "second"],
    offset: timedelta | None,
    zone: str | None = None,
    zone_from: Literal["stated", "page", "domain", "language"] = "stated",
) -> ArticleDate:
    """The date of this time on the page's clock, which is ahead of UTC by `offset`; None while the zone is unknown.

    `zone` names the zone where more is known than its offset. Raises ValueError for an offset of a day or more.
    """
    text = local.replace(tzinfo=None).isoformat(timespec="minutes" if precision == "minute" else "seconds")
    text = text[:10] if precision == "day" else text
    if offset is None:
        return ArticleDate(local=text, precision=precision)
    clock = timezone(offset)
    # A day begins at midnight; a time keeps seconds that are known though the page rounds.
    start = datetime.fromisoformat(text).replace(tzinfo=clock)
    return ArticleDate(
        local=text,
        precision=precision,
        zone=zone or start.isoformat()[-6:],
        zone_from=zone_from,
        at=start.astimezone(UTC),
    )
