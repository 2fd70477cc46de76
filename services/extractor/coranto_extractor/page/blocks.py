"""Cuts the tree into blocks of text in reading order.

One pass gives every other module the same view of the page: what stands where, how much of it is linked, and which
parts of the page (navigation, asides, captions, comments) it stands in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto_extractor.language import phrase_lists
from coranto_extractor.language.text_comparison import WIDE
from coranto_extractor.page.regions import NO_REGIONS, is_hidden, regions_of, wraps_page

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
SENTENCE_END = re.compile(r"[.!?…。！？](?:[\"'»”’“\)\]]|\s|$)")
_CLAUSE = re.compile("[,;:，、；]")
# A Chinese or Thai character carries what two to three Latin letters do.
_WIDE_WEIGHT = 2.5
_PROSE_CHARS = 60
# No heading is so long.
_HEADING_WEIGHT = 200
# A linked teaser has up to some six hundred letters.
_LABEL_CHARS = 300
_MAX_LINKED_WEIGHT = 900


@dataclass(slots=True)
class Block:
    """A run of text that a browser would set apart, and where it stands."""

    text: str
    element: html.HtmlElement
    tag: str
    link_chars: int
    weight: float
    regions: frozenset[str]
    links: list[tuple[str, str]] = field(default_factory=list)
    place: int = 0
    is_prose: bool = field(init=False)
    """True for text that reads like a paragraph: long enough, mostly not linked, with a sentence in it."""

    @property
    def link_share(self) -> float:
        """Share of the characters that are linked."""
        return min(1.0, self.link_chars / max(1, len(self.text)))

    @property
    def is_set_as_heading(self) -> bool:
        """True for a paragraph, mostly the first, that the page sets as a heading for its looks."""
        return self.tag in HEADINGS - {"h1"} and self.weight > _HEADING_WEIGHT and bool(SENTENCE_END.search(self.text))

    def __post_init__(self) -> None:
        # Asked for some twenty times a block, so worked out once.
        self.is_prose = (
            self.weight >= _PROSE_CHARS
            and self.link_share < 0.5
            and (self.tag not in HEADINGS or self.is_set_as_heading)
            and (self.weight > 150 or bool(SENTENCE_END.search(self.text) or _CLAUSE.search(self.text)))
        )


class BlockList(list[Block]):
    """A page's blocks in reading order; `ranges` tells which of them stand in an element, as first and one past the last."""

    headline: int
    """Place of the heading that is the headline; 0 when it is not known."""

    def __init__(self) -> None:
        super().__init__()
        self.headline = 0
        self.ranges: dict[html.HtmlElement, tuple[int, int]] = {}


def text_weight(text: str) -> float:
    """Length of a text in Latin letters: characters of scripts without spaces count more."""
    return len(text) + (_WIDE_WEIGHT - 1) * len(WIDE.findall(text))


def normalize_space(text: str) -> str:
    """The text with white space folded and invisible characters taken out."""
    return " ".join(text.replace("\u00ad", "").replace("\u200b", "").replace("\ufeff", "").split())


def split_blocks(root: html.HtmlElement) -> BlockList:
    """The page's blocks in reading order."""
    body = root.find(".//body")
    cutter = _Cutter()
    cutter.walk(body if body is not None else root, NO_REGIONS)
    cutter.end_block()
    cutter.blocks.ranges[root] = (0, len(cutter.blocks))
    return cutter.blocks


def _wraps_text(link: html.HtmlElement) -> bool:
    """True for a link around more than a teaser: no label is so long, so the text is the page's own."""
    if len(link.text or "") < _LABEL_CHARS and not any(child.tag in ("br", "p") for child in link):
        return False
    return text_weight("".join(link.itertext())) > _MAX_LINKED_WEIGHT


class _Cutter:
    def __init__(self) -> None:
        self.blocks = BlockList()
        self._texts: list[str] = []
        self._link_chars = 0
        self._links: list[tuple[str, str]] = []
        self._element: html.HtmlElement | None = None
        self._regions: frozenset[str] = NO_REGIONS
        self._link_depth = 0
        self._block_tags = HEADINGS | phrase_lists.markup_name_set("block_tags")
        self._skipped_tags = phrase_lists.markup_name_set("skipped_tags")
        self._breaks = 0

    def walk(self, element: html.HtmlElement, regions: frozenset[str]) -> None:
        tag = element.tag
        regions = regions | regions_of(element, tag)
        is_block = tag in self._block_tags
        if is_block:
            self.end_block()
            self._open(element, regions)
        first = len(self.blocks)
        is_link = tag == "a" and not _wraps_text(element)
        start = len(self._texts)
        if is_link:
            self._link_depth += 1
        self._add(element.text)
        for child in element:
            child_tag = child.tag
            if not isinstance(child_tag, str) or (
                (child_tag in self._skipped_tags or is_hidden(child)) and not wraps_page(child)
            ):
                pass
            elif child_tag == "br":
                self._break()
            else:
                self.walk(child, regions)
                if child_tag in self._block_tags:
                    self._open(element, regions)
            self._add(child.tail)
        if is_link:
            self._link_depth -= 1
            href = element.get("href")
            if href:
                self._links.append((href, normalize_space("".join(self._texts[start:]))))
        if is_block:
            self.end_block()
            self.blocks.ranges[element] = (first, len(self.blocks))

    def _open(self, element: html.HtmlElement, regions: frozenset[str]) -> None:
        if not self._texts:
            self._element, self._regions = element, regions

    def _add(self, text: str | None) -> None:
        if not text:
            return
        self._texts.append(text)
        stripped = len(text.strip())
        if stripped:
            self._breaks = 0
            if self._link_depth:
                self._link_chars += stripped

    def _break(self) -> None:
        self._breaks += 1
        if self._breaks > 1 or self._ends_sentence():
            element, regions = self._element, self._regions
            self.end_block()
            self._element, self._regions = element, regions
        else:
            self._texts.append(" ")

    def _ends_sentence(self) -> bool:
        tail = "".join(self._texts[-3:]).rstrip()
        return len(tail) > 80 and tail[-1] in '.!?…»”"。'

    def end_block(self) -> None:
        if not self._texts:
            # Most ends of elements: nothing was said since the last one.
            self._links, self._breaks = [], 0
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
                )
            )
        self._texts, self._links, self._link_chars, self._breaks = [], [], 0, 0
