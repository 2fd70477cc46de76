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
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
# libxml2 compares each attribute of an element with all those before it.
_MAX_ATTRIBUTES = 20_000
# A dozen expressions look at each class, which takes a second for each million characters.
_LARGE_PAGE_CHARS = 1_000_000
_MAX_NAME_CHARS = 2000
_NAMES = ("class", "id", "itemprop", "rel")
_LONG_NAMES = etree.XPath(f"//*[{' or '.join(f'string-length(@{name}) > {_MAX_NAME_CHARS}' for name in _NAMES)}]")
_LONG_TAG = re.compile(f"<[^<]{{{4 * _MAX_ATTRIBUTES},}}")


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
    max_nodes: int = 120_000
    max_depth: int = 400


def parse(text: str, limits: TreeLimits) -> html.HtmlElement:
    """The page as a tree. Raises UnreadableError when it has too many nodes or attributes, nests too deeply or holds none."""
    text = _CONTROL.sub("", text)
    # A page has at most as many tags as brackets, which are counted in no time; scripts have brackets too.
    nodes = text.count("<")
    if nodes > limits.max_nodes and (nodes := sum(1 for _ in _TAG_START.finditer(text))) > limits.max_nodes:
        raise UnreadableError("too_many_nodes", f"{nodes} tags, {limits.max_nodes} allowed")
    attributes = max(map(_attributes, _LONG_TAG.findall(text)), default=0)
    if attributes > _MAX_ATTRIBUTES:
        raise UnreadableError("too_many_nodes", f"{attributes} attributes in a tag, {_MAX_ATTRIBUTES} allowed")
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
    if len(text) > _LARGE_PAGE_CHARS:
        _shorten_names(root)
    return root


def _shorten_names(root: html.HtmlElement) -> None:
    """Cut the classes and ids that are too long to be names."""
    for element in _LONG_NAMES(root):
        for attribute in _NAMES:
            if attribute in element.attrib:
                element.set(attribute, element.get(attribute)[:_MAX_NAME_CHARS])


def _attributes(tag: str) -> int:
    return len(_QUOTED.sub("", tag.removeprefix("<")).partition(">")[0].split())


@lru_cache(maxsize=4)
def _deeper_than(depth: int) -> etree.XPath:
    """A test for an element with so many elements around it; libxml2 walks level by level, in no time."""
    return etree.XPath("boolean(/" + "*/" * depth + "*)")


_SENTENCE = re.compile(r"[.!?…。]\s")
_TABLE_PARTS = ("table", "tbody", "thead", "tfoot", "tr", "td", "th", "center", "font")


def unfold_layout_tables(root: html.HtmlElement) -> None:
    """Turn tables that lay the page out into divs, in place: their cells hold text, forms or further tables, not data."""
    layout = {table for table in root.iter("table") if _is_layout(table)}
    parts = [
        element for element in root.iter("tbody", "tr", "td") if next(element.iterancestors("table"), None) in layout
    ]
    for element in (*layout, *parts):
        element.tag = "div"


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
