"""Finds the boxes in the container that are not part of the text: teasers, lists of links, captions, and what stands beside it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import islice

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto_extractor.language import phrase_lists
from coranto_extractor.page.blocks import Block
from coranto_extractor.page.regions import HIDDEN, sidebar_names

# Boxes of one name that contain this share of the prose are part of the text. At the end of the page it takes more.
_MAX_SIDEBAR_SHARE = 0.25
_MAX_SIDEBAR_SHARE_AT_END = 0.55
# Boxes of teasers are smaller, and examining larger ones for each of many headings takes time.
_MAX_BOX_BLOCKS = 200
_BOX_LEVELS = 3
_MAX_READ_ALSO_LABEL_WEIGHT = 60
# Teasers at the end: a link of this share and weight with one or two short texts, so many times.
_TEASER_LINK_SHARE = 0.7
_MIN_TEASER_WEIGHT, _MAX_TEASER_WEIGHT = 25, 500
_MAX_TEXTS_PER_TEASER = 2
_MIN_TEASERS = 3
_MIN_TEXT_BEFORE_TEASERS = 200
# A box is a list of links when more than this share of it is linked and less than this share of it is prose.
_MIN_LINKED_SHARE = 0.5
_MAX_PROSE_SHARE = 0.35
_LINK_LIST_LEVELS = 6
_PICTURE_BOX = "picture"
_CAPTION_TAGS = frozenset({"p", "div", "section", "td", "th"})
_PICTURE_BOX_TAGS = frozenset({"div", "section", "figure", "article", "tr", "tbody", "table"})


def link_lists(chosen: Sequence[Block], container: html.HtmlElement) -> set[int]:
    """Ids of the blocks in lists, tables and boxes that are mostly links."""
    groups: dict[html.HtmlElement, list[Block]] = {}
    for block in chosen:
        element = block.element
        for _ in range(_LINK_LIST_LEVELS):
            if element is None or element is container:
                break
            if element.tag in ("ul", "ol", "table", "dl", "section", "div"):
                groups.setdefault(element, []).append(block)
            element = element.getparent()
    dropped: set[int] = set()
    for members in groups.values():
        chars = sum(len(block.text) for block in members)
        linked = sum(block.link_chars for block in members)
        prose = sum(block.weight for block in members if block.is_prose)
        links = sum(1 for block in members if block.link_chars)
        if linked > _MIN_LINKED_SHARE * chars and prose < _MAX_PROSE_SHARE * chars and links > 1:
            dropped.update(id(block) for block in members)
    return dropped


def read_also_boxes(chosen: Sequence[Block], ranges: Mapping[html.HtmlElement, tuple[int, int]]) -> set[int]:
    """Ids of the blocks in boxes with a heading such as “Read also”. Their teasers may have prose of their own."""
    total = sum(block.weight for block in chosen if block.is_prose)
    dropped: set[int] = set()
    for block in chosen:
        if block.weight > _MAX_READ_ALSO_LABEL_WEIGHT or not phrase_lists.exact_phrase("read_also").fullmatch(
            block.text.strip(" :.…»›>▶|-–—").casefold()
        ):
            continue
        element: html.HtmlElement | None = block.element
        for _ in range(_BOX_LEVELS):
            element = element.getparent() if element is not None else None
            if element is None:
                break
            first, end = ranges.get(element, (0, 0))
            if end - first > _MAX_BOX_BLOCKS:
                break
            members = _between(chosen, first, end)
            if any(other.index < block.index and other.is_prose for other in members):
                break
            weight = sum(other.weight for other in members if other.is_prose)
            # A part of the article may be headed “Listen” as well; a box of teasers has links.
            if (
                len(members) > 1
                and weight < _MAX_SIDEBAR_SHARE_AT_END * total
                and any(other.links for other in members)
            ):
                dropped.update(id(other) for other in members)
                break
    return dropped


def sidebar_boxes(chosen: Sequence[Block], ranges: Mapping[html.HtmlElement, tuple[int, int]]) -> set[int]:
    """Ids of the blocks in sidebar boxes, unless boxes of that name contain much of the text."""
    total = sum(block.weight for block in chosen if block.is_prose)
    boxed: dict[str, list[Block]] = {}
    end = -1
    for block in chosen:
        names = sidebar_names(block.regions)
        if block.weight <= _MAX_TEASER_WEIGHT and is_caption(block, ranges):
            names = [*names, _PICTURE_BOX]
        for name in names:
            boxed.setdefault(name, []).append(block)
        if block.is_prose and not names:
            end = block.index
    # Boxes below all other prose, and those that are not shown, are less likely to be part of the text.
    return {
        id(block)
        for name, members in boxed.items()
        if sum(block.weight for block in members)
        < total * (_MAX_SIDEBAR_SHARE_AT_END if members[0].index > end or name == HIDDEN else _MAX_SIDEBAR_SHARE)
        for block in members
    }


def is_caption(block: Block, ranges: Mapping[html.HtmlElement, tuple[int, int]]) -> bool:
    """True for the only text in a box with a picture, whatever the class of the box."""
    if block.tag not in _CAPTION_TAGS:
        return False
    for element in islice(block.element.iterancestors(), _BOX_LEVELS):
        first, end = ranges.get(element, (0, 0))
        if end - first != 1 or element.tag not in _PICTURE_BOX_TAGS:
            return False
        if element.find(".//img") is not None or element.find(".//picture") is not None:
            return True
    return False


def start_of_teasers(chosen: Sequence[Block], kept: list[Block], body_parent: html.HtmlElement | None) -> int:
    """Where in `kept` the teasers below the text begin: a link and a short text, three times or more."""
    teasers = 0
    first: Block | None = None
    texts_since_link = 0
    start: Block | None = None
    for block in reversed(chosen):
        is_link = block.link_share > _TEASER_LINK_SHARE and block.weight > _MIN_TEASER_WEIGHT
        if is_link and links_to_other_page(block):
            # A link in a list of its own between two paragraphs is an inset.
            is_inset = first is not None and (
                first.element.getparent() is body_parent and block.element.getparent() is not body_parent
            )
            if texts_since_link and first is not None and not is_inset:
                teasers += 1
                start = first
            texts_since_link = 0
        elif block.weight > _MIN_TEASER_WEIGHT:
            texts_since_link += 1
            first = block
            if texts_since_link > _MAX_TEXTS_PER_TEASER or block.weight > _MAX_TEASER_WEIGHT:
                break
    if teasers < _MIN_TEASERS or start is None:
        return len(kept)
    index = next((n for n, block in enumerate(kept) if block is start), len(kept))
    before = sum(block.weight for block in kept[:index] if block.is_prose)
    after = sum(block.weight for block in kept[index:] if block.is_prose)
    # Entries under linked headings are in the same element as the text, and outweigh its opening.
    is_text = after > before and start.element.getparent() is find_body_parent(kept[:index])
    return index if before > _MIN_TEXT_BEFORE_TEASERS and not is_text else len(kept)


def find_body_parent(blocks: Sequence[Block]) -> html.HtmlElement | None:
    """The parent of most of the prose."""
    weights: dict[html.HtmlElement, float] = {}
    for block in blocks:
        if block.is_prose:
            parent = block.element.getparent()
            weights[parent] = weights.get(parent, 0.0) + block.weight
    return max(weights, key=weights.__getitem__, default=None)


def links_to_other_page(block: Block) -> bool:
    """False for a link within the page, such as the question of an accordion."""
    return any(not href.startswith(("#", "javascript:")) for href, _ in block.links)


def heads_dropped_box(
    heading: Block, chosen: Sequence[Block], result: Sequence[Block], ranges: Mapping[html.HtmlElement, tuple[int, int]]
) -> bool:
    """True for the heading of a box of teasers: most of the box is linked, and nothing else of it was kept."""
    for element in islice(heading.element.iterancestors(), _BOX_LEVELS):
        first, end = ranges.get(element, (0, 0))
        if end - first > _MAX_BOX_BLOCKS:
            return False
        if end - first > 1:
            linked = sum(block.link_chars for block in _between(chosen, first, end))
            return linked > len(heading.text) and len(_between(result, first, end)) == 1
    return False


def _between(blocks: Sequence[Block], first: int, end: int) -> Sequence[Block]:
    """Those of the blocks, which are in reading order, with an index in this range."""
    bounds = (bisect_left(blocks, index, key=lambda block: block.index) for index in (first, end))
    return blocks[slice(*bounds)]
