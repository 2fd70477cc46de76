"""Reads one page from its bytes to the record's content section, or says why it is no article.

Pure and synchronous: it runs inside a worker process, asks nobody, and gives the same answer for the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.metadata import version
from typing import Any

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto.records.sections import Block as TextBlock
from coranto.records.sections import Content, Hints, Image, Moment
from coranto_extractor.fields import authors, dates, details, images, sections_and_tags, titles
from coranto_extractor.fields.evidence import Extracted, RejectionLog
from coranto_extractor.fields.links import alternates, canonical_url, links_in, next_page_url
from coranto_extractor.fields.names import has_two_parts, strip
from coranto_extractor.language.date_parsing import parse_date_text
from coranto_extractor.language.text_comparison import alphanumeric_key, count_words, stems
from coranto_extractor.page import charset, embedded_json, tree
from coranto_extractor.page.blocks import HEADINGS, Block, split_blocks, text_weight
from coranto_extractor.page.metadata import PageMetadata, read_metadata
from coranto_extractor.page_type import NotAnArticle, PageSummary, classify_page
from coranto_extractor.text import lines, text_candidates
from coranto_extractor.text.paragraphs import Paragraph, paragraphs_of
from coranto_extractor.text.plain_text import parse_plain_text

EXTRACTOR_VERSION = version("coranto-extractor")

_MARKUP = re.compile(r"<(?:!doctype|html|head|body|div|p|article|script|meta|table|span|a)\b", re.IGNORECASE)
_TEXT_TYPES = (
    "text/html",
    "application/xhtml+xml",
    "text/plain",
    "application/xml",
    "text/xml",
    "application/octet-stream",
    "",
)
_MAX_BINARY_SHARE = 0.05
# Refusals that speak of what the page hides, not of what the article is.
_HELPED_BY_FEED = frozenset({"too_short", "paywall_stub", "consent_wall", "challenge_wall", "error_page", "empty_page"})
_MIN_FEED_TEXT = 400.0
_LINKED = 0.8
_BYLINE_REACH = 6
_MAX_DATE_LINE = 160
# So many closing paragraphs may introduce authors.
_BIO_REACH = 4
_BEFORE_BIO = 4
_BIO_LEAD = 40
_NO_BYLINE = frozenset({"nav", "aside", "comment", "caption", "author-box", "notice"})
_BINARY_BEGINNINGS = (
    b"%PDF-",
    b"\x89PNG",
    b"GIF8",
    b"\xff\xd8\xff",
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"\x7fELF",
    b"OggS",
    b"RIFF",
)
# A page that shows less than this many letters of text may keep the article in its scripts.
_SCRIPT_TEXT_BELOW = 250.0


@dataclass(frozen=True)
class Request:
    """What is known of a page besides its bytes."""

    url: str | None = None
    content_type: str | None = None
    charset: str | None = None
    hints: Hints | None = None
    fetched_at: datetime | None = None
    records_rejections: bool = False
    part_of: str | None = None
    """Address of the article's first page, when this is a further part: a part is no article and never refused as none."""


@dataclass
class _Fields:
    """The content section while it is put together."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, Any] = field(default_factory=dict)

    def take(self, name: str, found: Extracted[Any] | None) -> None:
        if found is not None:
            self.values[name] = found.value
            self.origins[name] = found.origin


def read(
    page: bytes, request: Request | None = None, *, limits: tree.TreeLimits | None = None
) -> Content | NotAnArticle:
    """What the page says, or why it is no article."""
    request = request or Request()
    limits = limits or tree.TreeLimits()
    if len(page) > limits.max_page_bytes:
        return NotAnArticle("page_too_large", f"{len(page)} bytes, {limits.max_page_bytes} allowed")
    content_type = (request.content_type or "").split(";")[0].strip().lower()
    if content_type not in _TEXT_TYPES:
        return NotAnArticle("not_text", f"media type {content_type}")
    if page.startswith(_BINARY_BEGINNINGS):
        return NotAnArticle("binary", f"begins with {page[:4]!r}")
    decoded = charset.decode(page, request.charset)
    strange = sum(decoded.text.count(char) for char in "\x00\x01\x02\x03\x04\x05\x06\x0e\x0f\ufffd")
    if strange > _MAX_BINARY_SHARE * max(1, len(decoded.text)):
        return NotAnArticle("binary", f"{strange} of {len(decoded.text)} characters are no text")
    if content_type == "text/plain" and not _MARKUP.search(decoded.text[:5000]):
        lines_given = decoded.text.count("\n")
        if lines_given > limits.max_nodes:
            return NotAnArticle("too_many_nodes", f"{lines_given} lines, {limits.max_nodes} allowed")
        return _read_plain(decoded.text, request)
    try:
        root = tree.parse(decoded.text, limits)
    except tree.UnreadableError as unreadable:
        return NotAnArticle(unreadable.reason, unreadable.evidence)
    result = _read_tree(root, request)
    if isinstance(result, NotAnArticle) and result.reason in _HELPED_BY_FEED:
        return _read_feed_entry(request, limits) or result
    return result


def _read_feed_entry(request: Request, limits: tree.TreeLimits) -> Content | None:
    """The article as its feed gave it, for a page that cannot be read; None when the feed gave no whole text."""
    hints = request.hints
    if hints is None or not hints.body_html:
        return None
    try:
        root = tree.parse(f"<body>{hints.body_html}</body>", limits)
    except tree.UnreadableError:
        return None
    blocks = [
        block
        for block in split_blocks(root)
        if block.link_share < _LINKED and not block.regions & {"caption", "figure"}
    ]
    paragraphs = _kept([block.text for block in blocks], blocks, hints.title)
    texts = [line for paragraph in paragraphs for line in paragraph.lines]
    if sum(map(text_weight, texts)) < _MIN_FEED_TEXT:
        return None
    fields = _Fields()
    if hints.title:
        fields.take("title", Extracted(hints.title, "feed", 0.6))
    if hints.published:
        fields.take(
            "published", Extracted(Moment(at=hints.published, precision="second", offset_minutes=0), "feed", 0.6)
        )
    fields.take("paragraphs", Extracted(_to_record(paragraphs), "feed", 0.5))
    return _content(fields, texts, RejectionLog(), request)


def _read_tree(root: html.HtmlElement, request: Request) -> Content | NotAnArticle:
    rejections = RejectionLog()
    tree.unfold_layout_tables(root)
    # lxml makes a Python object per look at an element unless one is alive: this list halves the time of all that follows.
    alive = list(root.iter())
    page = read_metadata(root, request.url)
    blocks = split_blocks(root)
    headline = titles.find_headline(page, blocks)
    title = headline.title if headline else None
    name = title.value if title else None
    heading = headline.heading if headline else None
    stated = page.article.get("articleBody")
    chosen = text_candidates.select(
        root, blocks, stems(name or ""), stated if isinstance(stated, str) else None, heading
    )
    if sum(map(text_weight, chosen.texts)) < _SCRIPT_TEXT_BELOW:
        in_scripts = embedded_json.find_text_in_scripts(page, root)
        if in_scripts:
            chosen = text_candidates.ChosenText(in_scripts, blocks, chosen.container, "script", 0.5)
    if request.part_of:
        chosen = _with_opening_heading(chosen, blocks, name)
    paragraphs = _kept(chosen.texts, chosen.blocks, heading)
    kept_texts = [line for paragraph in paragraphs for line in paragraph.lines]
    near = dates.near_headline(blocks, heading, chosen.container)
    language = details.find_language(page)
    code = language.value if language else None
    fields = _Fields()
    fields.take("title", title)
    fields.take("declared_language", language)
    published = dates.find_published(page, root, near, code, rejections, request.fetched_at)
    fields.take("published", published)
    fields.take(
        "modified",
        dates.find_modified(page, published.value if published else None, code, rejections, request.fetched_at),
    )
    signed = [*near, *_behind(blocks, kept_texts, near)]
    _take_byline(fields, authors.find_authors(page, root, signed, titles.site_names(page), rejections))
    paragraphs = _without_bios(paragraphs, [person.name for person in fields.values.get("authors", ())])
    kept_texts = [line for paragraph in paragraphs for line in paragraph.lines]
    fields.values["has_video"] = details.has_video(page, root, chosen.container)
    reading = PageSummary(
        page,
        blocks,
        kept_texts,
        name,
        published.source if published else None,
        bool(fields.values.get("authors")),
        fields.values["has_video"],
    )
    refusal = None if request.part_of else classify_page(reading) or _wordless(kept_texts)
    if refusal:
        fields.values["paragraphs"] = ()
        return replace(refusal, read=_content(fields, (), rejections, request))
    _take_rubrics(fields, page, root, near, name)
    _take_images(fields, page, chosen.container, name)
    fields.take("publisher", details.find_publisher(page))
    fields.take("lead", details.find_lead(page, kept_texts, name))
    fields.take("is_paywalled", details.find_paywall(page, [block.text for block in near[-10:]]))
    canonical = canonical_url(page)
    if canonical:
        fields.take("canonical_url", Extracted(canonical[0], canonical[1], 0.9))
    fields.take("paragraphs", Extracted(_to_record(paragraphs), chosen.source, chosen.confidence))
    del alive
    kept_set = set(kept_texts)
    members = [block for block in chosen.blocks if block.text in kept_set]
    return _content(
        fields,
        kept_texts,
        rejections,
        request,
        correction=details.find_correction(kept_texts, blocks),
        source_agency=details.find_dateline_agency(
            kept_texts, (*titles.site_names(page), *fields.values.get("agencies", ()))
        ),
        alternates=alternates(page),
        links=links_in(page, members),
        next_page_url=next_page_url(page, request.part_of),
    )


def _with_opening_heading(
    chosen: text_candidates.ChosenText, blocks: Sequence[Block], title: str | None
) -> text_candidates.ChosenText:
    """The text of a further part with the heading that opens it; on a first page such a line is a label."""
    place = next((n for n, block in enumerate(blocks) if chosen.texts and block.text == chosen.texts[0]), 0)
    above = blocks[place - 1] if place else None
    if above is None or above.tag not in HEADINGS or above.tag == "h1" or above.text == title:
        return chosen
    return replace(chosen, texts=[above.text, *chosen.texts], blocks=(above, *chosen.blocks))


def _content(fields: _Fields, texts: Sequence[str], rejections: RejectionLog, request: Request, **more: Any) -> Content:
    if "correction" not in more:
        more["correction"] = details.find_correction(texts)
    if "source_agency" not in more:
        more["source_agency"] = details.find_dateline_agency(texts)
    return Content(
        **fields.values,
        **more,
        word_count=count_words(texts),
        origins=fields.origins,
        notes=tuple(rejections.notes) if request.records_rejections else (),
        extractor_version=EXTRACTOR_VERSION,
    )


def _behind(blocks: Sequence[Block], texts: Sequence[str], near: Sequence[Block]) -> list[Block]:
    """The blocks about the text's end but those in `near`: bylines stand there as well as under the headline."""
    # A footer may be taken for the last line of the text, so the search begins one line earlier.
    closing = set(texts[-2:])
    place = next((n for n, block in enumerate(blocks) if block.text in closing), len(blocks))
    known = {block.place for block in near}
    below = blocks[place + 1 : place + 1 + _BYLINE_REACH]
    return [
        block
        for block in below
        if block.place not in known and block.text not in closing and not block.regions & _NO_BYLINE
    ]


def _take_byline(fields: _Fields, byline: Extracted[authors.Byline] | None) -> None:
    if byline is None:
        return
    if byline.value.persons:
        fields.take("authors", Extracted(byline.value.persons, byline.source, byline.confidence))
    if byline.value.agencies:
        fields.take("agencies", Extracted(byline.value.agencies, byline.source, byline.confidence))


def _take_rubrics(
    fields: _Fields, page: PageMetadata, root: html.HtmlElement, near: Sequence[Block], title: str | None
) -> None:
    breadcrumbs = sections_and_tags.find_breadcrumbs(page, root, title)
    fields.take("breadcrumbs", breadcrumbs)
    section = sections_and_tags.find_section(page, root, near, breadcrumbs.value if breadcrumbs else ())
    fields.take("section", section)
    fields.take("tags", sections_and_tags.find_tags(page, root, title))


def _take_images(fields: _Fields, page: PageMetadata, container: html.HtmlElement | None, title: str | None) -> None:
    lead, rest = images.find_images(page, container, title)
    fields.take("image", lead)
    fields.values["images"] = rest


def _wordless(texts: Sequence[str]) -> NotAnArticle | None:
    text = " ".join(texts)
    letters = sum(map(str.isalpha, text))
    if text and letters < 0.3 * len(text):
        return NotAnArticle("no_language", f"{letters} letters in {len(text)} characters")
    return None


def _kept(texts: Sequence[str], blocks: Sequence[Block], headline: str | None) -> list[Paragraph]:
    """The paragraphs of the text without the lines that are no part of it."""
    whole = paragraphs_of(texts, blocks)
    stays = lines.kept([paragraph.text for paragraph in whole], headline)
    return [paragraph for paragraph, stay in zip(whole, stays, strict=True) if stay]


def _without_bios(paragraphs: list[Paragraph], authors: Iterable[str]) -> list[Paragraph]:
    """The paragraphs without those that name the authors above the text, or say below it who they are, and what follows these."""
    names = [name for name in authors if has_two_parts(name)]
    # A line at the opening that only names the author is the byline.
    signed = {alphanumeric_key(name) for name in names}
    first = next(
        (n for n, paragraph in enumerate(paragraphs) if alphanumeric_key(strip(paragraph.text)) not in signed), 0
    )
    paragraphs = paragraphs[first:]
    bios = [n for n, paragraph in enumerate(paragraphs) if lines.introduces(paragraph.text, names)]
    if len(bios) == 1 and bios[0] >= _BEFORE_BIO:
        said, after = (
            sum(text_weight(paragraph.text) for paragraph in part)
            for part in (paragraphs[: bios[0]], paragraphs[bios[0] + 1 :])
        )
        if after < said:
            return paragraphs[: bios[0]]
    reach = max(_BEFORE_BIO, len(paragraphs) - _BIO_REACH)
    return [
        paragraph
        for n, paragraph in enumerate(paragraphs)
        if n < reach or not (n in bios or lines.introduces(paragraph.text, names, _BIO_LEAD))
    ]


def _to_record(paragraphs: Iterable[Paragraph]) -> tuple[TextBlock, ...]:
    return tuple(paragraph.to_record() for paragraph in paragraphs)


def _read_plain(text: str, request: Request) -> Content | NotAnArticle:
    dump = parse_plain_text(text)
    total = sum(text_weight(paragraph) for paragraph in dump.paragraphs)
    if total < 90:
        return NotAnArticle("too_short", f"{total:.0f} characters of text")
    fields = _Fields()
    if dump.title:
        fields.take("title", Extracted(dump.title, "line", 0.6))
    if dump.section:
        fields.take("section", Extracted(dump.section, "line", 0.4))
    short = [line for line in (*dump.before, *dump.around) if len(line) < _MAX_DATE_LINE]
    published = next((moment for line in short if (moment := parse_date_text(line, None))), None)
    if published:
        fields.take("published", Extracted(published, "visible-date", 0.6))
    rejections = RejectionLog()
    _take_byline(fields, authors.authors_in_lines(short, rejections))
    if dump.caption or dump.credit:
        fields.take("image", Extracted(Image(caption=dump.caption, credit=dump.credit), "caption", 0.6))
    fields.take(
        "paragraphs", Extracted(tuple(TextBlock(text=paragraph) for paragraph in dump.paragraphs), "lines", 0.7)
    )
    return _content(fields, dump.paragraphs, rejections, request)
