"""Finds what a page lists: lines that open with a link, links that say the same again and again, links outside the menus."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from urllib.parse import urlsplit

from coranto_extractor.language.sentences import ends_with_sentence
from coranto_extractor.page.blocks import HEADINGS, Block, text_weight
from coranto_extractor.page.metadata import PageMetadata

# Where the links of a whole site stand.
_MENUS = frozenset({"nav", "aside", "header", "footer", "comment", "consent"})
_MAX_LABEL_CHARS = 40
# A link with less text is a label or a number; a date may stand before the link that opens an entry.
_MIN_LINK_WEIGHT = 15.0
_MAX_CHARS_BEFORE_LINK = 30
_MIN_LINK_SHARE_OF_ENTRY = 0.3
_MIN_LINK_SHARE = 0.6
_MIN_LINE_WEIGHT = 25.0
_MAX_LINKS = 1000
_CLOSING = " .:…)]>»›→|"
# Links to a heading of the same page.
_ANCHORS = "#¶§"
_PICTURES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".svg")


def count_entries(page: PageMetadata, blocks: Sequence[Block]) -> int:
    """How many pages of the site the page lists outside its menus, by whichever sign finds most."""
    outside = [block for block in blocks if not block.regions & _MENUS]
    return max(len(find_linked_lines(outside)), len(find_entries(outside)), find_repeated_link(page, outside)[1])


def find_entries(lines: Iterable[Block]) -> list[Block]:
    """Those of the lines that open with a link, as the entries of a list do, perhaps after a date."""
    return [block for block in lines if block.links and _opens_with_link(block)]


def find_repeated_link(page: PageMetadata, blocks: Iterable[Block]) -> tuple[str, int]:
    """What most links at the end of a line say alike, such as “Read more”, and to how many pages of the site; ("", 0) for none."""
    targets: dict[str, set[str]] = {}
    links = ((block.text, *block.links[-1]) for block in blocks if block.links and not block.regions & _MENUS)
    for line, href, text in islice(links, _MAX_LINKS):
        if not (_is_label(text) and line.rstrip(_CLOSING).endswith(text.rstrip(_CLOSING))) or href.startswith("#"):
            continue
        path = _path_on_site(page, href)
        if path:
            targets.setdefault(text.casefold(), set()).add(path)
    counted = ((text, len(paths)) for text, paths in targets.items())
    return max(counted, key=lambda found: found[1], default=("", 0))


def find_linked_lines(blocks: Iterable[Block]) -> list[Block]:
    """The lines outside the menus that are links as a whole, and headings or long enough to be headlines."""
    linked = (block for block in blocks if block.link_share > _MIN_LINK_SHARE and not block.regions & _MENUS)
    return [block for block in linked if block.tag in HEADINGS or block.weight >= _MIN_LINE_WEIGHT]


def _opens_with_link(block: Block) -> bool:
    text = block.links[0][1]
    # Articles whose paragraphs are links have been seen; theirs are sentences.
    if text_weight(text) < _MIN_LINK_WEIGHT or ends_with_sentence(text):
        return False
    is_at_beginning = 0 <= block.text.find(text) <= _MAX_CHARS_BEFORE_LINK
    return is_at_beginning and block.link_share >= _MIN_LINK_SHARE_OF_ENTRY


def _is_label(text: str) -> bool:
    return 0 < len(text) <= _MAX_LABEL_CHARS and text not in _ANCHORS and not text.isdigit()


def _path_on_site(page: PageMetadata, href: str) -> str | None:
    """The path and query that the link leads to; None for another site's, and for a picture's."""
    try:
        url = urlsplit(page.absolute(href) or "")
        is_own = (url.hostname or "").removeprefix("www.") == page.host
    except ValueError:
        return None
    return f"{url.path}?{url.query}" if is_own and not url.path.lower().endswith(_PICTURES) else None
