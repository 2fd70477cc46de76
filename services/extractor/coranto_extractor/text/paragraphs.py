"""Gives each line of the chosen text its kind: paragraph, heading, quote, list item, code, or row of a table."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto.records.sections import Block as TextBlock
from coranto_extractor.page.blocks import HEADINGS, Block
from coranto_extractor.text.lines import kept

Kind = Literal["paragraph", "standfirst", "heading", "quote", "list_item", "code"]

_KIND_OF_REGION: dict[str, Kind] = {"quote": "quote", "list": "list_item", "code": "code"}


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A block of the text: one line, or the cells of a table row."""

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
    """The lines with the kinds of the blocks they come from. A line that comes from no block is a plain paragraph."""
    found: list[Paragraph] = []
    last_row: html.HtmlElement | None = None
    for text, block in zip(texts, _blocks_of(texts, blocks), strict=True):
        row = _table_row(block) if block is not None else None
        if row is not None and row is last_row:
            found[-1] = Paragraph((*found[-1].lines, text))
        else:
            found.append(Paragraph((text,), _kind(block) if block is not None else "paragraph"))
        last_row = row
    return found


def lines_of(paragraphs: Sequence[Paragraph]) -> list[str]:
    """The lines of the paragraphs: one each, but all cells of a row."""
    return [line for paragraph in paragraphs for line in paragraph.lines]


def _blocks_of(texts: Sequence[str], blocks: Sequence[Block]) -> Iterator[Block | None]:
    """For each text, the block it comes from. Of several blocks with the same text, the next one is taken."""
    waiting: dict[str, deque[Block]] = {}
    for block in blocks:
        waiting.setdefault(block.text, deque()).append(block)
    index = -1
    for text in texts:
        alike = waiting.get(text)
        while alike and len(alike) > 1 and alike[0].index <= index:
            alike.popleft()
        found = alike[0] if alike else None
        index = found.index if found is not None else index
        yield found


def _table_row(block: Block) -> html.HtmlElement | None:
    """The table row that the block is a cell of."""
    return block.element.getparent() if block.tag in ("td", "th") else None


def _kind(block: Block) -> Kind:
    if block.tag in HEADINGS and not block.is_set_as_heading:
        return "heading"
    return next((kind for region, kind in _KIND_OF_REGION.items() if region in block.regions), "paragraph")


def kept_paragraphs(texts: Sequence[str], blocks: Sequence[Block], heading: str | None) -> list[Paragraph]:
    """The paragraphs of the text without the lines that are not part of it."""
    paragraphs = paragraphs_of(texts, blocks)
    stays = kept([paragraph.text for paragraph in paragraphs], heading)
    in_rows = [len(paragraph.lines) > 1 for paragraph in paragraphs]
    # Numbers alone are a counter, but the rows of numbers below a row that is text are its table.
    for n in range(1, len(paragraphs)):
        stays[n] = stays[n] or (stays[n - 1] and in_rows[n - 1] and in_rows[n])
    return [paragraph for paragraph, stay in zip(paragraphs, stays, strict=True) if stay]


def with_standfirst(paragraphs: Sequence[Paragraph], line: int | None) -> list[Paragraph]:
    """The paragraphs with the one that is this line of the text marked as the standfirst."""
    marked: list[Paragraph] = []
    first = 0
    for paragraph in paragraphs:
        marked.append(replace(paragraph, kind="standfirst") if first == line else paragraph)
        first += len(paragraph.lines)
    return marked
