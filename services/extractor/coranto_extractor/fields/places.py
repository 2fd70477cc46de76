"""Tells where on a page a name stands: between headline and text, or in a teaser of another article."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto_extractor.fields.authorship.byline_lines import names_in_byline
from coranto_extractor.fields.page_reading import PageReading
from coranto_extractor.page.blocks import Block, word_count
from coranto_extractor.page.surroundings import before_teasers

# Between the headline and the text are so many blocks at most; more of them are a menu or a list.
_MAX_BLOCKS_ABOVE_TEXT = 20
_BLOCKS_BELOW_TEXT = 3
# The headline of another article has at least so many words.
_MIN_HEADLINE_WORDS = 4
_LONG_WORD = 4
# In scripts without capitals, so many words are no names of two people.
_MIN_CASELESS_WORDS = 7
# A teaser has so few blocks, and stands in so many elements inside each other.
_MAX_TEASER_BLOCKS = 4
_TEASER_LEVELS = 3
_CLASS_OF_OTHER_CONTENT = re.compile(r"comment|related|sidebar|recommend|teaser|popular|latest", re.IGNORECASE)
_ANCESTOR_LEVELS = 5


class Places:
    """Where the article stands among the blocks of its page."""

    def __init__(self, reading: PageReading) -> None:
        self._blocks = reading.blocks
        heading = reading.headline.heading if reading.headline else None
        lines = [text for text in reading.texts if word_count(text) > _MIN_HEADLINE_WORDS]
        first, last = (lines[0], lines[-1]) if lines else (None, None)
        headline = next((block.index for block in self._blocks if block.text == heading), None)
        begin = next((block.index for block in self._blocks[headline or 0 :] if block.text == first), None)
        if headline is not None and begin is not None:
            begin = self._below_standfirst(headline, begin, lines[1:2])
        self._begin = begin
        self._end = next((block.index for block in reversed(self._blocks) if block.text == last), None)
        self.between_headline_and_text: Sequence[Block] = ()
        if headline is not None and begin is not None and headline < begin <= headline + _MAX_BLOCKS_ABOVE_TEXT:
            between = self._blocks[headline + 1 : begin]
            self.between_headline_and_text = [block for block in between if block.text != first]
        """The blocks below the headline and above the first paragraph of the text."""

    def _below_standfirst(self, headline: int, begin: int, second: Sequence[str]) -> int:
        """Where the text goes on below its first line, if that is right below the headline and the byline is in between."""
        limit = headline + _MAX_BLOCKS_ABOVE_TEXT
        following = next((block.index for block in self._blocks[begin + 1 : limit] if block.text in second), begin)
        return following if begin == headline + 1 else begin

    @property
    def first_below_text(self) -> Sequence[Block]:
        """The blocks that follow the last line of the text, up to the teasers of other articles."""
        if self._end is None:
            return []
        return before_teasers(self._blocks, self._end + 1, _BLOCKS_BELOW_TEXT)

    def _block_range(self, element: html.HtmlElement) -> tuple[int, int] | None:
        """The blocks of the smallest block-level element that the element is or is in; None where that has none."""
        ranges = self._blocks.ranges
        box = next((one for one in (element, *element.iterancestors()) if one in ranges), None)
        return ranges[box] if box is not None else None

    def is_above_text(self, element: html.HtmlElement) -> bool:
        """True for an element above the first line of the text."""
        where = self._block_range(element)
        return where is not None and self._begin is not None and where[1] <= self._begin

    def above_text_or_all(self, elements: Sequence[html.HtmlElement]) -> Sequence[html.HtmlElement]:
        """Those of the elements that are above the text, where there are any: those further down are of other articles."""
        return [element for element in elements if self.is_above_text(element)] or elements

    def is_below_text(self, element: html.HtmlElement) -> bool:
        """True for an element below the last line of the text."""
        where = self._block_range(element)
        return where is not None and self._end is not None and where[0] > self._end

    def is_in_teaser(self, element: html.HtmlElement) -> bool:
        """True for an element below the article, in a small box with the linked headline of another one."""
        ranges = self._blocks.ranges
        box = next((one for one in (element, *element.iterancestors()) if one in ranges), None)
        if box is None or not self.is_below_text(element):
            return False
        for ancestor in islice((box, *box.iterancestors()), _TEASER_LEVELS):
            begin, end = ranges.get(ancestor, (0, 0))
            if end - begin > _MAX_TEASER_BLOCKS:
                return False
            if any(_is_linked_headline(block) for block in self._blocks[begin:end]):
                return True
        return False


def _is_linked_headline(block: Block) -> bool:
    return not block.is_prose and any(
        _reads_like_headline(text) and not names_in_byline(text) for _, text in block.links
    )


def _reads_like_headline(text: str) -> bool:
    if text.lower() == text.upper():
        return word_count(text) >= _MIN_CASELESS_WORDS
    words = text.split()
    # “Jane Doe and Max Roe” has no long word in lower case.
    return len(words) >= _MIN_HEADLINE_WORDS and any(len(word) >= _LONG_WORD and word.islower() for word in words)


def is_in_other_content(element: html.HtmlElement) -> bool:
    """True inside menus, figures, comments and teasers, which name other people."""
    for level, ancestor in enumerate(element.iterancestors()):
        if ancestor.tag in ("aside", "nav", "footer", "figure", "figcaption", "body"):
            return bool(ancestor.tag != "body")
        names = f"{ancestor.get('class') or ''} {ancestor.get('id') or ''}"
        if level < _ANCESTOR_LEVELS and _CLASS_OF_OTHER_CONTENT.search(names):
            return True
    return False
