"""The few forms of Markdown that the reference pages use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def page(title: str, *parts: str, source: str) -> str:
    """A whole page; `source` names what it is made from, for whoever wants to edit it."""
    note = f"<!-- Made from {source} by `make reference`: edit that, not this page. -->"
    return "\n\n".join((f"# {title}", note, *(part.strip("\n") for part in parts if part))) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; an empty string when it has no rows."""
    lines = [_row(row) for row in rows]
    return "\n".join((_row(head), "|" + "---|" * len(head), *lines)) if lines else ""


def code(text: str) -> str:
    """The text as code within a line."""
    return f"`{text}`"


def block(text: str, language: str) -> str:
    """The text as a block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def _row(cells: Sequence[str]) -> str:
    # A bar would end the cell, even inside code.
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
