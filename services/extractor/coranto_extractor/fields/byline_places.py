"""Tells where on a page a name stands: between headline and text, or in a teaser of another article."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto_extractor.fields.byline_lines import names_in_byline
from coranto_extractor.fields.page_reading import PageReading
from coranto_extractor.page.blocks import Block

# Between the headline and the text are so many blocks at most; more of them are a menu or a list.
_MAX_BLOCKS_ABOVE_TEXT = 20
# The headline of another article has at least so many words.
_MIN_HEADLINE_WORDS = 4
_LONG_WORD = 4
# A teaser has so few blocks, and stands in so many elements inside each other.
_MAX_TEASER_BLOCKS = 4
_TEASER_LEVELS = 3


def between_headline_and_text(reading: PageReading) -> Sequence[Block]:
    """The blocks below the headline and above the first paragraph of the text."""
    headline, first = _index_of_headline(reading), _index_of_text(reading)
    if headline is None or first is None or not headline < first <= headline + _MAX_BLOCKS_ABOVE_TEXT:
        return ()
    return reading.blocks[headline + 1 : first]


def is_in_teaser(reading: PageReading, element: html.HtmlElement) -> bool:
    """True for an element below the article, in a small box with the linked headline of another one."""
    ranges = reading.blocks.ranges
    box = next((one for one in (element, *element.iterancestors()) if one in ranges), None)
    if box is None or not _is_below_text(reading, ranges[box][0]):
        return False
    for ancestor in islice((box, *box.iterancestors()), _TEASER_LEVELS):
        begin, end = ranges.get(ancestor, (0, 0))
        if end - begin > _MAX_TEASER_BLOCKS:
            return False
        if any(_is_linked_headline(block) for block in reading.blocks[begin:end]):
            return True
    return False


def _is_below_text(reading: PageReading, index: int) -> bool:
    last = next((text for text in reversed(reading.texts) if len(text.split()) > _MIN_HEADLINE_WORDS), None)
    end = next((block.index for block in reversed(reading.blocks) if block.text == last), None)
    return end is not None and index > end


def _is_linked_headline(block: Block) -> bool:
    return not block.is_prose and any(
        _reads_like_headline(text) and not names_in_byline(text) for _, text in block.links
    )


def _reads_like_headline(text: str) -> bool:
    words = text.split()
    # “Jane Doe and Max Roe” has no long word in lower case.
    return len(words) >= _MIN_HEADLINE_WORDS and any(len(word) >= _LONG_WORD and word.islower() for word in words)


def _index_of_headline(reading: PageReading) -> int | None:
    heading = reading.headline.heading if reading.headline else None
    return next((block.index for block in reading.blocks if block.text == heading), None)


def _index_of_text(reading: PageReading) -> int | None:
    first = next((text for text in reading.texts if len(text.split()) > _MIN_HEADLINE_WORDS), None)
    headline = _index_of_headline(reading) or 0
    return next((block.index for block in reading.blocks[headline:] if block.text == first), None)
