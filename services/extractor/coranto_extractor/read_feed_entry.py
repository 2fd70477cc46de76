"""Reads an article from its feed entry, for a page that hides the text."""

from __future__ import annotations

from datetime import timedelta

from coranto.records.sections import Content
from coranto_extractor.content_builder import ContentBuilder
from coranto_extractor.fields.authorship.dateline import find_dateline_agency
from coranto_extractor.fields.evidence import Extracted, RejectionLog
from coranto_extractor.language.date_parsing import make_moment
from coranto_extractor.page import tree
from coranto_extractor.page.blocks import split_blocks, text_weight
from coranto_extractor.page.limits import PageLimits
from coranto_extractor.page_request import PageRequest
from coranto_extractor.text.paragraphs import kept_paragraphs, lines_of

# A feed entry with less text (in Latin letters) is a summary.
_MIN_TEXT_WEIGHT = 400.0
_MAX_LINK_SHARE = 0.8
_NOT_TEXT = frozenset({"caption", "figure"})


def read_feed_entry(request: PageRequest, limits: PageLimits) -> Content | None:
    """The article as its feed gives it; None when the feed does not give the whole text."""
    hints = request.hints
    if hints is None or not hints.body_html:
        return None
    try:
        root = tree.parse(f"<body>{hints.body_html}</body>", limits)
    except tree.UnreadableError:
        return None
    blocks = [
        block for block in split_blocks(root) if block.link_share < _MAX_LINK_SHARE and not block.regions & _NOT_TEXT
    ]
    paragraphs = kept_paragraphs([block.text for block in blocks], blocks, hints.title)
    texts = lines_of(paragraphs)
    if sum(map(text_weight, texts)) < _MIN_TEXT_WEIGHT:
        return None
    content = ContentBuilder(RejectionLog(), records_rejections=False)
    if hints.title:
        content.add("title", Extracted(hints.title, "feed", 0.6))
    if hints.published:
        published = make_moment(hints.published, precision="second", offset=timedelta(0))
        content.add("published", Extracted(published, "feed", 0.6))
    content.add_dateline(find_dateline_agency(texts))
    content.add("paragraphs", Extracted(tuple(paragraph.to_record() for paragraph in paragraphs), "feed", 0.5))
    return content.build(texts)
