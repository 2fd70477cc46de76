"""Reads an article from a text dump of its page."""

from __future__ import annotations

from coranto.records.sections import Content, Image
from coranto_extractor.content_builder import ContentBuilder, text_blocks
from coranto_extractor.fields.authorship.authors import find_authors_in_lines
from coranto_extractor.fields.authorship.dateline import find_dateline_agency
from coranto_extractor.fields.dating.page_clock import with_assumed_zone
from coranto_extractor.fields.evidence import Extracted, RejectionLog
from coranto_extractor.language.date_parsing import parse_date_text
from coranto_extractor.page.blocks import text_weight
from coranto_extractor.page.limits import PageLimits
from coranto_extractor.page.metadata import PageMetadata
from coranto_extractor.page.tree import UnreadableError
from coranto_extractor.page_request import PageRequest
from coranto_extractor.page_type.decision import MIN_TEXT_WEIGHT
from coranto_extractor.refusal import NotAnArticle
from coranto_extractor.text.plain_text import parse_plain_text

_MAX_DATE_LINE_CHARS = 160
_MAX_TITLE_SHOWN = 100


def read_plain_text(text: str, request: PageRequest, limits: PageLimits) -> Content | NotAnArticle:
    """The article in the dump, or why there is none. Raises UnreadableError when the dump has too many lines."""
    line_count = text.count("\n")
    if line_count > limits.max_nodes:
        raise UnreadableError("too_many_nodes", f"{line_count} lines, {limits.max_nodes} allowed")
    dump = parse_plain_text(text)
    weight = sum(map(text_weight, dump.paragraphs))
    if weight < MIN_TEXT_WEIGHT:
        return NotAnArticle("too_short", _what_is_there(text, weight, dump.title))
    rejections = RejectionLog()
    content = ContentBuilder(rejections, records_rejections=request.records_rejections)
    if dump.title:
        content.add("title", Extracted(dump.title, "line", 0.6))
    if dump.section:
        content.add("section", Extracted(dump.section, "line", 0.4))
    short_lines = [line for line in (*dump.between, *dump.around) if len(line) < _MAX_DATE_LINE_CHARS]
    published = next((date for line in short_lines if (date := parse_date_text(line, None))), None)
    if published:
        if published.at is None:
            published = with_assumed_zone(published, PageMetadata(url=request.url), None)
        content.add("published", Extracted(published, "visible-date", 0.6))
    content.add_byline(find_authors_in_lines(short_lines, rejections))
    if dump.caption or dump.credit:
        content.add("image", Extracted(Image(caption=dump.caption, credit=dump.credit), "caption", 0.6))
    content.add_dateline(find_dateline_agency(dump.paragraphs))
    content.add("paragraphs", Extracted(text_blocks(dump.paragraphs), "lines", 0.7))
    return content.build(dump.paragraphs)


def _what_is_there(text: str, weight: float, title: str | None) -> str:
    """What a dump without enough running text holds. Characters that became the title are not counted as text."""
    lines = [line for line in map(str.strip, text.splitlines()) if line]
    characters = sum(map(len, lines))
    found = f"{weight:.0f} characters of running text" if weight >= 1 else "no running text"
    seen = f"{found} in {len(lines)} line{'' if len(lines) == 1 else 's'} of {characters} characters"
    return f"{seen}; title “{title[:_MAX_TITLE_SHOWN]}”" if title else seen
