"""Tells which blocks of the container are the article's text, and finds the standfirst above it."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import islice

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto_extractor.language import phrase_lists
from coranto_extractor.page.blocks import HEADINGS, SENTENCE_END, Block, BlockList
from coranto_extractor.page.regions import BOILERPLATE_REGIONS, sidebar_names
from coranto_extractor.text.container import within

_STANDFIRST_NAMES = re.compile(
    r"(?:^|[\s_-])(?:lead|lede|intro|introduction|standfirst|dek|deck|subtitle|sub-?title|subhead\w*|summary|vorspann|chapo|excerpt|anons|announce|preview|description|abstract|sapo|ingress)(?:$|[\s_-])",
    re.IGNORECASE,
)
_STANDFIRST_REACH = 14
_YEAR_OR_CLOCK = re.compile(r"\b(?:19|20)\d\d\b|\b\d{1,2}:\d{2}\b")
_CLOCK_TIME = re.compile(r"\b\d{1,2}[:.]\d{2}\b")
# A closing line so long says something, with a full stop or without.
_UNSTOPPED_WEIGHT = 40
# A shorter line in a box of its own is a caption or a label.
_MIN_LINE_WEIGHT = 20
_MAX_SIDE_SHARE = 0.25
# No box of teasers is longer, and looking through longer ones for each of many headings takes time.
_MAX_BOX_BLOCKS = 200
_MAX_TAIL_SHARE = 0.55
_PICTURE = "picture"
_PICTURE_LEVELS = 3
_MAX_CAPTION_WEIGHT = 400
_CAPTION_TAGS = frozenset({"p", "div", "section"})
_PICTURE_BOXES = frozenset({"div", "section", "figure", "article"})
_HEADED = frozenset({"list", "table", "code"})
# How many levels below the paragraphs' parent the items of a list and the cells of a table stand.
_HOME_REACH = {"li": 2, "td": 5, "th": 5}


def article_blocks(blocks: BlockList, container: html.HtmlElement) -> list[Block]:
    """The container's blocks that belong to the text: prose, the headings over it, and lists and quotes between it."""
    chosen = [
        block
        for block in within(blocks, container)
        if not block.regions & BOILERPLATE_REGIONS and "aside" not in block.regions
    ]
    dropped = _link_lists(chosen, container) | _after_labels(chosen, blocks.ranges)
    dropped |= _side_boxes(chosen, blocks.ranges)
    kept: list[Block] = []
    for block in chosen:
        if id(block) in dropped or (block.link_share > 0.8 and block.weight < 250):
            continue
        kept.append(block)
    home = _body_parent(kept)
    kept = kept[: _first_of_teasers(chosen, kept, home)]
    first = next((n for n, block in enumerate(kept) if block.is_prose), None)
    if first is None:
        return []
    last = max(n for n, block in enumerate(kept) if block.is_prose)
    first, last = _widened(kept, first, last, home)
    if first > 0 and _is_opening_heading(kept[first - 1], kept[first]):
        first -= 1
    result: list[Block] = []
    for n, block in enumerate(kept):
        is_between = first <= n <= last
        if block.is_prose or n in (first, last) or (is_between and (_belongs(block) or _is_line_among(kept, n))):
            result.append(block)
    return [
        block
        for n, block in enumerate(result)
        if block.tag not in HEADINGS
        or block.is_prose
        or (_heads_something(result, n) and not _heads_dropped(block, chosen, result, blocks.ranges))
    ]


def find_standfirst(blocks: BlockList, chosen: Sequence[Block], headline: str | None) -> list[Block]:
    """The opening between headline and text that pages set outside of the text's container."""
    places = [n for n, block in enumerate(blocks) if headline and block.text == headline]
    if not places or not chosen:
        return []
    members = {id(block) for block in chosen}
    first = next((n for n, block in enumerate(blocks) if id(block) in members), 0)
    start = max((place for place in places if place < first), default=None)
    if start is None or first - start > _STANDFIRST_REACH:
        return []
    opening = " ".join(block.text for block in chosen)
    return [
        block
        for block in blocks[start + 1 : first]
        if _is_standfirst(block, opening) and not _stands_with_picture(block, blocks.ranges)
    ][:2]


def _is_standfirst(block: Block, opening: str) -> bool:
    if (
        block.regions & (BOILERPLATE_REGIONS | {"aside", "list", "figure"})
        or block.link_share > 0.3
        or not 40 <= block.weight <= 700
    ):
        return False
    has_sentence = SENTENCE_END.search(block.text) or (block.tag in ("p", "h2", "h3") and "header" in block.regions)
    if block.text[:60] in opening or not has_sentence or len(_CLOCK_TIME.findall(block.text)) > 1:
        return False
    names = f"{block.element.get('class') or ''} {block.element.get('itemprop') or ''}"
    return block.is_prose or bool(_STANDFIRST_NAMES.search(names))


def _widened(kept: Sequence[Block], first: int, last: int, home: html.HtmlElement | None) -> tuple[int, int]:
    """The text's first and last place with the short sentences, list items and code beside its paragraphs."""
    while first > 0 and (_adjoins(kept[first - 1], kept[first]) or _is_in_body_parent(kept[first - 1], home)):
        first -= 1
    while last + 1 < len(kept):
        if (
            _adjoins(kept[last + 1], kept[last])
            or _continues(kept[last + 1], kept[last])
            or _is_in_body_parent(kept[last + 1], home)
        ):
            last += 1
        elif last + 2 < len(kept) and _is_subheading(kept[last + 1], home) and _is_in_body_parent(kept[last + 2], home):
            last += 2
        else:
            break
    while last > first and not kept[last].is_prose and kept[last].text.endswith(":"):
        # It opens something that is no part of the text.
        last -= 1
    return first, last


def _is_opening_heading(block: Block, neighbour: Block) -> bool:
    """True for the heading right over the text's first paragraph."""
    return (
        block.tag in HEADINGS
        and block.tag != "h1"
        and block.place == neighbour.place - 1
        and block.link_share < 0.3
        and block.element.getparent() is neighbour.element.getparent()
    )


def _is_line_among(kept: Sequence[Block], n: int) -> bool:
    """True for a line between paragraphs that the page sets as it sets them."""
    return kept[n].weight >= _MIN_LINE_WEIGHT and any(_is_set_like(kept[n], kept[other]) for other in (n - 1, n + 1))


def _is_set_like(block: Block, paragraph: Block) -> bool:
    return (
        paragraph.is_prose
        and block.link_share < 0.3
        and block.tag == paragraph.tag
        and block.element.get("class") == paragraph.element.get("class")
        and block.element.getparent() is paragraph.element.getparent()
    )


def _is_in_body_parent(block: Block, home: html.HtmlElement | None) -> bool:
    """True for a line that stands where the text's paragraphs do and is neither a credit nor a date."""
    return (
        block.tag in ("p", "pre", "li", "blockquote", "dd", "dt", "td", "th")
        and block.link_share < 0.3
        and any(parent is home for parent in islice(block.element.iterancestors(), _HOME_REACH.get(block.tag, 1)))
        and not phrase_lists.any_phrase("photo_labels").match(block.text)
        and bool(SENTENCE_END.search(block.text) or not _YEAR_OR_CLOCK.search(block.text))
    )


def _is_subheading(block: Block, home: html.HtmlElement | None) -> bool:
    return block.tag in HEADINGS and block.link_share < 0.3 and block.element.getparent() is home


def _adjoins(block: Block, neighbour: Block) -> bool:
    if block.link_share > 0.3 or block.weight < 15 or block.tag not in ("p", "li", "pre", "div", "blockquote", "code"):
        return False
    if block.tag == "li":
        is_next = "list" in neighbour.regions and block.element.getparent() is neighbour.element.getparent()
        return is_next or (neighbour.text.endswith(":") and neighbour.place == block.place - 1)
    if block.element.getparent() is not neighbour.element.getparent() and block.element is not neighbour.element:
        return False
    return "code" in block.regions or (
        block.tag != "div" and bool(SENTENCE_END.search(block.text[-3:]) or block.text.endswith(":"))
    )


def _continues(block: Block, neighbour: Block) -> bool:
    """True for a paragraph like the one before it that only lacks its full stop."""
    return (
        block.tag == "p" == neighbour.tag
        and block.weight >= _UNSTOPPED_WEIGHT
        and not phrase_lists.any_phrase("photo_labels").match(block.text)
        and not block.links
        and block.place == neighbour.place + 1
        and block.element.get("class") == neighbour.element.get("class")
        and block.element.getparent() is neighbour.element.getparent()
    )


def _belongs(block: Block) -> bool:
    if "code" in block.regions:
        return True
    if block.tag in HEADINGS or "quote" in block.regions:
        return block.link_share < 0.8
    if block.tag == "p":
        return block.link_share < 0.7
    if "list" in block.regions or "table" in block.regions:
        return block.link_share < 0.5
    return block.link_share < 0.3 and bool(SENTENCE_END.search(block.text) or block.weight >= 40)


def _heads_something(result: Sequence[Block], n: int) -> bool:
    return any(block.is_prose or block.regions & _HEADED for block in result[n + 1 : n + 4])


def _heads_dropped(
    heading: Block, chosen: Sequence[Block], result: Sequence[Block], ranges: Mapping[html.HtmlElement, tuple[int, int]]
) -> bool:
    """True for the heading of a box of teasers: nothing else of it was kept, and most of it is linked."""
    for element in islice(heading.element.iterancestors(), 3):
        first, end = ranges.get(element, (0, 0))
        if end - first > _MAX_BOX_BLOCKS:
            return False
        if end - first > 1:
            linked = sum(block.link_chars for block in _between(chosen, first, end))
            return linked > len(heading.text) and len(_between(result, first, end)) == 1
    return False


def _between(blocks: Sequence[Block], first: int, end: int) -> Sequence[Block]:
    """Those of the blocks, which are in reading order, whose place is in the range."""
    places = (bisect_left(blocks, place, key=lambda block: block.place) for place in (first, end))
    return blocks[slice(*places)]


def _first_of_teasers(chosen: Sequence[Block], kept: list[Block], home: html.HtmlElement | None) -> int:
    """Place in `kept` where a closing run of teasers begins: a linked line and a short text, three times or more."""
    pairs = 0
    first: Block | None = None
    texts_since = 0
    cut_at: Block | None = None
    for block in reversed(chosen):
        if block.link_share > 0.7 and block.weight > 20 and _leads_away(block):
            # A link in a list of its own between two paragraphs is an inset.
            if (
                texts_since
                and first is not None
                and (first.element.getparent() is not home or block.element.getparent() is home)
            ):
                pairs += 1
                cut_at = first
            texts_since = 0
        elif block.weight > 25:
            texts_since += 1
            first = block
            if texts_since > 2 or block.weight > 500:
                break
    if pairs < 3 or cut_at is None:
        return len(kept)
    place = next((n for n, block in enumerate(kept) if block is cut_at), len(kept))
    before = sum(block.weight for block in kept[:place] if block.is_prose)
    after = sum(block.weight for block in kept[place:] if block.is_prose)
    # Entries under linked headings stand where the text does, and say more than its opening.
    is_text = after > before and cut_at.element.getparent() is _body_parent(kept[:place])
    return place if before > 200 and not is_text else len(kept)


def _body_parent(blocks: Sequence[Block]) -> html.HtmlElement | None:
    """The parent that most of the prose stands in."""
    weights: dict[html.HtmlElement, float] = {}
    for block in blocks:
        if block.is_prose:
            parent = block.element.getparent()
            weights[parent] = weights.get(parent, 0.0) + block.weight
    return max(weights, key=weights.__getitem__, default=None)


def _leads_away(block: Block) -> bool:
    """False for a link within the page, such as the question of an accordion."""
    return any(not href.startswith(("#", "javascript:")) for href, _ in block.links)


def _after_labels(chosen: Sequence[Block], ranges: Mapping[html.HtmlElement, tuple[int, int]]) -> set[int]:
    """Ids of the blocks in boxes headed by a label such as “Read also”: teasers may have prose of their own."""
    total = sum(block.weight for block in chosen if block.is_prose)
    dropped: set[int] = set()
    for block in chosen:
        if block.weight > 60 or not phrase_lists.exact_phrase("read_also").fullmatch(
            block.text.strip(" :.…»›>▶|-–—").casefold()
        ):
            continue
        element: html.HtmlElement | None = block.element
        for _ in range(3):
            element = element.getparent() if element is not None else None
            if element is None:
                break
            first, end = ranges.get(element, (0, 0))
            if end - first > _MAX_BOX_BLOCKS:
                break
            members = _between(chosen, first, end)
            if any(other.place < block.place and other.is_prose for other in members):
                break
            weight = sum(other.weight for other in members if other.is_prose)
            if len(members) > 1 and weight < 0.4 * total:
                dropped.update(id(other) for other in members)
                break
    return dropped


def _side_boxes(chosen: Sequence[Block], ranges: Mapping[html.HtmlElement, tuple[int, int]]) -> set[int]:
    """Ids of the blocks in boxes beside the text, unless boxes of that name hold much of the text."""
    total = sum(block.weight for block in chosen if block.is_prose)
    boxed: dict[str, list[Block]] = {}
    end = -1
    for block in chosen:
        names = sidebar_names(block.regions)
        if block.weight <= _MAX_CAPTION_WEIGHT and _stands_with_picture(block, ranges):
            names = [*names, _PICTURE]
        for name in names:
            boxed.setdefault(name, []).append(block)
        if block.is_prose and not names:
            end = block.place
    return {
        id(block)
        for members in boxed.values()
        # What stands behind all that has no such name is less likely of the text.
        if sum(block.weight for block in members)
        < total * (_MAX_TAIL_SHARE if members[0].place > end else _MAX_SIDE_SHARE)
        for block in members
    }


def _stands_with_picture(block: Block, ranges: Mapping[html.HtmlElement, tuple[int, int]]) -> bool:
    """True for the only text in a box that holds a picture: a caption, whatever the box is called."""
    if block.tag not in _CAPTION_TAGS:
        return False
    for element in islice(block.element.iterancestors(), _PICTURE_LEVELS):
        first, end = ranges.get(element, (0, 0))
        if end - first != 1 or element.tag not in _PICTURE_BOXES:
            return False
        if element.find(".//img") is not None or element.find(".//picture") is not None:
            return True
    return False


def _link_lists(chosen: Sequence[Block], container: html.HtmlElement) -> set[int]:
    """Ids of the blocks in lists, tables and boxes that are mostly links; the container itself may be one."""
    groups: dict[html.HtmlElement, list[Block]] = {}
    for block in chosen:
        element = block.element
        for _ in range(6):
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
        if linked > 0.5 * chars and prose < 0.35 * chars and sum(1 for block in members if block.link_chars) > 1:
            dropped.update(id(block) for block in members)
    return dropped
