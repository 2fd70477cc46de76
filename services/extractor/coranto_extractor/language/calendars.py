"""Converts years and days of other calendars to Gregorian ones. Which language uses which calendar is said in its file."""

from __future__ import annotations

from datetime import date, timedelta

SOLAR_HIJRI = "solar_hijri"
BUDDHIST = "buddhist"
CALENDARS = frozenset({SOLAR_HIJRI, BUDDHIST})
"""The values that `calendar` may have in a language's file."""

_BUDDHIST_YEARS_AHEAD = 543
_BUDDHIST_CENTURY = 2500
# Leap years within the 33-year cycle. The cycle agrees with the Iranian almanac from 1343 to 1472.
_SOLAR_HIJRI_CYCLE_YEARS = 33
_SOLAR_HIJRI_LEAP_YEARS = frozenset({1, 5, 9, 13, 17, 22, 26, 30})
_FIRST_SOLAR_HIJRI_YEAR = 1369
_LAST_SOLAR_HIJRI_YEAR = 1420
_FIRST_SOLAR_HIJRI_DAY = date(1990, 3, 21)


def gregorian_year_of_buddhist(year: str) -> int:
    """The Gregorian year of a Buddhist one. Two digits mean a year of the current Buddhist century."""
    return int(year) + (_BUDDHIST_CENTURY if len(year) == 2 else 0) - _BUDDHIST_YEARS_AHEAD


def gregorian_day_of_solar_hijri(year: int, month: int, day: int) -> date | None:
    """The Gregorian day of one in the Iranian calendar; None when that day does not exist or is not a news date."""
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    if not _FIRST_SOLAR_HIJRI_YEAR <= year <= _LAST_SOLAR_HIJRI_YEAR:
        return None
    leap_days = sum(
        1
        for earlier in range(_FIRST_SOLAR_HIJRI_YEAR, year)
        if earlier % _SOLAR_HIJRI_CYCLE_YEARS in _SOLAR_HIJRI_LEAP_YEARS
    )
    new_year = _FIRST_SOLAR_HIJRI_DAY + timedelta(days=(year - _FIRST_SOLAR_HIJRI_YEAR) * 365 + leap_days)
    # The first six months have 31 days, the others 30.
    return new_year + timedelta(days=min(month - 1, 6) * 31 + max(0, month - 7) * 30 + day - 1)
