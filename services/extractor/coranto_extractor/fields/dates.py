"""Finds when the article was published and last changed, and never invents a date.

Machine-readable statements come first, then the URL, then a date for people near the headline. A date without a year, or
one like "3 hours ago", is ignored: it means nothing without the time of fetching.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain, islice
from typing import Literal

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto.records.sections import ArticleDate
from coranto.urls import UnsupportedUrlError, host_of
from coranto_extractor.fields.authorship.byline_places import Places
from coranto_extractor.fields.date_order import DateReader, date_reader
from coranto_extractor.fields.evidence import Extracted
from coranto_extractor.fields.page_reading import PageReading
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.date_parsing import make_date, make_moment
from coranto_extractor.language.phrase_lists import cached_per_languages, class_alternatives
from coranto_extractor.language.text_comparison import alphanumeric_key
from coranto_extractor.language.zones import find_zone
from coranto_extractor.page.blocks import Block
from coranto_extractor.page.metadata import PageMetadata, item_values, strings

# /2020/5/1/ or /2020-05/01/, /2020/0501/, 20200501. A month or day of one digit counts only between equal separators.
_IN_URL = re.compile(
    r"(?<!\d)(?P<year>(?:19|20)\d{2})(?:"
    r"(?P<separator>[/\-_.])(?P<month>0?[1-9]|1[0-2])(?P=separator)(?P<day>0?[1-9]|[12]\d|3[01])"
    r"|[/\-_.]?(?P<full_month>0[1-9]|1[0-2])[/\-_.]?(?P<full_day>0[1-9]|[12]\d|3[01]))(?!\d)"
)
_DAY_FIRST_IN_URL = re.compile(r"/(0[1-9]|[12]\d|3[01])[-_.](0[1-9]|1[0-2])[-_.]((?:19|20)\d{2})(?!\d)")
_IN_SCRIPT = re.compile(
    r"""["'](?:date_?published|publish(?:ed)?_?(?:date|at|on|time)?|pub_?date|publication_?date|first_?published(?:_?(?:at|date))?)\\?["']\s{0,5}:\s{0,5}\\?["']([^"'\n\\]{8,40})\\?["']""",
    re.IGNORECASE,
)
_CLASS_OF_OTHER_DATES = re.compile(
    r"comment|related|sidebar|widget|footer|recent|popular|teaser|card|list-item|more-|latest|copyright|modified|updated",
    re.IGNORECASE,
)
_REGIONS_OF_OTHER_DATES = frozenset({"nav", "aside", "comment", "caption"})
_CLASS_OF_CHANGE = re.compile(r"modified|updated")
_STAMP_ATTRIBUTE = re.compile(r"data-(?:\w+-)?(?:timestamp|time|date|datetime|utime|published|epoch)$")
_MIN_STAMP_CHARS = 8
_MAX_SCRIPT_CHARS = 1_000_000
_MAX_TIME_ELEMENT_CHARS = 60
# Time elements ranked at this or worse belong to something else on the page.
_WORST_TIME_RANK = 2
# A longer block is only searched this far, and only if it is marked as a date; agencies begin the first paragraph with the
# date, so of a block that begins with a digit, the second length is searched.
_MAX_DATE_BLOCK_CHARS = 160
_DATELINE_CHARS = 40
# A label such as “updated” begins within this many characters, and an element that is only a label is at most this long.
_MAX_CHARS_BEFORE_LABEL = 20
_MAX_LABEL_CHARS = 40
# A date is refused when it is later than the time of fetching by more than clocks and time zones explain.
_MAX_AHEAD_OF_FETCH = timedelta(days=2)
# Offsets from UTC that exist; all are multiples of a quarter of an hour.
_MIN_OFFSET, _MAX_OFFSET, _OFFSET_STEP = timedelta(hours=-12), timedelta(hours=14), timedelta(minutes=15)
_MAX_OTHER_TIMES = 50
_MIN_LABEL_CHARS_IN_PROSE = 6
# A paragraph of the text tells the day only at its beginning: “5 January 2024. …”, “Berlin, 5 January 2024 – …”.
_MIN_PARAGRAPH_CHARS = 80
_BEGINS_WITH_DATELINE = re.compile(r"[(\[]?\d|[^.!?\d]{2,40}\d.{2,24}?[-–—:(]")
_BEGINS_WITH_NUMBER = re.compile(r"[(\[]?\d")
# So many linked lines between a date and the headline are a menu.
_MIN_MENU_LINKS = 3
_MAX_LINK_SHARE = 0.5
# The day shown and that of a time in UTC differ by no more than this.
_UTC_DAY = timedelta(days=1)
# The headline stands so near to its date in a script, and a day has so many characters.
_CHARS_AROUND_DATE = 1000
_DAY_CHARS = 10
# Statements with this confidence or less may be the date of the page rather than of the article.
_PAGE_DATE_CONFIDENCE = 0.85


@cached_per_languages
def _date_class() -> re.Pattern[str]:
    return re.compile(
        "date|time|publish|posted|pubdate|byline|meta|created|dated|stamp|" + class_alternatives("date_class_names"),
        re.IGNORECASE,
    )


@dataclass(frozen=True)
class _ShownDates:
    """The dates shown near the headline and the text: of publication (or without a label), and of the last change."""

    published: list[ArticleDate]
    updated: list[ArticleDate]

    @property
    def all(self) -> list[ArticleDate]:
        return [*self.published, *self.updated]


def find_published(reading: PageReading) -> Extracted[ArticleDate] | None:
    """When the article was published."""
    reader = _reader(reading)
    # Computed once: a page may state thousands of dates, and each is compared with those shown.
    shown = _shown_dates(reading, reader)
    for text, source, confidence in _published_candidates(reading, reader, shown):
        moment = text if isinstance(text, ArticleDate) else reader.stated(text)
        if moment is None:
            reading.rejections.reject("published", str(text), "not_a_date")
        elif _is_in_future(moment, reading):
            reading.rejections.reject("published", str(text), "in_the_future")
        else:
            return Extracted(_with_zone(moment, reading, reader, shown), source, confidence)
    return None


def find_modified(reading: PageReading, published: ArticleDate | None) -> Extracted[ArticleDate] | None:
    """When the article was last changed; never earlier than it was published."""
    reader = _reader(reading)
    for text, source, confidence in _modified_candidates(reading.metadata):
        moment = reader.stated(text)
        if moment is None:
            reading.rejections.reject("modified", text, "not_a_date")
        elif _is_in_future(moment, reading):
            reading.rejections.reject("modified", text, "in_the_future")
        else:
            moment = _on_clock_of(published, moment, reading)
            if published and moment.sort_time < published.sort_time:
                reading.rejections.reject("modified", text, "before_publication")
            else:
                return Extracted(moment, source, confidence)
    return None


def _reader(reading: PageReading) -> DateReader:
    page = reading.metadata
    stated = [text for text, _, _ in chain(_stated_dates(page), _modified_candidates(page))]
    if in_url := date_in_url(page.url) or date_in_url(page.canonical):
        stated.append(in_url.local)
    times = (text for text, _, _ in _time_elements(reading.root))
    return date_reader(reading.language, _host(page), reading.blocks, reading.near_headline, stated, times)


def _on_clock_of(published: ArticleDate | None, moment: ArticleDate, reading: PageReading) -> ArticleDate:
    """The time of a change with the zone of the time of publication, where it has none of its own."""
    if moment.at is not None:
        return moment
    if published is not None and published.zone_from in ("stated", "page") and published.offset:
        return _on_clock(moment, published.offset, "page")
    return with_assumed_zone(moment, reading.metadata, reading.language)


def _is_in_future(moment: ArticleDate, reading: PageReading) -> bool:
    return reading.fetched_at is not None and moment.sort_time > reading.fetched_at + _MAX_AHEAD_OF_FETCH


def _with_zone(moment: ArticleDate, reading: PageReading, reader: DateReader, shown: _ShownDates) -> ArticleDate:
    """The date with the zone of the page's clock, as far as the page tells it or its place lets it be assumed."""
    if moment.precision != "day" and not moment.offset:
        known = _other_times(reading, reader)
        if moment.offset == timedelta(0):
            return _in_local_time(moment, known, reading, shown)
        # The same publication, stated again with its zone.
        ahead = next((ahead for other in known if (ahead := _ahead(moment, other)) is not None), None)
        if ahead is not None:
            return _on_clock(moment, ahead, "page")
    return with_assumed_zone(moment, reading.metadata, reading.language) if moment.at is None else moment


def _other_times(reading: PageReading, reader: DateReader) -> list[ArticleDate]:
    """The times that the page states for machines. Only so many: each takes a while to read, and a page may state thousands."""
    stated = (text for text, _, _ in (*_stated_dates(reading.metadata), *_time_elements(reading.root)))
    found = (reader.stated(text) for text in islice(stated, _MAX_OTHER_TIMES))
    return [moment for moment in found if moment and moment.precision != "day"]


def with_assumed_zone(moment: ArticleDate, page: PageMetadata, language: str | None) -> ArticleDate:
    """The date with the zone that the page's domain or language has for itself; as it is where there is none."""
    zone = find_zone(_host(page), language)
    if zone is None:
        return moment
    local = datetime.fromisoformat(moment.local)
    try:
        return make_moment(
            local, precision=moment.precision, offset=zone.offset_at(local), zone=zone.name, zone_from=zone.source
        )
    except OverflowError:  # the edge of the calendar
        return moment


def _host(page: PageMetadata) -> str | None:
    """The host that the page came from, or else the one it says that it belongs to."""
    for url in (page.url, page.canonical):
        with suppress(UnsupportedUrlError):
            if url and (host := host_of(url)):
                return host
    return None


def _ahead(local: ArticleDate, other: ArticleDate) -> timedelta | None:
    """How far the clock of `local` is ahead of UTC if both are the same moment; None where they cannot be the same."""
    if other.at is None:
        return None
    clock = datetime.fromisoformat(local.local).replace(tzinfo=UTC)
    moment = other.at if local.precision == "second" else other.at.replace(second=0)
    ahead = clock - moment
    is_offset = ahead % _OFFSET_STEP == timedelta(0) and _MIN_OFFSET <= ahead <= _MAX_OFFSET
    return ahead if is_offset else None


def _on_clock(moment: ArticleDate, offset: timedelta, zone_from: Literal["page"]) -> ArticleDate:
    local = datetime.fromisoformat(moment.local)
    return make_moment(local, precision=moment.precision, offset=offset, zone_from=zone_from)


def _in_local_time(
    moment: ArticleDate, others: Sequence[ArticleDate], reading: PageReading, shown: _ShownDates
) -> ArticleDate:
    """The same moment on the site's own clock, when the page gives it in UTC and in local time."""
    for other in others:
        if other.offset and other.at == moment.at:
            return other
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


def _on_shown_day(moment: ArticleDate, reading: PageReading, shown: _ShownDates) -> ArticleDate:
    """The same moment on the clock of the page's place, if that fits the day that the page shows.

    Where only the day is certain, the one before or after the UTC day, the hour on the page's clock is not.
    """
    page = reading.metadata
    in_page = [found.day for found in (date_in_url(page.url), next(iter(shown.published), None)) if found]
    if moment.at is None:
        return moment
    zone = find_zone(_host(page), reading.language)
    local = zone.local_time(moment.at) if zone else None
    if zone and local and (not in_page or local.date() in in_page):
        offset = local.utcoffset()
        return make_moment(local, precision=moment.precision, offset=offset, zone=zone.name, zone_from=zone.source)
    if not in_page or abs(in_page[0] - moment.day) != timedelta(days=1):
        return moment
    midnight = datetime.combine(in_page[0], time(), UTC)
    is_possible = midnight - _MAX_OFFSET <= moment.at < midnight + timedelta(days=1) - _MIN_OFFSET
    return ArticleDate(local=in_page[0].isoformat(), precision="day", at=moment.at) if is_possible else moment


def _published_candidates(
    reading: PageReading, reader: DateReader, shown: _ShownDates
) -> Iterator[tuple[str | ArticleDate, str, float]]:
    """Possible dates of publication, most reliable first, with their source and the confidence in it."""
    page, root = reading.metadata, reading.root
    in_url = date_in_url(page.url) or date_in_url(page.canonical)
    published_days = [moment.day for moment in shown.published]
    visible = next(iter(shown.all), None)
    days = {moment.day for moment in (in_url, *shown.all) if moment}
    says_article = bool(page.article) or any(
        kind.lower() not in ("", "website") for kind in page.meta.get("og:type", ())
    )
    changed = next((moment for text, _, _ in _modified_candidates(page) if (moment := reader.stated(text))), None)
    for text, source, confidence in _stated_dates(page):
        if _is_of_making(reader.stated(text), confidence, changed, published_days):
            continue
        # On a page that does not say it is an article, many meta elements give the date when the page was made.
        if says_article or confidence > _PAGE_DATE_CONFIDENCE or _is_shown(text, reader, days):
            yield text, source, confidence
    places = Places(reading)
    if not says_article:
        yield from _times_above_text(places)
        yield from _time_elements(root, {block.element for block in reading.near_headline})
    # Where a date is shown above the text, those below it are of comments and other articles.
    for text, source, confidence in _time_elements(root, above=places if shown.published else None):
        if says_article or _is_shown(text, reader, days):
            yield text, source, confidence
    yield from _stamps_beside_headline(places)
    if in_url and visible and visible.day == in_url.day:
        yield visible, "visible-date", 0.9
    if in_url:
        yield in_url, "url", 0.85
    if visible:
        yield visible, "visible-date", 0.7
    labelled = _labelled_dates(reading, reader, places)
    if len({moment.day for moment in labelled}) == 1:
        yield labelled[0], "visible-date", 0.6
    in_title = reader.shown(page.page_title or "")
    if in_title:
        yield in_title, "title", 0.6
    yield from _dates_in_scripts(root, alphanumeric_key(reading.title or ""))


def _labelled_dates(reading: PageReading, reader: DateReader, places: Places) -> list[ArticleDate]:
    """The dates that stand behind a label of publication, or in the element after it, anywhere outside other articles' boxes."""
    found = []
    for block in reading.blocks:
        label = phrase_lists.any_phrase("published").match(block.text)
        # A sentence may begin with a small word that is also a label: “On 4 May 2023”.
        if label is None or (block.is_prose and label.end() < _MIN_LABEL_CHARS_IN_PROSE):
            continue
        # “Date of birth” begins with a label of publication as well.
        if phrase_lists.any_phrase("other_date_labels").match(block.text):
            continue
        if block.regions & _REGIONS_OF_OTHER_DATES or places.is_in_teaser(block.element):
            continue
        rest = block.text[label.end() : _MAX_DATE_BLOCK_CHARS].strip(" :")
        following = reading.blocks[block.index + 1 : block.index + 2]
        moment = reader.shown(rest or next((other.text for other in following), ""))
        if moment:
            found.append(moment)
    return found


def _dates_in_scripts(root: html.HtmlElement, title_key: str) -> Iterator[tuple[str, str, float]]:
    """The dates of publication in scripts. Of several days, only those beside the headline: the others are of other things."""
    found: list[tuple[str, str]] = []
    for script in root.iter("script"):
        # JSON-LD is skipped: a date there that is not the article's belongs to the page or to something else on it.
        if script.text and len(script.text) < _MAX_SCRIPT_CHARS and "ld+json" not in (script.get("type") or ""):
            for match in islice(_IN_SCRIPT.finditer(script.text), _MAX_OTHER_TIMES):
                start = max(0, match.start() - _CHARS_AROUND_DATE)
                found.append((match.group(1), script.text[start : match.end() + _CHARS_AROUND_DATE]))
    if len({text[:_DAY_CHARS] for text, _ in found}) > 1:
        found = [(text, around) for text, around in found if title_key and title_key in alphanumeric_key(around)]
    yield from ((text, "script", 0.5) for text, _ in found[:_MAX_OTHER_TIMES])


def _is_shown(text: str, reader: DateReader, days: AbstractSet[date]) -> bool:
    """True when the day is in the URL, or shown near the headline or the end of the text."""
    moment = reader.stated(text)
    return moment is not None and moment.day in days


def _is_of_making(
    stated: ArticleDate | None, confidence: float, changed: ArticleDate | None, shown: Sequence[date]
) -> bool:
    """True for a date of the page, or one not before the last change, where an earlier day is shown as that of publication."""
    if stated is None or not shown or stated.day in shown or stated.day <= shown[0] + _UTC_DAY:
        return False
    return confidence <= _PAGE_DATE_CONFIDENCE or (changed is not None and changed.sort_time <= stated.sort_time)


def _stated_dates(page: PageMetadata) -> Iterator[tuple[str, str, float]]:
    for name in ("datePublished", "dateCreated", "uploadDate"):
        for text in strings(page.article.get(name)):
            yield text, "json-ld", 0.95
    is_website = (page.first("og:type") or "").lower() == "website"
    for name in phrase_lists.markup_names("published"):
        for text in page.meta.get(name, ()):
            is_page_date = name in phrase_lists.markup_name_set("page_dates") or ("article:" in name and is_website)
            source = "opengraph" if "article:" in name else "meta"
            yield text, source, _PAGE_DATE_CONFIDENCE if is_page_date else 0.9
    for text in item_values(page.itemprops.get("datePublished", ())):
        yield text, "microdata", 0.9


def _modified_candidates(page: PageMetadata) -> Iterator[tuple[str, str, float]]:
    for text in strings(page.article.get("dateModified")):
        yield text, "json-ld", 0.95
    for name in phrase_lists.markup_names("modified"):
        for text in page.meta.get(name, ()):
            yield text, "opengraph" if ":" in name else "meta", 0.9
    for text in item_values(page.itemprops.get("dateModified", ())):
        yield text, "microdata", 0.9


def _times_above_text(places: Places) -> Iterator[tuple[str, str, float]]:
    """The times in time elements between headline and text, whatever the boxes they are in are called."""
    for block in places.between_headline_and_text:
        if "comment" in block.regions:
            continue
        for element in block.element.iter("time"):
            stamp = element.get("datetime")
            is_change = _CLASS_OF_CHANGE.search(element.get("class") or "")
            if stamp and len(stamp) <= _MAX_TIME_ELEMENT_CHARS and not is_change:
                yield stamp, "time-element", 0.8


def _stamps_beside_headline(places: Places) -> Iterator[tuple[str, str, float]]:
    """The times that scripts turn into “2 years ago”, between headline and text."""
    for block in places.between_headline_and_text:
        if block.is_prose or "comment" in block.regions:
            continue
        for element in islice(block.element.iter(), _MAX_OTHER_TIMES):
            for name, value in element.items():
                if _STAMP_ATTRIBUTE.match(name) and _MIN_STAMP_CHARS <= len(value) <= _MAX_TIME_ELEMENT_CHARS:
                    yield value, "time-element", 0.7


def _time_elements(
    root: html.HtmlElement, inside: AbstractSet[html.HtmlElement] | None = None, *, above: Places | None = None
) -> Iterator[tuple[str, str, float]]:
    """The times in time elements, likely ones first. `inside`: only in elements within one of these.
    `above`: not in those below the text there."""
    ranked: list[tuple[float, int, str]] = []
    for position, element in enumerate(root.iter("time", "abbr")):
        stamp = element.get("datetime") or (element.get("title") if element.tag == "abbr" else None)
        if not stamp or len(stamp) > _MAX_TIME_ELEMENT_CHARS:
            continue
        if inside is not None and inside.isdisjoint((element, *element.iterancestors())):
            continue
        if above is not None and above.is_below_text(element):
            continue
        ranked.append((_time_rank(element), position, stamp))
    for rank, _, stamp in sorted(ranked):
        if rank < _WORST_TIME_RANK:
            yield stamp, "time-element", 0.8


def _time_rank(element: html.HtmlElement) -> float:
    """How unlikely the element is to hold the date of publication; lower is better."""
    rank = 0.0
    names = element.get("class") or ""
    if element.get("pubdate") is not None or re.search(r"publish|entry-date|posted", names):
        rank -= 2
    for ancestor in element.iterancestors():
        context = f"{ancestor.get('class') or ''} {ancestor.get('id') or ''}"
        if ancestor.tag in ("aside", "nav", "footer", "li") or _CLASS_OF_OTHER_DATES.search(context):
            rank += 3
            break
        if ancestor.tag in ("article", "main", "header"):
            rank -= 0.5
    if _CLASS_OF_CHANGE.search(names):
        rank += 1.5
    return rank


def date_in_url(url: str | None) -> ArticleDate | None:
    """The day in the URL, as in /2020/05/01/; None when there is none."""
    if not url:
        return None
    path = url.split("//", 1)[-1].partition("/")[2].split("?", 1)[0]
    day_first = _DAY_FIRST_IN_URL.search("/" + path)
    if day_first:
        return make_date(int(day_first.group(3)), int(day_first.group(2)), int(day_first.group(1)))
    for match in _IN_URL.finditer("/" + path):
        month, day = match["month"] or match["full_month"], match["day"] or match["full_day"]
        moment = make_date(int(match["year"]), int(month), int(day))
        # Eight digits without separators may be the number of an article, unless they stand alone.
        if moment and (
            re.search(r"\D", match.group(0)) or re.search(r"(?:^|/|[-_])" + match.group(0) + r"(?:/|[-_.]|$)", path)
        ):
            return moment
    return None


def _shown_dates(reading: PageReading, reader: DateReader) -> _ShownDates:
    near = [block for block in reading.near_headline if not _is_of_site(block, reading)]
    texts = set(reading.texts)
    published: list[ArticleDate] = []
    updated: list[ArticleDate] = []
    labelled_indexes = {block.index + 1 for block in near if _is_label("updated", block.text)}
    other_indexes = {block.index + 1 for block in near if _is_other_label(block.text)}
    for block in near:
        if block.index in other_indexes:
            continue
        text = _text_with_date(block)
        is_paragraph = block.is_prose and len(block.text) > _MIN_PARAGRAPH_CHARS and block.text in texts
        if is_paragraph and not _BEGINS_WITH_DATELINE.match(text):
            continue
        moment = next(filter(None, map(reader.shown, _readings(block, text))), None)
        if moment is None:
            continue
        if block.index in labelled_indexes and text[0].isdigit():
            updated.append(moment)
            continue
        label = phrase_lists.any_phrase("updated").search(text)
        if label and label.start() < _MAX_CHARS_BEFORE_LABEL:
            first = _published_after_update(text, label.end(), reader)
            if first:
                published.append(first)
            else:
                updated.append(moment)
        else:
            published.append(moment)
    return _ShownDates(published, updated)


def _is_of_site(block: Block, reading: PageReading) -> bool:
    """True for a line on the holder of rights, and for what stands above the menu: there, pages show today's date."""
    headline = reading.near_headline[0].index
    if "©" in block.text and phrase_lists.any_phrase("published").search(block.text) is None:
        return True
    between = reading.blocks[block.index : headline]
    links = sum(1 for other in between if other.link_share > _MAX_LINK_SHARE)
    return links >= _MIN_MENU_LINKS or any("nav" in other.regions for other in between)


def _readings(block: Block, text: str) -> Iterator[str]:
    """The text as it is, and the other ways to put its elements together: calendar sheets have day, month and year in three."""
    yield text
    if text != block.text[: len(text)]:
        yield block.text
        yield text.replace(" | ", " ")


def _text_with_date(block: Block) -> str:
    """The beginning of the block that may contain a date."""
    text = block.text
    if len(text) <= _MAX_DATE_BLOCK_CHARS:
        return block.text_apart
    if _date_class().search(block.element.get("class") or ""):
        return text[:_MAX_DATE_BLOCK_CHARS]
    return text[:_DATELINE_CHARS] if _BEGINS_WITH_NUMBER.match(text) else ""


def _published_after_update(text: str, start: int, reader: DateReader) -> ArticleDate | None:
    """The second date in “Last change: 31.10.2023. Published: 01.11.2023”; None when the text goes on differently."""
    for label in phrase_lists.any_phrase("published").finditer(text, start):
        # In “Updated on 5 January”, “on” stands before the date and says nothing about publication.
        if any(map(str.isdigit, text[start : label.start()])):
            return reader.shown(text[label.end() :])
    return None


def _is_label(key: str, text: str) -> bool:
    """True for “Last change:” in an element of its own."""
    is_label = len(text) <= _MAX_LABEL_CHARS and text.endswith(":")
    return is_label and phrase_lists.any_phrase(key).search(text) is not None


def _is_other_label(text: str) -> bool:
    """True for “Deadline” in an element of its own, with or without a colon."""
    bare = text.removesuffix(":").strip()
    return (
        _is_label("other_date_labels", text) or phrase_lists.any_phrase("other_date_labels").fullmatch(bare) is not None
    )
