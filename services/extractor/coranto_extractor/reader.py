"""Reads one page: from its bytes to the record's content section, or to the reason why it is not an article.

Only the order of the work is here. It is pure and synchronous: it runs in a worker process, uses neither network nor clock,
and gives the same result for the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto.records.sections import Content, Doubt
from coranto_extractor.content_builder import ContentBuilder
from coranto_extractor.fields.authorship.author_bios import article_indexes
from coranto_extractor.fields.authorship.authors import Byline, find_authors
from coranto_extractor.fields.authorship.dateline import find_dateline_agency
from coranto_extractor.fields.corrections import find_correction
from coranto_extractor.fields.dating.dates import find_modified, find_published
from coranto_extractor.fields.declared_language import find_declared_language
from coranto_extractor.fields.evidence import Extracted, RejectionLog
from coranto_extractor.fields.images import find_images
from coranto_extractor.fields.lead import find_lead
from coranto_extractor.fields.links import find_alternates, find_canonical_url, find_links, find_next_page_url
from coranto_extractor.fields.page_reading import PageReading
from coranto_extractor.fields.paywall import find_paywall
from coranto_extractor.fields.publisher import find_publisher
from coranto_extractor.fields.sections import find_breadcrumbs, find_section
from coranto_extractor.fields.tags import find_tags
from coranto_extractor.fields.titles import Headline, find_headline, site_names
from coranto_extractor.fields.video import has_video
from coranto_extractor.language.text_comparison import overlap, stems
from coranto_extractor.page import tree
from coranto_extractor.page.blocks import BlockList, split_blocks, text_weight
from coranto_extractor.page.embedded_json import find_text_in_scripts
from coranto_extractor.page.limits import PageLimits
from coranto_extractor.page.metadata import PageMetadata, read_metadata
from coranto_extractor.page.source_text import get_text, is_plain_text
from coranto_extractor.page.surroundings import around_headline, below_text
from coranto_extractor.page_request import PageRequest
from coranto_extractor.page_type.decision import MIN_TEXT_WEIGHT, classify_page
from coranto_extractor.page_type.summary import PageSummary
from coranto_extractor.read_feed_entry import read_feed_entry
from coranto_extractor.read_plain_text import read_plain_text
from coranto_extractor.refusal import NotAnArticle
from coranto_extractor.text import text_candidates
from coranto_extractor.text.paragraphs import kept_paragraphs, lines_of, with_standfirst
from coranto_extractor.text.text_candidates import ChosenText

# Reasons that may be about what the page hides; of one that hides all, only links to others are left. If the feed has the text,
# the article is not lost.
_FEED_CAN_HELP = frozenset(
    {"too_short", "index_page", "paywall_stub", "consent_wall", "challenge_wall", "error_page", "empty_page"}
)
# A page that shows less text than this, in Latin letters, may have the article in its scripts.
_MIN_SHOWN_TEXT_WEIGHT = 250.0
# A text that does not take up the headline and is shorter than this may be a consent notice or the like.
_MAX_NOTICE_WEIGHT = 1500.0
_CONFIDENCE_IN_LAST_RESORT = 0.3


Observe = Callable[[PageSummary], None]


def read(
    page: bytes,
    request: PageRequest | None = None,
    *,
    limits: PageLimits | None = None,
    observe: Observe | None = None,
) -> Content | NotAnArticle:
    """What the page says, or why it is not an article.

    `observe` gets what it is judged by whether the page is one; the training of the model takes its measurements there.
    """
    request = request or PageRequest()
    limits = limits or PageLimits()
    try:
        text = get_text(page, request.media_type, request.charset, limits)
        if is_plain_text(text, request.media_type):
            return read_plain_text(text, request, limits)
        root = tree.parse(text, limits)
    except tree.UnreadableError as error:
        return NotAnArticle(error.reason, error.evidence)
    result = _read_html(root, request, observe)
    if isinstance(result, NotAnArticle) and result.reason in _FEED_CAN_HELP:
        return read_feed_entry(request, limits) or result
    return result


def _read_html(root: html.HtmlElement, request: PageRequest, observe: Observe | None) -> Content | NotAnArticle:
    tree.unfold_layout_tables(root)
    # lxml creates a Python object each time an element is looked at, unless one is alive. This list halves the time per page.
    alive = list(root.iter())
    metadata = read_metadata(root, request.url)

    # The headline, and the text that fits it.
    blocks, headline, chosen = _find_text(root, metadata, is_further_page=request.is_further_page)
    heading = headline.heading if headline else None
    paragraphs = kept_paragraphs(chosen.texts, chosen.blocks, heading)

    # All that the finders need to know.
    texts = lines_of(paragraphs)
    near_headline = around_headline(blocks, heading, chosen.container)
    language = find_declared_language(metadata)
    reading = PageReading(
        root=root,
        metadata=metadata,
        blocks=blocks,
        headline=headline,
        container=chosen.container,
        text_blocks=chosen.blocks,
        texts=texts,
        near_headline=near_headline,
        below_text=below_text(blocks, texts, near_headline),
        language=language.value if language else None,
        fetched_at=request.fetched_at,
        rejections=RejectionLog(),
    )

    # Dates and authors; and the text without the paragraphs that only introduce the authors.
    published = find_published(reading)
    modified = find_modified(reading, published.value if published else None)
    byline = find_authors(reading)
    authors = [person.name for person in byline.value.persons] if byline else []
    paragraphs = [paragraphs[n] for n in article_indexes([paragraph.text for paragraph in paragraphs], authors)]
    reading = replace(reading, texts=lines_of(paragraphs))

    content = ContentBuilder(reading.rejections, records_rejections=request.records_rejections)
    content.add("title", headline.title if headline else None)
    content.add("declared_language", language)
    content.add("published", published)
    content.add("modified", modified)
    content.add_byline(byline)

    # Is it an article at all? A further page belongs to one, whatever it looks like.
    shows_video = has_video(reading)
    doubt: Doubt | None = None
    if not request.is_further_page:
        summary = PageSummary(
            reading,
            date_source=published.source if published else None,
            has_author=bool(authors),
            has_video=shows_video,
            is_last_resort=chosen.is_last_resort,
        )
        if observe:
            observe(summary)
        verdict = classify_page(summary)
        if isinstance(verdict, Doubt) and verdict.probability >= request.refuse_from:
            verdict = NotAnArticle(verdict.reason, verdict.evidence)
        if isinstance(verdict, NotAnArticle):
            return replace(verdict, read=content.build((), has_video=shows_video))
        doubt = verdict

    # The other fields.
    breadcrumbs = find_breadcrumbs(reading)
    lead_image, images = find_images(reading)
    content.add("breadcrumbs", breadcrumbs)
    content.add("section", find_section(reading, breadcrumbs.value if breadcrumbs else ()))
    content.add("tags", find_tags(reading, authors))
    content.add("image", lead_image)
    content.add("publisher", find_publisher(metadata))
    lead = find_lead(reading)
    content.add("lead", lead.text if lead else None)
    content.add("is_paywalled", find_paywall(reading))
    content.add("canonical_url", find_canonical_url(metadata))
    recorded = tuple(paragraph.to_record() for paragraph in with_standfirst(paragraphs, lead.line if lead else None))
    content.add("paragraphs", Extracted(recorded, chosen.source, chosen.confidence))
    named = byline.value if byline else Byline((), ())
    organisations = (*site_names(metadata), *named.agencies, *named.signed_by)
    content.add_dateline(find_dateline_agency(reading.texts, organisations))
    del alive
    return content.build(
        reading.texts,
        has_video=shows_video,
        doubt=doubt,
        images=images,
        correction=find_correction(reading.texts, blocks),
        alternates=find_alternates(metadata),
        links=find_links(reading),
        next_page_url=find_next_page_url(metadata, request.first_page_url),
    )


def _find_text(
    root: html.HtmlElement, metadata: PageMetadata, *, is_further_page: bool
) -> tuple[BlockList, Headline | None, ChosenText]:
    """The blocks of the page, its headline and its text: read as the markup says, or without trusting it if that gives none."""
    blocks = split_blocks(root)
    headline = find_headline(metadata, blocks)
    chosen = _choose_text(root, metadata, blocks, headline, is_further_page=is_further_page)
    if headline is None or not _may_lack_text(chosen, headline):
        return blocks, headline, chosen
    all_blocks = split_blocks(root, trusts_markup=False)
    other_headline = find_headline(metadata, all_blocks)
    other = _choose_text(root, metadata, all_blocks, other_headline, is_further_page=is_further_page)
    is_better = _fits(other, headline) and _weight(other) > _weight(chosen)
    if is_better:
        return all_blocks, other_headline, other
    if _weight(chosen) < MIN_TEXT_WEIGHT:
        lines = text_candidates.trafilatura_candidate(root, is_last_resort=True)
        recalled = ChosenText(lines, all_blocks, None, "trafilatura", _CONFIDENCE_IN_LAST_RESORT, is_last_resort=True)
        if not _may_lack_text(recalled, headline) and _fits(recalled, headline):
            return all_blocks, headline, recalled
    return blocks, headline, chosen


def _may_lack_text(chosen: ChosenText, headline: Headline) -> bool:
    """True for hardly any text, and for a short one that takes up nothing of the headline: it may be a notice."""
    weight = _weight(chosen)
    if weight < _MIN_SHOWN_TEXT_WEIGHT or weight > _MAX_NOTICE_WEIGHT:
        return weight < _MIN_SHOWN_TEXT_WEIGHT
    return not _fits(chosen, headline)


def _fits(chosen: ChosenText, headline: Headline) -> bool:
    return overlap(" ".join(chosen.texts), stems(headline.title.value)) >= text_candidates.MIN_TOPIC_OVERLAP


def _weight(chosen: ChosenText) -> float:
    return sum(map(text_weight, chosen.texts))


def _choose_text(
    root: html.HtmlElement,
    metadata: PageMetadata,
    blocks: BlockList,
    headline: Headline | None,
    *,
    is_further_page: bool,
) -> ChosenText:
    """The text that fits the headline: from the page as it is shown, or from its scripts when it shows hardly any."""
    title = headline.title.value if headline else None
    heading = headline.heading if headline else None
    stated = metadata.article.get("articleBody")
    stated_text = stated if isinstance(stated, str) else None
    chosen = text_candidates.select(root, blocks, stems(title or ""), stated_text, heading)
    if _weight(chosen) < _MIN_SHOWN_TEXT_WEIGHT:
        in_scripts = find_text_in_scripts(metadata, root)
        if in_scripts:
            chosen = ChosenText(in_scripts, blocks, chosen.container, "script", 0.5)
    return text_candidates.with_opening_heading(chosen, blocks, title) if is_further_page else chosen
