"""Finds the standfirst between headline and text, where the page has it outside the text's container."""

from __future__ import annotations

import re
from collections.abc import Sequence

from coranto_extractor.language import phrase_lists
from coranto_extractor.language.sentences import SENTENCE_END
from coranto_extractor.page.blocks import HEADINGS, Block, BlockList
from coranto_extractor.page.regions import BOILERPLATE_REGIONS, sidebar_names
from coranto_extractor.page.standfirst import is_marked_as_standfirst
from coranto_extractor.text.boxes import is_caption

# With a larger share of links a line is no text.
_MAX_LINE_LINK_SHARE = 0.3
# The standfirst is at most so many blocks below the headline, at most two blocks, and of this weight.
_MAX_BLOCKS_TO_STANDFIRST = 14
_MAX_STANDFIRST_BLOCKS = 2
_MIN_STANDFIRST_WEIGHT, _MAX_STANDFIRST_WEIGHT = 40, 700
_MAX_BYLINE_WEIGHT = 140
_MAX_DATE_WEIGHT = 60
_COMPARED_CHARS = 60
# Also where a script has put the year and the hour together: “Nov 20 20194:29 AM”.
_YEAR_OR_TIME = re.compile(r"(?<!\d)(?:19|20)\d\d|\d:\d\d")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_CLOCK_TIME = re.compile(r"\b\d{1,2}[:.]\d{2}\b")


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
            or (block.weight >= _MIN_STANDFIRST_WEIGHT and not _YEAR_OR_TIME.search(block.text))
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
        and not is_caption(block, blocks.ranges)
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
    if is_below_headline and is_set_apart and not _YEAR_OR_TIME.search(block.text):
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
