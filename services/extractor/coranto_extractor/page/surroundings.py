"""Selects the blocks around the headline and below the text, where dates and bylines stand."""

from __future__ import annotations

from collections.abc import Sequence

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto_extractor.language import phrase_lists
from coranto_extractor.page.blocks import HEADINGS, Block, BlockList

# How many blocks to look at: above the headline, from the headline on, and below the last paragraph.
_BLOCKS_ABOVE_HEADLINE = 6
_MAX_BLOCKS_BELOW_HEADLINE = 30
_BLOCKS_BELOW_TEXT = 8
# Without prose in the container, the text is assumed to begin this far below the headline; and without a headline, the
# headline is assumed to be this far above the text.
_ASSUMED_DISTANCE = 12
_ASSUMED_BLOCKS_ABOVE_TEXT = 8
_MAX_TEASER_LINK_SHARE = 0.6
_BLOCKS_WITH_BYLINES = 6
# A linked line of more words is a headline rather than a name.
_MAX_LINKED_NAME_WORDS = 4
_OUTSIDE_ARTICLE = frozenset({"nav", "aside", "comment"})
_WITHOUT_BYLINES = _OUTSIDE_ARTICLE | {"caption", "author-box", "notice"}


def around_headline(blocks: BlockList, heading: str | None, container: html.HtmlElement | None) -> list[Block]:
    """The blocks around the headline, before the first paragraphs, and right below the last one."""
    headline = _index_of_headline(blocks, heading)
    begin, end = blocks.ranges.get(container, (0, 0)) if container is not None else (0, 0)
    prose = [n for n in range(begin, end) if blocks[n].is_prose]
    first = prose[0] if prose else (headline or 0) + _ASSUMED_DISTANCE
    start = max(0, first - _ASSUMED_BLOCKS_ABOVE_TEXT) if headline is None else headline
    if first < start:
        first = start + _ASSUMED_DISTANCE
    window = [
        *blocks[start : min(first + 1, start + _MAX_BLOCKS_BELOW_HEADLINE)],
        *before_teasers(blocks, first + 1, _BLOCKS_BELOW_TEXT)[:1],
        *reversed(blocks[max(0, start - _BLOCKS_ABOVE_HEADLINE) : start]),
    ]
    if len(prose) > 1 and headline is not None and first == headline + 1:
        # Below a standfirst, the byline and the date stand above the next paragraph.
        window += _up_to_link(before_teasers(blocks, first + 1, min(prose[1] - first - 1, _ASSUMED_DISTANCE)))
    last = prose[-1] if prose else first
    window += before_teasers(blocks, last + 1, _BLOCKS_BELOW_TEXT)
    # Some pages put the headline itself into the caption of the picture above the text.
    is_in_caption = start < len(blocks) and "caption" in blocks[start].regions
    excluded = _OUTSIDE_ARTICLE if is_in_caption else _OUTSIDE_ARTICLE | {"caption"}
    return [block for block in window if not block.regions & excluded]


def _up_to_link(blocks: Sequence[Block]) -> Sequence[Block]:
    """The blocks above the first linked headline of another article, or the first quotation, as of an embedded post."""
    end = next((n for n, block in enumerate(blocks) if "quote" in block.regions or _is_linked_line(block)), len(blocks))
    return blocks[:end]


def _is_linked_line(block: Block) -> bool:
    return block.link_share > _MAX_TEASER_LINK_SHARE and len(block.text.split()) > _MAX_LINKED_NAME_WORDS


def _index_of_headline(blocks: BlockList, heading: str | None) -> int | None:
    if not heading:
        return None
    exact = next((n for n, block in enumerate(blocks) if block.text == heading and block.tag in ("h1", "h2")), None)
    if exact is not None:
        return exact
    holding = [n for n, block in enumerate(blocks) if heading in block.text and len(block.text) < 2 * len(heading)]
    # Menus list the headlines of the day.
    return next((n for n in holding if "nav" not in blocks[n].regions), next(iter(holding), None))


def before_teasers(blocks: Sequence[Block], start: int, count: int) -> Sequence[Block]:
    """So many blocks from this index on, up to the first linked heading, or one such as “Read also”.

    What follows it belongs to other articles, and so does what stands above it in the same card, as a date often does.
    """
    following = blocks[start : start + count]
    end = next((n for n, block in enumerate(following) if block.tag in HEADINGS and _heads_teasers(block)), None)
    if end is None:
        return following
    card = following[end].element.getparent()
    if card is not None and start and not _is_within(blocks[start - 1], card):
        while end and _is_within(following[end - 1], card):
            end -= 1
    return following[:end]


def _is_within(block: Block, element: html.HtmlElement) -> bool:
    return block.element is element or element in block.element.iterancestors()


def _heads_teasers(heading: Block) -> bool:
    label = heading.text.strip(" :.…»›>▶|-–—").casefold()
    return (
        heading.link_share > _MAX_TEASER_LINK_SHARE
        or phrase_lists.exact_phrase("read_also").fullmatch(label) is not None
    )


def below_text(blocks: BlockList, texts: Sequence[str], known: Sequence[Block]) -> list[Block]:
    """The blocks below the end of the text, without the known ones."""
    # A footer may have been taken for the last line of the text, so the search begins one line earlier.
    closing = set(texts[-2:])
    end = next((n for n, block in enumerate(blocks) if block.text in closing), len(blocks))
    known_indexes = {block.index for block in known}
    return [
        block
        for block in before_teasers(blocks, end + 1, _BLOCKS_WITH_BYLINES)
        if block.index not in known_indexes and block.text not in closing and not block.regions & _WITHOUT_BYLINES
    ]
