"""The article's text as HTML: the one piece that several formats need."""

from __future__ import annotations

from html import escape
from itertools import groupby

from coranto.records import Content

WITHDRAWN = "Withdrawn by its publisher."
"""Instead of the text, for people who read an article that is retracted."""

_ELEMENTS = {
    "paragraph": "p",
    "standfirst": "p",
    "heading": "h2",
    "quote": "blockquote",
    "list_item": "li",
    "code": "pre",
}


def to_html(content: Content) -> str:
    """The text's blocks as HTML elements, one to a line; items that follow one another share a list."""
    lines = []
    for kind, blocks in groupby(content.paragraphs, key=lambda block: block.kind):
        element = _ELEMENTS[kind]
        elements = [f"<{element}>{escape(block.text, quote=False)}</{element}>" for block in blocks]
        lines += ["<ul>", *elements, "</ul>"] if kind == "list_item" else elements
    return "\n".join(lines)
