"""Parses a page into the one tree that all other modules read, after checking that the page is not too large.

The limits are checked on the text before parsing, because a running parser cannot be stopped.
"""

from __future__ import annotations

import re
from functools import lru_cache

from lxml import etree, html  # type: ignore[import-untyped]  # lxml ships no types

from coranto_extractor.language.sentences import count_sentences
from coranto_extractor.page.limits import PageLimits

_TAG_START = re.compile(r"<[a-zA-Z]")
# Control characters that no document type allows. libxml2 would end the document at the first NUL.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_XML_DECLARATION = re.compile(r"^\s{0,200}<\?xml[^>]{0,400}\?>")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
# Per element: libxml2 compares each attribute with all those before it.
_MAX_ATTRIBUTES = 20_000
_MIN_ATTRIBUTE_CHARS = 4
# A dozen patterns are applied to each class name, which takes a second per million characters. In pages of this size,
# names are cut to the length below.
_LARGE_PAGE_CHARS = 1_000_000
_MAX_NAME_CHARS = 2000
_NAME_ATTRIBUTES = ("class", "id", "itemprop", "rel")
_ELEMENTS_WITH_LONG_NAMES = etree.XPath(
    f"//*[{' or '.join(f'string-length(@{name}) > {_MAX_NAME_CHARS}' for name in _NAME_ATTRIBUTES)}]"
)
_LONG_TAG = re.compile(f"<[^<]{{{_MIN_ATTRIBUTE_CHARS * _MAX_ATTRIBUTES},}}")
_HEAD_ELEMENTS = frozenset({"title", "meta", "link", "base", "script", "style", "noscript", "template"})
# A cell with more text and more sentences than these is part of the page's layout, not of a data table.
_MAX_DATA_CELL_CHARS = 400
_MAX_DATA_CELL_SENTENCES = 3


class UnreadableError(Exception):
    """The page cannot be read. `reason` is one of the service's drop reasons."""

    def __init__(self, reason: str, evidence: str) -> None:
        super().__init__(f"{reason}: {evidence}")
        self.reason = reason
        self.evidence = evidence


def parse(text: str, limits: PageLimits) -> html.HtmlElement:
    """The page as a tree. Raises UnreadableError when it is empty, too large, or nested too deeply."""
    text = _CONTROL.sub("", text)
    # Counting brackets is fast, and there cannot be more tags than brackets. Scripts contain brackets too.
    nodes = text.count("<")
    if nodes > limits.max_nodes and (nodes := sum(1 for _ in _TAG_START.finditer(text))) > limits.max_nodes:
        raise UnreadableError("too_many_nodes", f"{nodes} tags, {limits.max_nodes} allowed")
    attributes = max(map(_count_attributes, _LONG_TAG.findall(text)), default=0)
    if attributes > _MAX_ATTRIBUTES:
        raise UnreadableError("too_many_nodes", f"{attributes} attributes in a tag, {_MAX_ATTRIBUTES} allowed")
    text = _XML_DECLARATION.sub("", text, count=1)
    encoded = _SURROGATE.sub("\ufffd", text).encode()
    # Comments are removed: they contain no text, and conditional comments hold old copies of menus.
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        root = html.document_fromstring(encoded, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableError("empty_page", "the page holds no element") from error
    if nodes > limits.max_depth and _is_deeper_than(limits.max_depth)(root):
        raise UnreadableError("too_deep", f"elements nest more than {limits.max_depth} deep")
    if len(text) > _LARGE_PAGE_CHARS:
        _shorten_names(root)
    _end_head(root)
    return root


def _end_head(root: html.HtmlElement) -> None:
    """Move what the head cannot hold into the body, with all that follows it.

    HTML lets a page leave out `</head>` and `<body>`. libxml2 knows only the elements of HTML 4 to begin a body; `main`, `article`
    and `header` become part of the head for it.
    """
    head = root.find("head")
    if head is None:
        return
    first = next((n for n, child in enumerate(head) if child.tag not in _HEAD_ELEMENTS), None)
    if first is None:
        return
    body = root.find("body")
    if body is None:
        body = etree.SubElement(root, "body")
    body[0:0] = head[first:]


def _shorten_names(root: html.HtmlElement) -> None:
    """Shorten classes and ids that are too long to be names."""
    for element in _ELEMENTS_WITH_LONG_NAMES(root):
        for attribute in _NAME_ATTRIBUTES:
            if attribute in element.attrib:
                element.set(attribute, element.get(attribute)[:_MAX_NAME_CHARS])


def _count_attributes(tag: str) -> int:
    return len(_QUOTED.sub("", tag.removeprefix("<")).partition(">")[0].split())


@lru_cache(maxsize=4)
def _is_deeper_than(depth: int) -> etree.XPath:
    """An expression that is true for a tree with an element below so many others. libxml2 evaluates it level by level, fast."""
    return etree.XPath("boolean(/" + "*/" * depth + "*)")


def unfold_layout_tables(root: html.HtmlElement) -> None:
    """Turn tables that lay the page out into divs, in place: their cells hold text, forms or further tables, not data."""
    layout = {table for table in root.iter("table") if _is_layout(table)}
    rows_and_cells = [
        element for element in root.iter("tbody", "tr", "td") if next(element.iterancestors("table"), None) in layout
    ]
    for element in (*layout, *rows_and_cells):
        element.tag = "div"


def _is_layout(table: html.HtmlElement) -> bool:
    if table.find(".//table") is not None or table.find(".//h1") is not None or table.find(".//form") is not None:
        return True
    if table.find(".//th") is not None or table.find(".//caption") is not None:
        return False
    for cell in table.iter("td"):
        if cell.find(".//p") is not None or cell.find(".//div") is not None or cell.find(".//br") is not None:
            # Joined with spaces, or the sentences at the ends of paragraphs do not end.
            text = " ".join(cell.itertext())
            if len(text) > _MAX_DATA_CELL_CHARS and count_sentences(text) > _MAX_DATA_CELL_SENTENCES:
                return True
    return False
