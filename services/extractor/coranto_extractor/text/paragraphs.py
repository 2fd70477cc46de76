"""What the chosen lines of a text are in the record: paragraphs, headings, quotes, items, code, and rows of tables."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto.records.sections import Block as TextBlock
from coranto_extractor.page.blocks import HEADINGS, Block

Kind = Literal["paragraph", "heading", "quote", "list_item", "code"]

_KINDS: dict[str, Kind] = {"quote": "quote", "list": "list_item", "code": "code"}


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A block of the text: one line, or the cells of a table's row."""

    lines: tuple[str, ...]
    kind: Kind = "paragraph"

    @property
    def text(self) -> str:
        """The text, with bars between cells."""
        return " | ".join(self.lines)

    def to_record(self) -> TextBlock:
        """The paragraph as the record holds it."""
        return TextBlock(kind=self.kind, text=self.text)


def paragraphs_of(texts: Sequence[str], blocks: Sequence[Block]) -> list[Paragraph]:
    """The lines as paragraphs, from what the page's blocks say of them; those of no block are plain paragraphs."""
    found: list[Paragraph] = []
    last_row: html.HtmlElement | None = None
    for text, block in zip(texts, _blocks_of(texts, blocks), strict=True):
        row = _row_of(block) if block is not None else None
        if row is not None and row is last_row:
            found[-1] = Paragraph((*found[-1].lines, text))
        else:
            found.append(Paragraph((text,), _kind(block) if block is not None else "paragraph"))
        last_row = row
    return found


def _blocks_of(texts: Sequence[str], blocks: Sequence[Block]) -> Iterator[Block | None]:
    """For each text the block it stands in; of several with the same text the one that comes next."""
    waiting: dict[str, deque[Block]] = {}
    for block in blocks:
        waiting.setdefault(block.text, deque()).append(block)
    place = -1
    for text in texts:
        alike = waiting.get(text)
        while alike and len(alike) > 1 and alike[0].place <= place:
            alike.popleft()
        found = alike[0] if alike else None
        place = found.place if found is not None else place
        yield found


def _row_of(block: Block) -> html.HtmlElement | None:
    """The row of a table whose cell the block is."""
    return block.element.getparent() if block.tag in ("td", "th") else None


def _kind(block: Block) -> Kind:
    if block.tag in HEADINGS and not block.is_set_as_heading:
        return "heading"
    return next((kind for part, kind in _KINDS.items() if part in block.regions), "paragraph")
