"""Splits the tree into blocks of text in reading order.

One pass gives all other modules the same view of the page: what stands where, how much of it is linked, and which regions
of the page (navigation, asides, captions, comments) it is in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto_extractor.language import phrase_lists
from coranto_extractor.language.scripts import CAPITALS, UNCASED, UNSPACED_CHARACTER
from coranto_extractor.language.sentences import SENTENCE_END, STOPS
from coranto_extractor.page.regions import (
    INLINE_CAPTION_TAGS,
    MISPLACED_REGIONS,
    NO_REGIONS,
    holds_rest_of_text,
    is_hidden,
    regions_of,
    wraps_page,
)

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_CLAUSE_END = re.compile("[,;:，、；،؛՝፣၊]")
# A Chinese or Thai character carries as much as two to three Latin letters.
_UNSPACED_CHARACTER_WEIGHT = 2.5
_UNSPACED_CHARACTERS_OF_WORD = 2
# Prose is at least this heavy; above the second weight it is prose even without a sentence or clause in it.
_MIN_PROSE_WEIGHT = 60
_SURE_PROSE_WEIGHT = 150
_MAX_PROSE_LINK_SHARE = 0.5
# Headings are lighter than this.
_MAX_HEADING_WEIGHT = 200
# A link that begins with less text than this, and is not broken into lines, is a label.
_MAX_LINK_LABEL_CHARS = 300
# A linked teaser weighs up to some 600; a link above this weight wraps the page's own text.
_MAX_LINKED_WEIGHT = 900
# A single line break ends a block only after a sentence of at least this length; two line breaks always do.
_MIN_LINE_CHARS = 80
# Elements that touch are told apart in texts up to this length.
_MAX_APART_CHARS = 200
_MIN_PIECES = 2
# White space that no page has.
_LINE_BREAK = "\v"
_BOLD_TAGS = frozenset({"b", "strong"})
# Elements that set a line, and those that old pages put bare lines in.
_STYLES = frozenset({"b", "strong", "font", "big", "i", "em", "span", "small"})
_BOXES_OF_LINES = frozenset({"div", "td", "body", "center"})
_ENDS_WITH_WORD = re.compile(r"\w\w$")
_BEGINS_WITH_CAPITAL_OR_DIGIT = re.compile(rf"[{CAPITALS}{UNCASED}\d]")
_LINE_ENDINGS = f'{STOPS}»”"'


@dataclass(slots=True)
class Block:
    """A run of text that a browser would set apart, and where it stands."""

    text: str
    element: html.HtmlElement
    tag: str
    link_chars: int
    weight: float
    """Length in Latin letters; see `text_weight`."""
    regions: frozenset[str]
    links: list[tuple[str, str]] = field(default_factory=list)
    """The URL and the text of each link that ends in this block."""
    index: int = 0
    """Position among the page's blocks."""
    pieces: Sequence[str] = ()
    """The text nodes, as they are."""
    bold_chars: int = 0
    link_share: float = field(init=False)
    """The share of the characters that are linked."""
    is_prose: bool = field(init=False)
    """True for text that reads like a paragraph: long enough, mostly not linked, with a sentence in it."""

    @property
    def is_bold(self) -> bool:
        """True for a line that is set in bold from end to end."""
        return self.bold_chars > 0 and self.bold_chars >= len(self.text) - self.text.count(" ")

    @property
    def text_apart(self) -> str:
        """The text with a bar between lines, and between elements that touch in it: “Jane Doe” and “May 4” look apart."""
        if len(self.pieces) < _MIN_PIECES or len(self.text) > _MAX_APART_CHARS:
            return self.text
        apart = self.pieces[0]
        for piece in self.pieces[1:]:
            # Initials set large and parts of a word set in bold touch as well.
            touches = _ENDS_WITH_WORD.search(apart) and _BEGINS_WITH_CAPITAL_OR_DIGIT.match(piece)
            apart += " | " if piece == _LINE_BREAK else f" | {piece}" if touches else piece
        return normalize_space(apart).strip(" |")

    @property
    def is_set_as_heading(self) -> bool:
        """True for a paragraph, usually the first, that the page sets as a heading for its looks."""
        is_long = self.tag in HEADINGS - {"h1"} and self.weight > _MAX_HEADING_WEIGHT
        return is_long and bool(SENTENCE_END.search(self.text))

    def __post_init__(self) -> None:
        # Both are read many times per block, so computed once.
        self.link_share = min(1.0, self.link_chars / max(1, len(self.text)))
        self.is_prose = (
            self.weight >= _MIN_PROSE_WEIGHT
            and self.link_share < _MAX_PROSE_LINK_SHARE
            and (self.tag not in HEADINGS or self.is_set_as_heading)
            and (
                self.weight > _SURE_PROSE_WEIGHT
                or bool(SENTENCE_END.search(self.text) or _CLAUSE_END.search(self.text))
            )
        )


class BlockList(list[Block]):
    """A page's blocks in reading order."""

    headline_index: int
    """Index of the heading that is the headline; 0 when unknown."""
    ranges: dict[html.HtmlElement, tuple[int, int]]
    """For each block-level element, the index of its first block and the index after its last."""

    def __init__(self) -> None:
        super().__init__()
        self.headline_index = 0
        self.ranges = {}


def text_weight(text: str) -> float:
    """The length of a text in Latin letters. Characters of scripts without spaces count more."""
    if text.isascii():
        return len(text)
    return len(text) + (_UNSPACED_CHARACTER_WEIGHT - 1) * len(UNSPACED_CHARACTER.findall(text))


def word_count(text: str) -> int:
    """How many words the text has, about: in scripts without spaces, two characters are one."""
    if text.isascii():
        return len(text.split())
    return len(text.split()) + len(UNSPACED_CHARACTER.findall(text)) // _UNSPACED_CHARACTERS_OF_WORD


def normalize_space(text: str) -> str:
    """The text with runs of white space replaced by single spaces, and without invisible characters."""
    if not text.isascii():
        text = text.replace("\u00ad", "").replace("\u200b", "").replace("\ufeff", "")
    return " ".join(text.split())


def split_blocks(root: html.HtmlElement, *, trusts_markup: bool = True) -> BlockList:
    """The page's blocks in reading order.

    With `trusts_markup=False`, elements that say they hold no text are read like any others: menus and headers that were never
    closed, what only browsers without scripts show, and what is hidden until a script shows it.
    """
    body = root.find(".//body")
    splitter = _Splitter(trusts_markup=trusts_markup)
    splitter.walk(body if body is not None else root, NO_REGIONS)
    splitter.end_block()
    splitter.blocks.ranges[root] = (0, len(splitter.blocks))
    return splitter.blocks


def _wraps_text(link: html.HtmlElement) -> bool:
    """True for a link around more than a teaser: the text in it belongs to this page."""
    if len(link.text or "") < _MAX_LINK_LABEL_CHARS and not any(child.tag in ("br", "p") for child in link):
        return False
    return text_weight("".join(link.itertext())) > _MAX_LINKED_WEIGHT


def _ends_line_of_own_style(line_break: html.HtmlElement) -> bool:
    """True where one element sets the line above the break, and the next line is set differently: a heading above a text."""
    line, following = line_break.getprevious(), line_break.getnext()
    if line is None or line.tag not in _STYLES or (line.tail or "").strip():
        return False
    before = line.getprevious()
    text_before = line.getparent().text if before is None else before.tail
    if (before is not None and before.tag in _STYLES) or (text_before or "").strip():
        return False
    if (line_break.tail or "").strip():
        return True
    return following is not None and following.tag in _STYLES and _style_of(following) != _style_of(line)


def _style_of(element: html.HtmlElement) -> tuple[str, list[tuple[str, str]], list[str]]:
    return element.tag, element.items(), [child.tag for child in element[:1]]


class _Splitter:
    def __init__(self, *, trusts_markup: bool) -> None:
        self._trusts_markup = trusts_markup
        self.blocks = BlockList()
        self._texts: list[str] = []
        self._link_chars = 0
        self._bold_chars = 0
        self._bold_depth = 0
        self._links: list[tuple[str, str]] = []
        self._element: html.HtmlElement | None = None
        self._regions: frozenset[str] = NO_REGIONS
        self._link_depth = 0
        self._block_tags = HEADINGS | phrase_lists.markup_name_set("block_tags")
        self._skipped_tags = phrase_lists.markup_name_set("skipped_tags")
        if not trusts_markup:
            self._skipped_tags -= {"button", "dialog", "label", "noscript"}
        self._line_breaks = 0

    def walk(self, element: html.HtmlElement, regions: frozenset[str]) -> bool:
        """Read the element; True if a block ends with it."""
        tag = element.tag
        opened = regions_of(element, tag)
        regions = regions | (opened if self._trusts_markup else opened - MISPLACED_REGIONS)
        is_block = tag in self._block_tags or (tag in INLINE_CAPTION_TAGS and "caption" in opened)
        if is_block:
            self.end_block()
            self._open(element, regions)
        first = len(self.blocks)
        is_link = tag == "a" and not _wraps_text(element)
        start = len(self._texts)
        is_bold = tag in _BOLD_TAGS
        if is_link:
            self._link_depth += 1
        if is_bold:
            self._bold_depth += 1
        self._add(element.text)
        for child in element:
            child_tag = child.tag
            if not isinstance(child_tag, str) or (
                (child_tag in self._skipped_tags or (self._trusts_markup and is_hidden(child)))
                and not wraps_page(child)
                and not (child_tag not in self._skipped_tags and holds_rest_of_text(child))
                # The questions of an accordion are buttons in headings.
                and not (child_tag == "button" and tag in HEADINGS)
            ):
                pass
            elif child_tag == "br":
                self._break_line(is_end=tag in _BOXES_OF_LINES and _ends_line_of_own_style(child))
            else:
                if self.walk(child, regions):
                    self._open(element, regions)
            self._add(child.tail)
        if is_bold:
            self._bold_depth -= 1
        if is_link:
            self._link_depth -= 1
            href = element.get("href")
            if href:
                self._links.append((href, normalize_space("".join(self._texts[start:]))))
        if is_block:
            self.end_block()
            self.blocks.ranges[element] = (first, len(self.blocks))
        return is_block

    def _open(self, element: html.HtmlElement, regions: frozenset[str]) -> None:
        if not self._texts:
            self._element, self._regions = element, regions

    def _add(self, text: str | None) -> None:
        if not text:
            return
        self._texts.append(text)
        stripped = len(text.strip())
        if stripped:
            self._line_breaks = 0
            if self._link_depth:
                self._link_chars += stripped
            if self._bold_depth:
                self._bold_chars += stripped

    def _break_line(self, *, is_end: bool) -> None:
        self._line_breaks += 1
        if is_end or self._line_breaks > 1 or self._ends_sentence():
            element, regions = self._element, self._regions
            self.end_block()
            self._element, self._regions = element, regions
        else:
            self._texts.append(_LINE_BREAK)

    def _ends_sentence(self) -> bool:
        tail = "".join(self._texts[-3:]).rstrip()
        return len(tail) > _MIN_LINE_CHARS and tail[-1] in _LINE_ENDINGS

    def end_block(self) -> None:
        if not self._texts:
            # Most elements end without any text since the previous end.
            self._links, self._line_breaks = [], 0
            return
        text = normalize_space("".join(self._texts))
        if text and self._element is not None:
            self.blocks.append(
                Block(
                    text,
                    self._element,
                    self._element.tag,
                    self._link_chars,
                    text_weight(text),
                    self._regions,
                    self._links,
                    len(self.blocks),
                    self._texts,
                    self._bold_chars,
                )
            )
        self._texts, self._links, self._link_chars, self._bold_chars, self._line_breaks = [], [], 0, 0, 0
