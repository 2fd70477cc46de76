"""Selects the blocks of the container that are the article's text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice, pairwise

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto_extractor.language import phrase_lists
from coranto_extractor.language.sentences import SENTENCE_END
from coranto_extractor.page.blocks import HEADINGS, Block, BlockList
from coranto_extractor.page.regions import BOILERPLATE_REGIONS
from coranto_extractor.text.boxes import (
    find_body_parent,
    heads_dropped_box,
    link_lists,
    links_to_other_page,
    read_also_boxes,
    sidebar_boxes,
    start_of_teasers,
)
from coranto_extractor.text.container import within

_YEAR_OR_CLOCK = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)|(?<!\d)\d{1,2}:\d{2}(?!\d)")
# A line with a larger share of links is not text. Between paragraphs, some kinds may have more.
_MAX_LINE_LINK_SHARE = 0.3
_MAX_LINK_SHARE_OF_HEADINGS_AND_QUOTES = 0.8
_MAX_LINK_SHARE_OF_PARAGRAPHS = 0.7
_MAX_LINK_SHARE_OF_ITEMS_AND_CELLS = 0.5
# A line of at least this weight is text even without a full stop at its end; a lighter one beside paragraphs, of at least
# the second weight, only if it is set like them, and of the third, only if it has a full stop.
_MIN_UNSTOPPED_WEIGHT = 40
_MIN_LINE_WEIGHT = 20
_MIN_BOLD_WEIGHT = 6
_HEADING_CLASS = re.compile(
    r"(?:^|[\s_-])(?:title|heading|headline|sub-?head(?:ing|line)?|subtitle)(?:$|[\s_-])", re.IGNORECASE
)
# Marks behind a link are no sentence that goes on.
_MAX_CHARS_OF_END = 3
_MIN_STOPPED_WEIGHT = 15
# A block with a larger share of links than this, and lighter than this, is a link rather than text.
_LINK_SHARE_OF_LINKS = 0.8
_MAX_LINK_WEIGHT = 250
# So many such paragraphs stand between two that are not linked.
_MAX_LINKED_PARAGRAPHS = 3
# A text consists of entries under linked headings when there are so many, with this share of it below them, and more for
# each than a teaser has.
_MIN_ENTRIES = 3
_MIN_SHARE_OF_ENTRIES = 0.5
_MIN_ENTRY_WEIGHT = 300
_REGIONS_WITH_HEADINGS = frozenset({"list", "table", "code"})
# How many levels below the paragraphs' parent the items of a list and the cells of a table are; other tags are one below.
_LEVELS_BELOW_BODY_PARENT = {"li": 2, "td": 5, "th": 5}


def article_blocks(blocks: BlockList, container: html.HtmlElement) -> list[Block]:
    """The container's blocks that belong to the text: prose, the headings above it, and lists and quotes between it."""
    chosen = [
        block
        for block in within(blocks, container)
        if not block.regions & BOILERPLATE_REGIONS and "aside" not in block.regions
    ]
    dropped = link_lists(chosen, container) | read_also_boxes(chosen, blocks.ranges)
    dropped |= sidebar_boxes(chosen, blocks.ranges)
    linked = {id(block) for n, block in enumerate(chosen) if _is_linked_paragraph(chosen, n)}
    linked |= _headings_of_entries(chosen) | _labels_of_parts(chosen)
    kept = [block for block in chosen if id(block) in linked or (id(block) not in dropped and not _is_link(block))]
    body_parent = find_body_parent(kept)
    if not any(block.tag in HEADINGS and id(block) in linked for block in kept):
        kept = kept[: start_of_teasers(chosen, kept, body_parent)]
    first = next((n for n, block in enumerate(kept) if block.is_prose), None)
    if first is None:
        return []
    last = max(n for n, block in enumerate(kept) if block.is_prose)
    first, last = _widened(kept, first, last, body_parent)
    if first > 0 and _is_opening_heading(kept[first - 1], kept[first]):
        first -= 1
    result: list[Block] = []
    for n, block in enumerate(kept):
        is_between = first <= n <= last
        if (
            block.is_prose
            or n in (first, last)
            or id(block) in linked
            or (is_between and (_belongs(block) or _is_line_among(kept, n) or _is_marked_as_heading(kept, n)))
        ):
            result.append(block)
    return [
        block
        for n, block in enumerate(result)
        if block.tag not in HEADINGS
        or block.is_prose
        or (_has_text_below(result, n) and not heads_dropped_box(block, chosen, result, blocks.ranges))
    ]


def _is_link(block: Block) -> bool:
    return block.link_share > _LINK_SHARE_OF_LINKS and block.weight < _MAX_LINK_WEIGHT


def _is_linked_paragraph(chosen: Sequence[Block], n: int) -> bool:
    """True for a sentence that is linked from end to end but set like the paragraphs before and after it."""
    block = chosen[n]
    if block.tag != "p" or block.weight < _MIN_UNSTOPPED_WEIGHT or not _is_link(block) or block.text[-1] not in ".!?":
        return False
    before = next((other for other in reversed(chosen[max(0, n - _MAX_LINKED_PARAGRAPHS) : n]) if other.is_prose), None)
    after = next((other for other in chosen[n + 1 : n + 1 + _MAX_LINKED_PARAGRAPHS] if other.is_prose), None)
    place = place_of(block)
    return before is not None and after is not None and place_of(before) == place == place_of(after)


def _headings_of_entries(chosen: Sequence[Block]) -> set[int]:
    """Ids of the headings that are links, where most of the text is entries below such headings."""
    total = sum(block.weight for block in chosen if block.is_prose)
    entries: dict[tuple[str, str | None, str, str | None], list[Block]] = {}
    weights: dict[tuple[str, str | None, str, str | None], float] = {}
    place = None
    for n, block in enumerate(chosen):
        if block.tag in HEADINGS:
            is_entry = _is_link(block) and n + 1 < len(chosen) and chosen[n + 1].is_prose
            place = place_of(block) if is_entry else None
            if place is not None:
                entries.setdefault(place, []).append(block)
        elif place is not None and block.is_prose:
            weights[place] = weights.get(place, 0.0) + block.weight
    return {
        id(block)
        for place, headings in entries.items()
        if len(headings) >= _MIN_ENTRIES
        and weights[place] > _MIN_SHARE_OF_ENTRIES * total
        and weights[place] > _MIN_ENTRY_WEIGHT * len(headings)
        for block in headings
    }


def _labels_of_parts(chosen: Sequence[Block]) -> set[int]:
    """Ids of the headings that link to themselves, and of the buttons that unfold what is below them, three times or more."""
    labels: dict[tuple[str, str | None, str, str | None], list[Block]] = {}
    for block, following in pairwise(chosen):
        if _is_link(block) and block.links and following.is_prose and not links_to_other_page(block):
            labels.setdefault(place_of(block), []).append(block)
    return {
        id(block)
        for alike in labels.values()
        if len({block.text for block in alike}) >= _MIN_ENTRIES
        for block in alike
    }


def place_of(block: Block) -> tuple[str, str | None, str, str | None]:
    """Tag and class of the block and of the element around it."""
    parent = block.element.getparent()
    return block.tag, block.element.get("class"), parent.tag, parent.get("class")


def _widened(kept: Sequence[Block], first: int, last: int, body_parent: html.HtmlElement | None) -> tuple[int, int]:
    """The first and last index of the text, including short sentences, list items and code beside its paragraphs."""
    while first > 0 and (_adjoins(kept[first - 1], kept[first]) or _is_in_body_parent(kept[first - 1], body_parent)):
        first -= 1
    while last + 1 < len(kept):
        following = kept[last + 1]
        if (
            _adjoins(following, kept[last])
            or _continues(following, kept[last])
            or _is_in_body_parent(following, body_parent)
        ):
            last += 1
        elif (
            last + 2 < len(kept)
            and _is_subheading(following, body_parent)
            and _is_in_body_parent(kept[last + 2], body_parent)
        ):
            last += 2
        else:
            break
    while last > first and not kept[last].is_prose and kept[last].text.endswith(":"):
        # It introduces something that is not part of the text.
        last -= 1
    return first, last


def _is_opening_heading(block: Block, neighbour: Block) -> bool:
    """True for the heading right above the first paragraph of the text."""
    return (
        block.tag in HEADINGS
        and block.tag != "h1"
        and block.index == neighbour.index - 1
        and block.link_share < _MAX_LINE_LINK_SHARE
        and block.element.getparent() is neighbour.element.getparent()
    )


def _is_line_among(kept: Sequence[Block], n: int) -> bool:
    """True for a line between paragraphs that is set like them; a heading in bold may be short."""
    is_long = kept[n].weight >= (_MIN_BOLD_WEIGHT if kept[n].is_bold else _MIN_LINE_WEIGHT)
    return is_long and any(_is_set_like(kept[n], kept[other]) for other in (n - 1, n + 1))


def _is_set_like(block: Block, paragraph: Block) -> bool:
    return (
        paragraph.is_prose
        and block.link_share < _MAX_LINE_LINK_SHARE
        and block.tag == paragraph.tag
        and block.element.get("class") == paragraph.element.get("class")
        and block.element.getparent() is paragraph.element.getparent()
    )


def _is_in_body_parent(block: Block, body_parent: html.HtmlElement | None) -> bool:
    """True for a line in the same element as the paragraphs, unless it is a credit or a date."""
    levels = _LEVELS_BELOW_BODY_PARENT.get(block.tag, 1)
    return (
        block.tag in ("p", "pre", "li", "blockquote", "dd", "dt", "td", "th")
        and block.link_share < _MAX_LINE_LINK_SHARE
        and any(parent is body_parent for parent in islice(block.element.iterancestors(), levels))
        and not phrase_lists.any_phrase("photo_labels").match(block.text)
        and bool(SENTENCE_END.search(block.text) or not _YEAR_OR_CLOCK.search(block.text))
    )


def _is_subheading(block: Block, body_parent: html.HtmlElement | None) -> bool:
    is_heading = block.tag in HEADINGS and block.link_share < _MAX_LINE_LINK_SHARE
    return is_heading and block.element.getparent() is body_parent


def _adjoins(block: Block, neighbour: Block) -> bool:
    """True for a short sentence, list item or code that is set like the neighbour or introduced by it."""
    if block.link_share > _MAX_LINE_LINK_SHARE or block.weight < _MIN_STOPPED_WEIGHT:
        return False
    if block.tag not in ("p", "li", "pre", "div", "blockquote", "code"):
        return False
    if block.tag == "li":
        is_next = "list" in neighbour.regions and block.element.getparent() is neighbour.element.getparent()
        return is_next or (neighbour.text.endswith(":") and neighbour.index == block.index - 1)
    if block.element.getparent() is not neighbour.element.getparent() and block.element is not neighbour.element:
        return False
    return "code" in block.regions or (
        block.tag != "div" and bool(SENTENCE_END.search(block.text[-3:]) or block.text.endswith(":"))
    )


def _continues(block: Block, neighbour: Block) -> bool:
    """True for a paragraph like the one before it that only lacks its full stop, or has one behind links in the middle of it."""
    return (
        block.tag == "p" == neighbour.tag
        and block.weight >= _MIN_UNSTOPPED_WEIGHT
        and not phrase_lists.any_phrase("photo_labels").match(block.text)
        and (not block.links or _is_linked_within(block))
        and block.index == neighbour.index + 1
        and block.element.get("class") == neighbour.element.get("class")
        and block.element.getparent() is neighbour.element.getparent()
    )


def _is_linked_within(block: Block) -> bool:
    """True for a sentence that neither begins nor ends with a link, as teasers and offers do."""
    texts = [text for _, text in block.links if text]
    return (
        block.link_share < _MAX_LINK_SHARE_OF_PARAGRAPHS
        and bool(SENTENCE_END.search(block.text[-_MAX_CHARS_OF_END:]))
        and not any(
            block.text.startswith(text) or text in block.text[-len(text) - _MAX_CHARS_OF_END :] for text in texts
        )
    )


def _belongs(block: Block) -> bool:
    """True for a block between paragraphs that is part of the text, depending on its kind and its links."""
    if "code" in block.regions:
        return True
    if block.tag in HEADINGS or "quote" in block.regions:
        return block.link_share < _MAX_LINK_SHARE_OF_HEADINGS_AND_QUOTES
    if block.tag == "p":
        return block.link_share < _MAX_LINK_SHARE_OF_PARAGRAPHS
    if "list" in block.regions or "table" in block.regions:
        return block.link_share < _MAX_LINK_SHARE_OF_ITEMS_AND_CELLS
    is_unlinked = block.link_share < _MAX_LINE_LINK_SHARE
    return is_unlinked and bool(SENTENCE_END.search(block.text) or block.weight >= _MIN_UNSTOPPED_WEIGHT)


def _is_marked_as_heading(kept: Sequence[Block], n: int) -> bool:
    """True for a line right above a paragraph that only its class says is a heading: “t-title”."""
    block, following = kept[n], kept[n + 1]
    return (
        block.tag == "div"
        and not block.links
        and following.is_prose
        and following.index == block.index + 1
        and _HEADING_CLASS.search(block.element.get("class") or "") is not None
    )


def _has_text_below(result: Sequence[Block], n: int) -> bool:
    return any(block.is_prose or block.regions & _REGIONS_WITH_HEADINGS for block in result[n + 1 : n + 4])
