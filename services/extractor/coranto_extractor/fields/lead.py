"""Finds the lead: the standfirst that the page shows, or else the summary that it states.

Where the standfirst is a part of the text, it stays there, so that the text is whole; its block has the kind `standfirst`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from coranto_extractor.fields.evidence import Extracted
from coranto_extractor.fields.page_reading import PageReading
from coranto_extractor.fields.titles import site_names
from coranto_extractor.language.scripts import UNSPACED_CHARACTER
from coranto_extractor.language.sentences import STOPS
from coranto_extractor.language.text_comparison import alphanumeric_key, stems
from coranto_extractor.page.blocks import Block, text_weight
from coranto_extractor.page.metadata import PageMetadata, strings, types_of
from coranto_extractor.page.standfirst import is_marked_as_standfirst

_MIN_LEAD_CHARS = 20
# In Latin letters. A longer block is the text, whatever its markup says.
_MAX_STANDFIRST_WEIGHT = 600.0
_MAX_SHARE_OF_TEXT = 0.5
# A standfirst is one of the first lines of the text; a headline that is repeated, or a date, may stand above it.
_LINES_WITH_STANDFIRST = 3
# A description that agrees with the first lines of the text in this many letters is the beginning of the text.
_OPENING_LINES = 4
_COMPARED_LETTERS = 80
_ELLIPSIS_AT_END = re.compile(r"(?:\.\.\.|…|\[…\]|\[&hellip;\])\s*$")
_MAX_LINK_SHARE = 0.3
# What stands between the headline and the summary where a description begins with both.
_AFTER_HEADLINE = re.compile(r"\s+[-–—―|·•»]+\s+|\s*(?:-{2,}|[|»:]+|[.。](?=\s))\s*|,(?=\S)|$")
# Some descriptions say it twice; each time costs a copy of what is left, which may be megabytes long.
_MAX_REPETITIONS = 5
_SEPARATORS = " |–—-•·»"
_SENTENCE_END = tuple(STOPS)
# A description of which the article has fewer words than this may be of the site.
_MIN_TOPIC_OVERLAP = 0.5
_MIN_SITE_NAME_LETTERS = 4
_SITE_TYPES = frozenset({"WebSite", "Organization", "NewsMediaOrganization", "Blog"})


class Lead(NamedTuple):
    """The lead, and where it stands in the text."""

    text: Extracted[str]
    line: int | None = None
    """Number of the text's line that it is; None when it is no part of the text."""


def find_lead(reading: PageReading) -> Lead | None:
    """The lead; None when the page has none, or only repeats the title or the beginning of the text."""
    descriptions = list(_descriptions(reading.metadata))
    return _in_text(reading, descriptions) or _above_text(reading) or _stated(reading, descriptions)


def _in_text(reading: PageReading, descriptions: Sequence[tuple[str, str]]) -> Lead | None:
    """One of the first lines, which the markup or the page's description says is the standfirst."""
    stated = {alphanumeric_key(text) for text, _ in descriptions}
    for number, line in enumerate(reading.texts[:_LINES_WITH_STANDFIRST]):
        if not _may_be_standfirst(line, reading):
            continue
        block = next((block for block in reading.text_blocks if block.text == line), None)
        if block is not None and is_marked_as_standfirst(block):
            return Lead(Extracted(line, "standfirst", 0.9), number)
        # The whole of it: a description that is cut off is only the beginning of the text.
        if alphanumeric_key(line) in stated and number + 1 < len(reading.texts):
            return Lead(Extracted(line, "standfirst", 0.8), number)
    return None


def _above_text(reading: PageReading) -> Lead | None:
    """A block near the headline that is marked as the standfirst and is no part of the text."""
    lines = set(reading.texts)
    for block in reading.near_headline:
        if (
            block.text not in lines
            and block.link_share <= _MAX_LINK_SHARE
            and is_marked_as_standfirst(block)
            and _is_below_headline(block, reading)
            and _may_be_standfirst(block.text, reading)
        ):
            return Lead(Extracted(block.text, "standfirst", 0.8))
    return None


def _is_below_headline(block: Block, reading: PageReading) -> bool:
    return block.index > reading.blocks.headline_index


def _may_be_standfirst(text: str, reading: PageReading) -> bool:
    weight = text_weight(text)
    return (
        len(text) >= _MIN_LEAD_CHARS
        and weight <= _MAX_STANDFIRST_WEIGHT
        and weight <= _MAX_SHARE_OF_TEXT * sum(map(text_weight, reading.texts))
        and alphanumeric_key(text) != alphanumeric_key(reading.title or "")
    )


def _stated(reading: PageReading, descriptions: Sequence[tuple[str, str]]) -> Lead | None:
    """The summary that the page states; None when it is the headline or the beginning of the text."""
    opening = alphanumeric_key(" ".join(reading.texts[:_OPENING_LINES]))
    for description, source in descriptions:
        text = _without_headline(description, reading.title or "")
        key = alphanumeric_key(_ELLIPSIS_AT_END.sub("", text))
        if len(text) < _MIN_LEAD_CHARS and len(description) < _MIN_LEAD_CHARS:
            continue
        if len(text) < _MIN_LEAD_CHARS or not key or key[:_COMPARED_LETTERS] in opening:
            return None
        if key == alphanumeric_key(reading.metadata.page_title or ""):
            return None
        if not _describes_site(text, reading):
            return Lead(Extracted(text, source, 0.7))
    return None


def _without_headline(description: str, title: str) -> str:
    """The description without the headline that it begins with, unless the headline goes on as its first sentence."""
    for _ in range(_MAX_REPETITIONS):
        if not title or description[: len(title)].casefold() != title.casefold():
            break
        rest = description[len(title) :]
        mark = _AFTER_HEADLINE.match(rest)
        is_whole = title.endswith(_SENTENCE_END) or UNSPACED_CHARACTER.search(title) is not None
        if mark is None and not rest[0].isupper() and not (is_whole and rest[0].isspace()):
            return description
        description = rest[mark.end() if mark else 0 :].strip()
    return description.rstrip(_SEPARATORS)


def _describes_site(description: str, reading: PageReading) -> bool:
    """True for a site's motto or a line for search engines, of whose words the article has hardly any.

    The one names the site or stands above the headline; the other lists the headline among words that are on every page.
    """
    key, page = alphanumeric_key(description), reading.metadata
    listed = (
        re.search(rf"[,|–—-]\s+{re.escape(reading.title or '')}", description, re.IGNORECASE) if reading.title else None
    )
    if listed:
        description = description[: listed.start()] + description[listed.end() :]
    elif not (
        any(len(name) >= _MIN_SITE_NAME_LETTERS and name in key for name in map(alphanumeric_key, site_names(page)))
        or any(key == alphanumeric_key(text) for text in _site_descriptions(page))
        or any(key == alphanumeric_key(block.text) for block in reading.blocks[: reading.blocks.headline_index])
    ):
        return False
    topic = stems(description)
    return len(topic & reading.article_stems) < _MIN_TOPIC_OVERLAP * len(topic)


def _site_descriptions(page: PageMetadata) -> Iterator[str]:
    """What the page states of the site it belongs to."""
    for node in page.nodes:
        if types_of(node) & _SITE_TYPES:
            yield from strings(node.get("description"))


def _descriptions(page: PageMetadata) -> Iterator[tuple[str, str]]:
    """What the page states as its description, most reliable first."""
    for text, source in (
        (next(iter(strings(page.article.get("description"))), None), "json-ld"),
        (page.first("og:description"), "opengraph"),
        (page.first("description", "twitter:description", "dc.description"), "meta"),
    ):
        if text:
            yield text, source
