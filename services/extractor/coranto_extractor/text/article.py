"""Selects the blocks of the container that are the article's text, and finds the standfirst above it."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import islice, pairwise

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto_extractor.language import phrase_lists
from coranto_extractor.language.sentences import SENTENCE_END
from coranto_extractor.page.blocks import HEADINGS, Block, BlockList
from coranto_extractor.page.regions import BOILERPLATE_REGIONS, HIDDEN, sidebar_names
from coranto_extractor.page.standfirst import is_marked_as_standfirst
from coranto_extractor.text.container import within

# The standfirst is at most so many blocks below the headline, at most two blocks, and of this weight.
_MAX_BLOCKS_TO_STANDFIRST = 14
_MAX_STANDFIRST_BLOCKS = 2
_MIN_STANDFIRST_WEIGHT, _MAX_STANDFIRST_WEIGHT = 40, 700
_MAX_BYLINE_WEIGHT = 140
_MAX_DATE_WEIGHT = 60
_COMPARED_CHARS = 60
_YEAR_OR_CLOCK = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)|(?<!\d)\d{1,2}:\d{2}(?!\d)")
# Also where a script has put the year and the hour together: “Nov 20 20194:29 AM”.
_YEAR_OR_TIME = re.compile(r"(?<!\d)(?:19|20)\d\d|\d:\d\d")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_CLOCK_TIME = re.compile(r"\b\d{1,2}[:.]\d{2}\b")
# A line with a larger share of links is not text. Between paragraphs, some kinds may have more.
_MAX_LINE_LINK_SHARE = 0.3
_MAX_LINK_SHARE_OF_HEADINGS_AND_QUOTES = 0.8
_MAX_LINK_SHARE_OF_PARAGRAPHS = 0.7
_MAX_LINK_SHARE_OF_ITEMS_AND_CELLS = 0.5
# A line of at least this weight is text even without a full stop at its end; a lighter one beside paragraphs, of at least
# the second weight, only if it is set like them, and of the third, only if it has a full stop.
_MIN_UNSTOPPED_WEIGHT = 40
_MIN_LINE_WEIGHT = 20
_MIN_STOPPED_WEIGHT = 15
# A block with a larger share of links than this, and lighter than this, is a link rather than text.
_LINK_SHARE_OF_LINKS = 0.8
_MAX_LINK_WEIGHT = 250
# So many such paragraphs stand between two that are not linked.
_MAX_LINKED_PARAGRAPHS = 3
# Boxes of one name that contain this share of the prose are part of the text. At the end of the page it takes more.
_MAX_SIDEBAR_SHARE = 0.25
_MAX_SIDEBAR_SHARE_AT_END = 0.55
# Boxes of teasers are smaller, and examining larger ones for each of many headings takes time.
_MAX_BOX_BLOCKS = 200
_BOX_LEVELS = 3
_MAX_READ_ALSO_LABEL_WEIGHT = 60
_MAX_READ_ALSO_SHARE = 0.4
# Teasers at the end: a link of this share and weight with one or two short texts, so many times.
_TEASER_LINK_SHARE = 0.7
_MIN_TEASER_LINK_WEIGHT = 20
_MIN_TEASER_WEIGHT, _MAX_TEASER_WEIGHT = 25, 500
_MAX_TEXTS_PER_TEASER = 2
_MIN_TEASERS = 3
_MIN_TEXT_BEFORE_TEASERS = 200
# A text consists of entries under linked headings when there are so many, with this share of it below them, and more for
# each than a teaser has.
_MIN_ENTRIES = 3
_MIN_SHARE_OF_ENTRIES = 0.5
_MIN_ENTRY_WEIGHT = 300
# A box is a list of links when more than this share of it is linked and less than this share of it is prose.
_MIN_LINKED_SHARE = 0.5
_MAX_PROSE_SHARE = 0.35
_LINK_LIST_LEVELS = 6
_PICTURE_BOX = "picture"
_PICTURE_LEVELS = 3
_MAX_CAPTION_WEIGHT = 400
_CAPTION_TAGS = frozenset({"p", "div", "section"})
_PICTURE_BOX_TAGS = frozenset({"div", "section", "figure", "article"})
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
    dropped = _link_lists(chosen, container) | _read_also_boxes(chosen, blocks.ranges)
    dropped |= _sidebar_boxes(chosen, blocks.ranges)
    linked = {id(block) for n, block in enumerate(chosen) if _is_linked_paragraph(chosen, n)}
    linked |= _headings_of_entries(chosen) | _labels_of_parts(chosen)
    kept = [block for block in chosen if id(block) in linked or (id(block) not in dropped and not _is_link(block))]
    body_parent = _body_parent(kept)
    if not any(block.tag in HEADINGS and id(block) in linked for block in kept):
        kept = kept[: _start_of_teasers(chosen, kept, body_parent)]
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
            or (is_between and (_belongs(block) or _is_line_among(kept, n)))
        ):
            result.append(block)
    return [
        block
        for n, block in enumerate(result)
        if block.tag not in HEADINGS
        or block.is_prose
        or (_has_text_below(result, n) and not _heads_dropped_box(block, chosen, result, blocks.ranges))
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
        if _is_link(block) and block.links and following.is_prose and not _links_to_other_page(block):
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


def find_standfirst(blocks: BlockList, chosen: Sequence[Block], headline: str | None) -> list[Block]:
    """The standfirst between headline and text, where the page has it outside the text's container."""
    if not chosen:
        return []
    members = {id(block) for block in chosen}
    first = next((n for n, block in enumerate(blocks) if id(block) in members), 0)
    # A link with the words of the headline is in a list of articles.
    headlines = [n for n, block in enumerate(blocks[:first]) if _is_headline(block, headline)]
    if not headlines:
        return []
    start = headlines[-1]
    opening = " ".join(block.text for block in chosen)
    between = blocks[start + 1 : first]
    # Some pages show the headline again, for small screens or above the text.
    repeated = [n for n in headlines[:-1] if blocks[n].tag in HEADINGS and start - n < _MAX_BLOCKS_TO_STANDFIRST]
    below_repeated = [blocks[n + 1] for n in repeated]
    # Above it may be the line of the date.
    below_headline = next(
        (
            block
            for block in between
            if block.weight >= _MAX_DATE_WEIGHT
            or (block.weight >= _MIN_STANDFIRST_WEIGHT and not _YEAR_OR_CLOCK.search(block.text))
        ),
        None,
    )
    if len(between) >= _MAX_BLOCKS_TO_STANDFIRST:
        # What else is between may be anything, and so may boxes that the text is not in.
        around_text = set(sidebar_names(chosen[0].regions))
        between = [
            block
            for block in between[:_MAX_BLOCKS_TO_STANDFIRST]
            if block is below_headline and around_text.issuperset(sidebar_names(block.regions))
        ]
    below = {id(block) for block in (*below_repeated, below_headline)}
    right_below = {id(block) for block in (*below_repeated, blocks[start + 1])}
    return [
        block
        for block in (*below_repeated, *between)
        if _is_standfirst(block, opening, is_below_headline=id(block) in below, is_next=id(block) in right_below)
        and not _is_caption(block, blocks.ranges)
    ][:_MAX_STANDFIRST_BLOCKS]


def _is_headline(block: Block, headline: str | None) -> bool:
    return block.text == headline and (block.tag == "h1" or block.link_share < _MAX_LINE_LINK_SHARE)


def _is_standfirst(block: Block, opening: str, *, is_below_headline: bool, is_next: bool) -> bool:
    if (
        block.regions & (BOILERPLATE_REGIONS | {"aside", "list", "figure"})
        or block.link_share > _MAX_LINE_LINK_SHARE
        or not _MIN_STANDFIRST_WEIGHT <= block.weight <= _MAX_STANDFIRST_WEIGHT
    ):
        return False
    is_below_headline = is_below_headline and not _may_be_byline(block)
    is_set_apart = (block.tag in ("p", "h2", "h3") and ("header" in block.regions or is_below_headline)) or (
        block.tag == "div" and is_next and is_below_headline and not _YEAR_OR_TIME.search(block.text)
    )
    has_sentence = SENTENCE_END.search(block.text) or is_set_apart
    if block.text[:_COMPARED_CHARS] in opening or not has_sentence or _is_of_dates(block):
        return False
    if is_below_headline and is_set_apart and not _YEAR_OR_CLOCK.search(block.text):
        return True
    return block.is_prose or is_marked_as_standfirst(block)


def _is_of_dates(block: Block) -> bool:
    """True for two times of day, and for a short line with one beside the year, whatever else it says."""
    times = len(_CLOCK_TIME.findall(block.text))
    return times > 1 or (times == 1 and block.weight <= _MAX_BYLINE_WEIGHT and _YEAR.search(block.text) is not None)


def _may_be_byline(block: Block) -> bool:
    return bool(sidebar_names(block.regions)) or (
        block.weight <= _MAX_BYLINE_WEIGHT and phrase_lists.any_phrase("byline_prefixes").match(block.text) is not None
    )


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
    """True for a line between paragraphs that is set like them."""
    return kept[n].weight >= _MIN_LINE_WEIGHT and any(_is_set_like(kept[n], kept[other]) for other in (n - 1, n + 1))


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
    """True for a paragraph like the one before it that only lacks its full stop."""
    return (
        block.tag == "p" == neighbour.tag
        and block.weight >= _MIN_UNSTOPPED_WEIGHT
        and not phrase_lists.any_phrase("photo_labels").match(block.text)
        and not block.links
        and block.index == neighbour.index + 1
        and block.element.get("class") == neighbour.element.get("class")
        and block.element.getparent() is neighbour.element.getparent()
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


def _has_text_below(result: Sequence[Block], n: int) -> bool:
    return any(block.is_prose or block.regions & _REGIONS_WITH_HEADINGS for block in result[n + 1 : n + 4])


def _heads_dropped_box(
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


def _start_of_teasers(chosen: Sequence[Block], kept: list[Block], body_parent: html.HtmlElement | None) -> int:
    """Where in `kept` the teasers below the text begin: a link and a short text, three times or more."""
    teasers = 0
    first: Block | None = None
    texts_since_link = 0
    start: Block | None = None
    for block in reversed(chosen):
        is_link = block.link_share > _TEASER_LINK_SHARE and block.weight > _MIN_TEASER_LINK_WEIGHT
        if is_link and _links_to_other_page(block):
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
    is_text = after > before and start.element.getparent() is _body_parent(kept[:index])
    return index if before > _MIN_TEXT_BEFORE_TEASERS and not is_text else len(kept)


def _body_parent(blocks: Sequence[Block]) -> html.HtmlElement | None:
    """The parent of most of the prose."""
    weights: dict[html.HtmlElement, float] = {}
    for block in blocks:
        if block.is_prose:
            parent = block.element.getparent()
            weights[parent] = weights.get(parent, 0.0) + block.weight
    return max(weights, key=weights.__getitem__, default=None)


def _links_to_other_page(block: Block) -> bool:
    """False for a link within the page, such as the question of an accordion."""
    return any(not href.startswith(("#", "javascript:")) for href, _ in block.links)


def _read_also_boxes(chosen: Sequence[Block], ranges: Mapping[html.HtmlElement, tuple[int, int]]) -> set[int]:
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
            if len(members) > 1 and weight < _MAX_READ_ALSO_SHARE * total and any(other.links for other in members):
                dropped.update(id(other) for other in members)
                break
    return dropped


def _sidebar_boxes(chosen: Sequence[Block], ranges: Mapping[html.HtmlElement, tuple[int, int]]) -> set[int]:
    """Ids of the blocks in sidebar boxes, unless boxes of that name contain much of the text."""
    total = sum(block.weight for block in chosen if block.is_prose)
    boxed: dict[str, list[Block]] = {}
    end = -1
    for block in chosen:
        names = sidebar_names(block.regions)
        if block.weight <= _MAX_CAPTION_WEIGHT and _is_caption(block, ranges):
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


def _is_caption(block: Block, ranges: Mapping[html.HtmlElement, tuple[int, int]]) -> bool:
    """True for the only text in a box with a picture, whatever the class of the box."""
    if block.tag not in _CAPTION_TAGS:
        return False
    for element in islice(block.element.iterancestors(), _PICTURE_LEVELS):
        first, end = ranges.get(element, (0, 0))
        if end - first != 1 or element.tag not in _PICTURE_BOX_TAGS:
            return False
        if element.find(".//img") is not None or element.find(".//picture") is not None:
            return True
    return False


def _link_lists(chosen: Sequence[Block], container: html.HtmlElement) -> set[int]:
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
