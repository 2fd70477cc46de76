"""Finds when the article was published and last changed, and never makes a date up.

Machine-readable statements come first, then the address, then a date in words near the headline. A date without a year,
or one like "3 hours ago", is none: without the time of fetching it means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto.records.sections import Moment
from coranto_extractor.fields.evidence import Extracted, RejectionLog
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.date_parsing import make_date, parse_date, parse_date_text
from coranto_extractor.page.blocks import HEADINGS, Block, BlockList
from coranto_extractor.page.metadata import PageMetadata, item_values, strings

# /2020/5/1/ or /2020-05/01/, /2020/0501/, 20200501: one digit is a month or a day only between two separators of a kind.
_IN_ADDRESS = re.compile(
    r"(?<!\d)(?P<year>(?:19|20)\d{2})(?:"
    r"(?P<mark>[/\-_.])(?P<month>0?[1-9]|1[0-2])(?P=mark)(?P<day>0?[1-9]|[12]\d|3[01])"
    r"|[/\-_.]?(?P<full_month>0[1-9]|1[0-2])[/\-_.]?(?P<full_day>0[1-9]|[12]\d|3[01]))(?!\d)"
)
_SHORT_IN_ADDRESS = re.compile(r"/(0[1-9]|[12]\d|3[01])[-_.](0[1-9]|1[0-2])[-_.]((?:19|20)\d{2})(?!\d)")
_IN_SCRIPT = re.compile(
    r"""["'](?:date_?published|publish(?:ed)?_?(?:date|at|on|time)?|pub_?date|publication_?date|first_?published(?:_?(?:at|date))?)["']\s{0,5}:\s{0,5}["']([^"'\n]{8,40})["']""",
    re.IGNORECASE,
)
_DATE_CLASS = re.compile(
    r"date|time|publish|posted|pubdate|byline|meta|created|dated|stamp|datum|fecha|data\b", re.IGNORECASE
)
_SPOILED_CLASS = re.compile(
    r"comment|related|sidebar|widget|footer|recent|popular|teaser|card|list-item|more-|latest|copyright|modified|updated",
    re.IGNORECASE,
)
_MAX_DATE_BLOCK_CHARS = 160
_LABEL_REACH = 20
_MAX_LABEL_CHARS = 40
# Confidence of what may be the date of the page and not of the article.
_LOOSE = 0.85
_LINKED = 0.6


@dataclass(frozen=True)
class _Shown:
    """The dates the page shows near headline and text: of publication, as far as it says, and of its last change."""

    first: list[Moment]
    later: list[Moment]

    @property
    def all(self) -> list[Moment]:
        return [*self.first, *self.later]


def find_published(
    page: PageMetadata,
    root: html.HtmlElement,
    near: Sequence[Block],
    language: str | None,
    rejections: RejectionLog,
    not_after: datetime | None,
) -> Extracted[Moment] | None:
    """When the article was published. `near` are the blocks around headline and text; `not_after` is the time of fetching."""
    # Read once: a page may state thousands of dates, and each is held against what is shown.
    shown = _shown_dates(near, language)
    for text, source, confidence in _published_candidates(page, root, near, shown, language):
        moment = text if isinstance(text, Moment) else parse_date(text, language)
        if moment is None:
            rejections.reject("published", str(text), "not_a_date")
        elif not_after and moment.at > not_after + timedelta(days=2):
            rejections.reject("published", str(text), "in_the_future")
        else:
            return Extracted(_in_own_zone(moment, page, root, shown, language), source, confidence)
    return None


def _in_own_zone(
    moment: Moment, page: PageMetadata, root: html.HtmlElement, shown: _Shown, language: str | None
) -> Moment:
    """The same moment with the offset of the page's own zone, when the page gives both a UTC time and its wall time."""
    if moment.offset_minutes != 0 or moment.precision == "day":
        return moment
    for text, _, _ in (*_stated(page), *_time_elements(root)):
        other = parse_date(text, language)
        if other and other.offset_minutes and other.at == moment.at:
            return other
    for wall in shown.all:
        ahead = round((wall.at - moment.at.replace(second=0, microsecond=0)).total_seconds() / 60)
        if wall.precision != "day" and wall.offset_minutes is None and ahead % 15 == 0 and -720 <= ahead <= 840:
            return moment.model_copy(update={"offset_minutes": ahead})
    return _on_shown_day(moment, page, shown)


def _on_shown_day(moment: Moment, page: PageMetadata, shown: _Shown) -> Moment:
    """The same moment on the day the page shows, when that is the day before or after the UTC one.

    The offset is the least one of whole hours that gives that day: the day is sure, the hour of the wall clock is not.
    """
    day = date_in_url(page.url) or next(iter(shown.first), None)
    if day is None:
        return moment
    midnight = day.at.replace(hour=0, minute=0, second=0, microsecond=0)
    if moment.at >= midnight + timedelta(days=1):
        hours = -((moment.at - midnight - timedelta(days=1)) // timedelta(hours=1) + 1)
    elif moment.at < midnight:
        hours = -((moment.at - midnight) // timedelta(hours=1))
    else:
        return moment
    return moment.model_copy(update={"offset_minutes": hours * 60}) if -12 <= hours <= 14 else moment


def find_modified(
    page: PageMetadata,
    published: Moment | None,
    language: str | None,
    rejections: RejectionLog,
    not_after: datetime | None,
) -> Extracted[Moment] | None:
    """When the article was last changed; never before it was published."""
    for text, source, confidence in _modified_candidates(page):
        moment = parse_date(text, language)
        if moment is None:
            rejections.reject("modified", text, "not_a_date")
        elif not_after and moment.at > not_after + timedelta(days=2):
            rejections.reject("modified", text, "in_the_future")
        elif published and moment.at < published.at:
            rejections.reject("modified", text, "before_publication")
        else:
            return Extracted(moment, source, confidence)
    return None


def _published_candidates(
    page: PageMetadata, root: html.HtmlElement, near: Sequence[Block], shown: _Shown, language: str | None
) -> Iterator[tuple[str | Moment, str, float]]:
    in_address = date_in_url(page.url) or date_in_url(page.canonical)
    dated = [moment.at.date() for moment in shown.first]
    visible = next(iter(shown.all), None)
    days = {moment.at.date() for moment in (in_address, *shown.all) if moment}
    says_article = bool(page.article) or (page.first("og:type") or "").lower() not in ("", "website")
    for text, source, confidence in _stated(page):
        if confidence <= _LOOSE and _is_of_change(text, language, dated, days):
            continue
        # On a page that does not say it is an article, many meta elements tell of the page's making.
        if says_article or confidence > _LOOSE or _is_shown(text, language, days):
            yield text, source, confidence
    if not says_article:
        yield from _time_elements(root, {block.element for block in near})
    for text, source, confidence in _time_elements(root):
        if says_article or _is_shown(text, language, days):
            yield text, source, confidence
    if in_address and visible and visible.at.date() == in_address.at.date():
        yield visible, "visible-date", 0.9
    if in_address:
        yield in_address, "url", 0.85
    if visible:
        yield visible, "visible-date", 0.7
    in_title = parse_date_text(page.page_title or "", language)
    if in_title:
        yield in_title, "title", 0.6
    yield from _in_scripts(root)


def _in_scripts(root: html.HtmlElement) -> Iterator[tuple[str, str, float]]:
    for script in root.iter("script"):
        # A date in JSON-LD that is not the article's is that of the page or of another thing on it.
        if script.text and len(script.text) < 1_000_000 and "ld+json" not in (script.get("type") or ""):
            for match in _IN_SCRIPT.finditer(script.text):
                yield match.group(1), "script", 0.5


def _is_shown(text: str, language: str | None, days: AbstractSet[date]) -> bool:
    """True when the day stands in the address, or near the headline or the text's end."""
    moment = parse_date(text, language)
    return moment is not None and moment.at.date() in days


def _is_of_change(text: str, language: str | None, dated: Sequence[date], days: AbstractSet[date]) -> bool:
    """True when the page shows the day as that of its last change, and an earlier one as that of publication.

    `dated`: the days shown of anything but a change; `days`: all that are shown.
    """
    moment = parse_date(text, language) if dated else None
    if moment is None:
        return False
    day = moment.at.date()
    return day in days and day not in dated and dated[0] < day


def _stated(page: PageMetadata) -> Iterator[tuple[str, str, float]]:
    for name in ("datePublished", "dateCreated", "uploadDate"):
        for text in strings(page.article.get(name)):
            yield text, "json-ld", 0.95
    is_site = (page.first("og:type") or "").lower() == "website"
    for name in phrase_lists.markup_names("published"):
        for text in page.meta.get(name, ()):
            is_loose = name in phrase_lists.markup_name_set("page_dates") or ("article:" in name and is_site)
            yield text, "opengraph" if "article:" in name else "meta", _LOOSE if is_loose else 0.9
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


def _time_elements(
    root: html.HtmlElement, inside: AbstractSet[html.HtmlElement] | None = None
) -> Iterator[tuple[str, str, float]]:
    """The times that elements give, likely ones first. `inside`: only of elements that stand in one of these."""
    ranked: list[tuple[float, int, str]] = []
    for place, element in enumerate(root.iter("time", "abbr")):
        stamp = element.get("datetime") or (element.get("title") if element.tag == "abbr" else None)
        if not stamp or len(stamp) > 60:
            continue
        if inside is not None and inside.isdisjoint((element, *element.iterancestors())):
            continue
        rank = 0.0
        names = element.get("class") or ""
        if element.get("pubdate") is not None or re.search(r"publish|entry-date|posted", names):
            rank -= 2
        for ancestor in element.iterancestors():
            context = f"{ancestor.get('class') or ''} {ancestor.get('id') or ''}"
            if ancestor.tag in ("aside", "nav", "footer", "li") or _SPOILED_CLASS.search(context):
                rank += 3
                break
            if ancestor.tag in ("article", "main", "header"):
                rank -= 0.5
        if re.search(r"modified|updated", names):
            rank += 1.5
        ranked.append((rank, place, stamp))
    for rank, _, stamp in sorted(ranked):
        if rank < 2:
            yield stamp, "time-element", 0.8


def date_in_url(url: str | None) -> Moment | None:
    """The day in the address, as in /2020/05/01/; None when it has none."""
    if not url:
        return None
    path = url.split("//", 1)[-1].partition("/")[2].split("?", 1)[0]
    short = _SHORT_IN_ADDRESS.search("/" + path)
    if short:
        return make_date(int(short.group(3)), int(short.group(2)), int(short.group(1)))
    for match in _IN_ADDRESS.finditer("/" + path):
        month, day = match["month"] or match["full_month"], match["day"] or match["full_day"]
        moment = make_date(int(match["year"]), int(month), int(day))
        # Eight bare digits may be an article's number; with separators they are a date.
        if moment and (
            re.search(r"\D", match.group(0)) or re.search(r"(?:^|/|[-_])" + match.group(0) + r"(?:/|[-_.]|$)", path)
        ):
            return moment
    return None


def _shown_dates(near: Sequence[Block], language: str | None) -> _Shown:
    dated: list[Moment] = []
    later: list[Moment] = []
    labels = {block.place + 1: block.text for block in near if _is_update_label(block.text)}
    for block in near:
        text = block.text
        if len(text) > _MAX_DATE_BLOCK_CHARS:
            is_marked = _DATE_CLASS.search(block.element.get("class") or "")
            # Agencies begin the first paragraph with the date.
            text = text[:_MAX_DATE_BLOCK_CHARS] if is_marked else text[:40] if text[0].isdigit() else ""
        moment = parse_date_text(text, language) if text else None
        if moment is None:
            continue
        if block.place in labels and text[0].isdigit():
            later.append(moment)
            continue
        updated = phrase_lists.any_phrase("updated").search(text)
        if updated and updated.start() < _LABEL_REACH:
            # “Last change: 31.10.2023. Published: 01.11.2023”
            published = phrase_lists.any_phrase("published").search(text, updated.end())
            # “Updated on” has the word before the date, and says nothing of publication.
            is_second = published and any(map(str.isdigit, text[updated.end() : published.start()]))
            first = parse_date_text(text[published.end() :], language) if published and is_second else None
            if first:
                dated.append(first)
            else:
                later.append(moment)
        else:
            dated.append(moment)
    return _Shown(dated, later)


def _is_update_label(text: str) -> bool:
    """True for “Last change:” in an element of its own."""
    return (
        len(text) <= _MAX_LABEL_CHARS
        and text.endswith(":")
        and phrase_lists.any_phrase("updated").search(text) is not None
    )


def near_headline(blocks: BlockList, title: str | None, container: html.HtmlElement | None) -> list[Block]:
    """The short blocks a date of publication may stand in: around the headline and before the first paragraphs."""
    start = next(
        (n for n, block in enumerate(blocks) if title and block.text == title and block.tag in ("h1", "h2")), None
    )
    if start is None:
        start = next(
            (n for n, block in enumerate(blocks) if title and title in block.text and len(block.text) < 2 * len(title)),
            None,
        )
    begin, end = blocks.ranges.get(container, (0, 0)) if container is not None else (0, 0)
    inside = [n for n in range(begin, end) if blocks[n].is_prose]
    first = inside[0] if inside else (start or 0) + 12
    if start is None:
        start = max(0, first - 8)
    if first < start:
        first = start + 12
    window = [*blocks[start : min(first + 2, start + 30)], *reversed(blocks[max(0, start - 6) : start])]
    last = inside[-1] if inside else first
    window += _before_teasers(blocks[last + 1 : last + 9])
    # Some pages set the headline itself in the caption of the picture above the text.
    is_in_caption = start < len(blocks) and "caption" in blocks[start].regions
    elsewhere = {"nav", "aside", "comment"} if is_in_caption else {"nav", "aside", "comment", "caption"}
    return [block for block in window if not block.regions & elsewhere]


def _before_teasers(blocks: Sequence[Block]) -> Sequence[Block]:
    """The blocks up to the first linked heading: what follows that belongs to other articles."""
    end = next((n for n, block in enumerate(blocks) if block.tag in HEADINGS and block.link_share > _LINKED), None)
    return blocks[:end]
