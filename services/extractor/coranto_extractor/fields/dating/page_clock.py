"""Puts times on the clock of the page's place, as far as the page tells it or its place lets it be assumed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from coranto.records.sections import ArticleDate
from coranto.urls import UnsupportedUrlError, host_of
from coranto_extractor.fields.dating.date_reader import DateReader
from coranto_extractor.fields.dating.shown import ShownDates
from coranto_extractor.fields.dating.stated import MAX_DATES, find_zone_in_scripts, published_statements
from coranto_extractor.fields.dating.time_elements import times_in_elements
from coranto_extractor.fields.dating.url_dates import date_in_url
from coranto_extractor.fields.page_reading import PageReading
from coranto_extractor.language.date_parsing import make_moment
from coranto_extractor.language.zones import AssumedZone, find_zone, zones_of_country
from coranto_extractor.page.metadata import PageMetadata

# Offsets from UTC that exist; all are multiples of a quarter of an hour.
_MIN_OFFSET, _MAX_OFFSET, _OFFSET_STEP = timedelta(hours=-12), timedelta(hours=14), timedelta(minutes=15)


def on_page_clock(moment: ArticleDate, reading: PageReading, reader: DateReader, shown: ShownDates) -> ArticleDate:
    """The date with the zone of the page's clock, as far as the page tells it or its place lets it be assumed."""
    if moment.precision != "day" and not moment.offset:
        known = _other_times(reading, reader)
        if moment.offset == timedelta(0):
            return _in_local_time(moment, known, reading, shown)
        # The same publication, stated again with its zone.
        ahead = next((ahead for other in known if (ahead := _ahead(moment, other)) is not None), None)
        if ahead is not None:
            return _on_clock(moment, ahead)
    return with_assumed_zone(moment, reading.metadata, reading.language) if moment.at is None else moment


def on_clock_of(published: ArticleDate | None, moment: ArticleDate, reading: PageReading) -> ArticleDate:
    """The time of a change with the zone of the time of publication, where it has none of its own or is told in UTC."""
    if moment.at is not None:
        zone = find_zone(page_host(reading.metadata), reading.language)
        is_on_its_clock = published is not None and zone is not None and published.zone == zone.name
        if zone is None or not is_on_its_clock or moment.precision == "day" or moment.offset != timedelta(0):
            return moment
        return _in_zone(moment, zone.local_time(moment.at), zone)
    if published is not None and published.zone_from in ("stated", "page") and published.offset:
        return _on_clock(moment, published.offset)
    return with_assumed_zone(moment, reading.metadata, reading.language)


def with_assumed_zone(moment: ArticleDate, page: PageMetadata, language: str | None) -> ArticleDate:
    """The date with the zone that the page's domain or language has for itself; as it is where there is none."""
    zone = find_zone(page_host(page), language)
    if zone is None:
        return moment
    local = datetime.fromisoformat(moment.local)
    try:
        return make_moment(
            local, precision=moment.precision, offset=zone.offset_at(local), zone=zone.name, zone_from=zone.source
        )
    except OverflowError:  # the edge of the calendar
        return moment


def page_host(page: PageMetadata) -> str | None:
    """The host that the page came from, or else the one it says that it belongs to."""
    for url in (page.url, page.canonical):
        with suppress(UnsupportedUrlError):
            if url and (host := host_of(url)):
                return host
    return None


def _other_times(reading: PageReading, reader: DateReader) -> list[ArticleDate]:
    """The times that the page states for machines. Only so many: each takes a while to read, and a page may state thousands."""
    stated = (text for text, _, _ in (*published_statements(reading.metadata), *times_in_elements(reading.root)))
    found = (reader.stated(text) for text in islice(stated, MAX_DATES))
    return [moment for moment in found if moment and moment.precision != "day"]


def _in_local_time(
    moment: ArticleDate, others: Sequence[ArticleDate], reading: PageReading, shown: ShownDates
) -> ArticleDate:
    """The same moment on the site's own clock, when the page gives it in UTC and in local time."""
    for other in others:
        if other.offset and other.at == moment.at:
            return other
    host = page_host(reading.metadata)
    for other in others:
        for local, utc in ((moment, other), (other, moment)):
            offset = _unsaid_offset(local, utc, host)
            if offset is not None:
                return _on_clock(local, offset)
    for local in shown.all:
        # Of a zone shown, the page's clock counts rather than its name: many pages say EST in summer, too.
        if local.precision != "day":
            ahead = _ahead(local, moment)
            if ahead and local.offset == timedelta(0):
                continue
            if ahead == timedelta(0):
                return moment
            if ahead is not None and moment.at is not None:
                clock = moment.at + ahead
                return make_moment(clock, precision=moment.precision, offset=ahead, zone_from="page")
    return _on_shown_day(moment, reading, shown)


def _on_shown_day(moment: ArticleDate, reading: PageReading, shown: ShownDates) -> ArticleDate:
    """The same moment on the clock of the page's place, if that fits the day that the page shows.

    Where only the day is certain, the one before or after the UTC day, the hour on the page's clock is not.
    """
    page = reading.metadata
    in_page = [found.day for found in (date_in_url(page.url), next(iter(shown.published), None)) if found]
    if moment.at is None:
        return moment
    zone = find_zone(page_host(page), reading.language) or find_zone_in_scripts(reading.root)
    local = zone.local_time(moment.at) if zone else None
    if zone and local and (not in_page or local.date() in in_page):
        return _in_zone(moment, local, zone)
    if not in_page:
        # Of a country with several clocks, only the day is certain.
        days = {moment.at.astimezone(ZoneInfo(name)).date() for name in zones_of_country(page_host(page))}
        day = days.pop() if len(days) == 1 else moment.day
        return moment if day == moment.day else ArticleDate(local=day.isoformat(), precision="day", at=moment.at)
    if abs(in_page[0] - moment.day) != timedelta(days=1):
        return moment
    midnight = datetime.combine(in_page[0], time(), UTC)
    is_possible = midnight - _MAX_OFFSET <= moment.at < midnight + timedelta(days=1) - _MIN_OFFSET
    return ArticleDate(local=in_page[0].isoformat(), precision="day", at=moment.at) if is_possible else moment


def _unsaid_offset(local: ArticleDate, utc: ArticleDate, host: str | None) -> timedelta | None:
    """How far the first clock is ahead where both times claim to be in UTC, but the first is on a clock of the host's country."""
    if local.offset != timedelta(0) or utc.offset != timedelta(0) or not local.precision == utc.precision == "second":
        return None
    ahead = _ahead(local, utc)
    clock = datetime.fromisoformat(local.local).replace(tzinfo=None)
    offsets = [ZoneInfo(name).utcoffset(clock) for name in zones_of_country(host)] if ahead else []
    return ahead if ahead in offsets else None


def _ahead(local: ArticleDate, other: ArticleDate) -> timedelta | None:
    """How far the clock of `local` is ahead of UTC if both are the same moment; None where they cannot be the same."""
    if other.at is None:
        return None
    clock = datetime.fromisoformat(local.local).replace(tzinfo=UTC)
    moment = other.at if local.precision == "second" else other.at.replace(second=0)
    ahead = clock - moment
    is_offset = ahead % _OFFSET_STEP == timedelta(0) and _MIN_OFFSET <= ahead <= _MAX_OFFSET
    return ahead if is_offset else None


def _in_zone(moment: ArticleDate, local: datetime, zone: AssumedZone) -> ArticleDate:
    """The moment by what the zone's clock showed."""
    offset = local.utcoffset()
    return make_moment(local, precision=moment.precision, offset=offset, zone=zone.name, zone_from=zone.source)


def _on_clock(moment: ArticleDate, offset: timedelta) -> ArticleDate:
    local = datetime.fromisoformat(moment.local)
    return make_moment(local, precision=moment.precision, offset=offset, zone_from="page")
