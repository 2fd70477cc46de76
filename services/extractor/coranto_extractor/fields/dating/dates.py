"""Finds when the article was published and last changed, and never invents a date.

Machine-readable statements come first, then the URL, then a date for people near the headline. A date without a year, or
one like "3 hours ago", is ignored: it means nothing without the time of fetching.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, timedelta
from itertools import chain

from coranto.records.sections import ArticleDate
from coranto_extractor.fields.dating.date_reader import DateReader, date_reader
from coranto_extractor.fields.dating.page_clock import on_clock_of, on_page_clock, page_host
from coranto_extractor.fields.dating.shown import Label, ShownDates, find_labelled_dates, find_shown_dates
from coranto_extractor.fields.dating.stated import (
    PAGE_DATE_CONFIDENCE,
    modified_statements,
    published_statements,
    statements_in_scripts,
)
from coranto_extractor.fields.dating.time_elements import stamps_beside_headline, times_above_text, times_in_elements
from coranto_extractor.fields.dating.url_dates import date_in_url
from coranto_extractor.fields.evidence import Extracted
from coranto_extractor.fields.page_reading import PageReading
from coranto_extractor.fields.places import Places
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.text_comparison import alphanumeric_key
from coranto_extractor.page.metadata import PageMetadata

# A date is refused when it is later than the time of fetching by more than clocks and time zones explain.
_MAX_AHEAD_OF_FETCH = timedelta(days=2)
# The day shown and that of a time in UTC differ by no more than this.
_UTC_DAY = timedelta(days=1)
_CONFIDENCE_IN_CHANGE = 0.8


def find_published(reading: PageReading) -> Extracted[ArticleDate] | None:
    """When the article was published."""
    reader = _date_reader(reading)
    # Computed once: a page may state thousands of dates, and each is compared with those shown.
    shown = find_shown_dates(reading, reader)
    for text, source, confidence in _published_candidates(reading, reader, shown):
        moment = text if isinstance(text, ArticleDate) else reader.stated(text)
        if moment is None:
            reading.rejections.reject("published", str(text), "not_a_date")
        elif _is_in_future(moment, reading):
            reading.rejections.reject("published", str(text), "in_the_future")
        else:
            return Extracted(on_page_clock(moment, reading, reader, shown), source, confidence)
    return None


def find_modified(reading: PageReading, published: ArticleDate | None) -> Extracted[ArticleDate] | None:
    """When the article was last changed; never earlier than it was published."""
    reader = _date_reader(reading)
    for text, source, confidence in modified_statements(reading.metadata):
        moment = reader.stated(text)
        if moment is None:
            reading.rejections.reject("modified", text, "not_a_date")
        elif _is_in_future(moment, reading):
            reading.rejections.reject("modified", text, "in_the_future")
        else:
            moment = on_clock_of(published, moment, reading)
            if published and moment.sort_time < published.sort_time:
                reading.rejections.reject("modified", text, "before_publication")
            else:
                return Extracted(moment, source, confidence)
    return _find_shown_change(reading, reader, published)


def _find_shown_change(
    reading: PageReading, reader: DateReader, published: ArticleDate | None
) -> Extracted[ArticleDate] | None:
    """The day that the page shows near the headline as that of the last change, where it is not that of publication too."""
    # Most pages show no such label, and all their dates were read once before.
    label = phrase_lists.any_phrase("updated")
    if not any(label.search(block.text) for block in reading.near_headline):
        return None
    for moment in find_shown_dates(reading, reader).updated:
        if published is not None and moment.day < published.day:
            reading.rejections.reject("modified", moment.local, "before_publication")
        elif _is_in_future(moment, reading):
            reading.rejections.reject("modified", moment.local, "in_the_future")
        elif published is None or moment.local != published.local:
            return Extracted(moment, "visible-date", 0.6)
    return None


def _published_candidates(
    reading: PageReading, reader: DateReader, shown: ShownDates
) -> Iterator[tuple[str | ArticleDate, str, float]]:
    """Possible dates of publication, most reliable first, with their source and the confidence in it."""
    page, root = reading.metadata, reading.root
    in_url = date_in_url(page.url) or date_in_url(page.canonical)
    visible = next(iter(shown.all), None)
    days = {moment.day for moment in (in_url, *shown.all) if moment}
    says_article = bool(page.article) or any(
        kind.lower() not in ("", "website") for kind in page.meta.get("og:type", ())
    )
    places = Places(reading)
    yield from _stated_candidates(page, reader, shown, places, days, says_article=says_article)
    # A time between headline and text counts, whatever the boxes it is in are called, where nothing states another.
    confidences = [statement.confidence for statement in published_statements(page)]
    if not says_article or (confidences and max(confidences) <= PAGE_DATE_CONFIDENCE):
        yield from times_above_text(places)
    if not says_article:
        yield from times_in_elements(root, {block.element for block in reading.near_headline})
    # Where a date is shown above the text, those below it are of comments and other articles.
    for text, source, confidence in times_in_elements(root, above=places if shown.published else None):
        if says_article or _is_shown(text, reader, days):
            yield text, source, confidence
    yield from stamps_beside_headline(places)
    if in_url and visible and visible.day == in_url.day:
        yield visible, "visible-date", 0.9
    if in_url:
        yield in_url, "url", 0.85
    if visible:
        yield visible, "visible-date", 0.7
    yield from _labelled_candidates(reading, reader, places, "published", 0.6)
    in_title = reader.shown(page.page_title or "")
    if in_title:
        yield in_title, "title", 0.6
    yield from statements_in_scripts(root, alphanumeric_key(reading.title or ""))
    yield from _labelled_candidates(reading, reader, places, "updated", 0.4)


def _stated_candidates(
    page: PageMetadata,
    reader: DateReader,
    shown: ShownDates,
    places: Places,
    days: AbstractSet[date],
    *,
    says_article: bool,
) -> Iterator[tuple[str, str, float]]:
    """What the page states for machines, as far as what it shows on one of `days` does not contradict that."""
    published_days = [moment.day for moment in shown.published]
    above_text = [moment.day for text, _, _ in times_above_text(places) if (moment := reader.stated(text))]
    change = next((found for found in modified_statements(page) if reader.stated(found.text)), None)
    changed = reader.stated(change.text) if change else None
    for text, source, confidence in published_statements(page):
        stated = reader.stated(text)
        if _is_of_making(stated, confidence, changed, published_days or above_text):
            continue
        if change and stated and stated.day not in days and _is_published_again(stated, changed, published_days):
            yield change.text, change.source, _CONFIDENCE_IN_CHANGE
        # On a page that does not say it is an article, many meta elements give the date when the page was made.
        if says_article or confidence > PAGE_DATE_CONFIDENCE or (stated is not None and stated.day in days):
            yield text, source, confidence


def _labelled_candidates(
    reading: PageReading, reader: DateReader, places: Places, label: Label, confidence: float
) -> Iterator[tuple[ArticleDate, str, float]]:
    """The day behind such labels, if all of them give the same one."""
    labelled = find_labelled_dates(reading, reader, places, label)
    if len({moment.day for moment in labelled}) == 1:
        yield labelled[0], "visible-date", confidence


def _date_reader(reading: PageReading) -> DateReader:
    page = reading.metadata
    stated = [text for text, _, _ in chain(published_statements(page), modified_statements(page))]
    if in_url := date_in_url(page.url) or date_in_url(page.canonical):
        stated.append(in_url.local)
    times = (text for text, _, _ in times_in_elements(reading.root))
    return date_reader(reading.language, page_host(page), reading.blocks, reading.near_headline, stated, times)


def _is_in_future(moment: ArticleDate, reading: PageReading) -> bool:
    return reading.fetched_at is not None and moment.sort_time > reading.fetched_at + _MAX_AHEAD_OF_FETCH


def _is_shown(text: str, reader: DateReader, days: AbstractSet[date]) -> bool:
    """True when the day is in the URL, or shown near the headline or the end of the text."""
    moment = reader.stated(text)
    return moment is not None and moment.day in days


def _is_of_making(
    stated: ArticleDate | None, confidence: float, changed: ArticleDate | None, shown: Sequence[date]
) -> bool:
    """True for a date of the page where another day is shown as that of publication, and for one that is not before the last
    change where an earlier day is."""
    if stated is None or not shown or stated.day in shown or abs(stated.day - shown[0]) <= _UTC_DAY:
        return False
    is_late = stated.day > shown[0] and changed is not None and changed.sort_time <= stated.sort_time
    return confidence <= PAGE_DATE_CONFIDENCE or is_late


def _is_published_again(stated: ArticleDate, changed: ArticleDate | None, shown: Sequence[date]) -> bool:
    """True where the page shows the day of its last change, without saying that it is one, and not the day that it states."""
    return changed is not None and changed.day in shown and changed.day > stated.day + _UTC_DAY
