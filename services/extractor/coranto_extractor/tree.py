"""Parses a page into one tree that every other module reads, after checking that the page can be held at all.

Limits are checked on the text before the parser sees it, because a parser that has begun cannot be stopped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from lxml import etree, html  # type: ignore[import-untyped]  # lxml ships no types

_TAG_START = re.compile(r"<[a-zA-Z]")
# Control characters that no document type allows; libxml2 would end the document at the first NUL.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_XML_DECLARATION = re.compile(r"^\s{0,200}<\?xml[^>]{0,400}\?>")
_CDATA = re.compile(r"<!\[CDATA\[|\]\]>")
_NOSCRIPT = re.compile(r"</?noscript[^>]{0,200}>", re.IGNORECASE)
# libxml2 gives up at 256 levels without huge_tree; pages with unclosed font tags go beyond that and are still read.
_LONG_TAG = re.compile(r"<[a-zA-Z][^<>]{20000,}>")


class UnreadableError(Exception):
    """The page cannot become a tree. `reason` is one of the service's refusal reasons."""

    def __init__(self, reason: str, evidence: str) -> None:
        super().__init__(f"{reason}: {evidence}")
        self.reason = reason
        self.evidence = evidence


@dataclass(frozen=True)
class TreeLimits:
    """What a page may measure before it is refused."""

    max_page_bytes: int = 20_000_000
    max_nodes: int = 150_000
    max_depth: int = 400


def parse(text: str, limits: TreeLimits) -> html.HtmlElement:
    """The page as a tree. Raises UnreadableError when it has too many nodes, nests too deeply or holds no element."""
    text = _CONTROL.sub("", text)
    nodes = sum(1 for _ in _TAG_START.finditer(text))
    if nodes > limits.max_nodes:
        raise UnreadableError("too_many_nodes", f"{nodes} tags, {limits.max_nodes} allowed")
    text = _XML_DECLARATION.sub("", text, count=1)
    encoded = _SURROGATE.sub("\ufffd", text).encode()
    # Comments stay out: they carry no text, and conditional comments hold old copies of menus.
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        root = html.document_fromstring(encoded, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableError("empty_page", "the page holds no element") from error
    if nodes > limits.max_depth and _deeper_than(limits.max_depth)(root):
        raise UnreadableError("too_deep", f"elements nest more than {limits.max_depth} deep")
    return root


@lru_cache(maxsize=4)
def _deeper_than(depth: int) -> etree.XPath:
    """A test for an element with so many elements around it; libxml2 walks level by level, in no time."""
    return etree.XPath("boolean(/" + "*/" * depth + "*)")


_SENTENCE = re.compile(r"[.!?…。]\s")
_TABLE_PARTS = ("table", "tbody", "thead", "tfoot", "tr", "td", "th", "center", "font")


def unfold_layout_tables(root: html.HtmlElement) -> None:
    """Turn tables that lay the page out into divs, in place: their cells hold text, forms or further tables, not data."""
    for table in list(root.iter("table")):
        if table.tag == "table" and _is_layout(table):
            for element in list(table.iter("table", "tbody", "tr", "td")):
                if element.tag == "table" and element is not table and not _is_layout(element):
                    continue
                if _own_table(element, table) or element is table:
                    element.tag = "div"


def _own_table(element: html.HtmlElement, table: html.HtmlElement) -> bool:
    for ancestor in element.iterancestors():
        if ancestor is table:
            return True
        if ancestor.tag == "table":
            return False
    return False


def _is_layout(table: html.HtmlElement) -> bool:
    if table.find(".//table") is not None or table.find(".//h1") is not None or table.find(".//form") is not None:
        return True
    if table.find(".//th") is not None or table.find(".//caption") is not None:
        return False
    for cell in table.iter("td"):
        if cell.find(".//p") is not None or cell.find(".//div") is not None or cell.find(".//br") is not None:
            text = cell.text_content()
            if len(text) > 400 and len(_SENTENCE.findall(text)) > 3:
                return True
    return False
