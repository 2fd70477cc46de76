"""Parses XML documents of sources, strictly where that is possible and mended where it is not, record by record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from lxml import etree  # type: ignore[import-untyped]  # lxml ships no types

from coranto.sources.kinds import NotAFeedError
from coranto.sources.xml_text import MarkupText, mend

T = TypeVar("T")
Element = Any
"""An element of lxml, which has no types."""

_AT_ONCE: Final = 1 << 20
# Namespaces by how they are called in feeds; their addresses are written with http and https, with and without an end.
_PREFIXES: Final = {
    "www.w3.org/2005/atom": "atom",
    "purl.org/atom/ns": "atom",
    "example.com/newformat": "atom",
    "purl.org/rss/1.0/modules/content": "content",
    "purl.org/dc/elements/1.1": "dc",
    "purl.org/dc/elements/1.0": "dc",
    "purl.org/dc/terms": "dcterms",
    "search.yahoo.com/mrss": "media",
    "www.itunes.com/dtds/podcast-1.0.dtd": "itunes",
    "rssnamespace.org/feedburner/ext/1.0": "feedburner",
    "www.pheedo.com/namespace/pheedo": "pheedo",
    "www.w3.org/1999/02/22-rdf-syntax-ns": "rdf",
    "purl.org/rss/1.0/modules/syndication": "sy",
    "www.w3.org/1999/xhtml": "xhtml",
    "www.google.com/schemas/sitemap-news/0.9": "news",
    "www.google.com/schemas/sitemap-image/1.1": "image",
    "www.google.com/schemas/sitemap-video/1.1": "video",
    "www.sitemaps.org/schemas/sitemap/0.9": "",
    "www.google.com/schemas/sitemap/0.84": "",
    "purl.org/rss/1.0": "",
    "my.netscape.com/rdf/simple/0.9": "",
    "channel.netscape.com/rdf/simple/0.9": "",
    "backend.userland.com/rss": "",
    "blogs.law.harvard.edu/tech/rss": "",
}
_PLAIN: Final = frozenset({"", "atom"})
"""Prefixes whose elements a reader asks for by their bare names: a feed has the one or the other."""


@dataclass(slots=True)
class Reading:
    """What the reading of a document came to, apart from its records."""

    root: Element
    was_mended: bool
    breaks_off: bool


class Names:
    """Names of elements as `prefix:local` in lower case, whatever prefix the document chose; bare for RSS and Atom."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def __call__(self, element: Element) -> str:
        """The name of this element; empty for what is none, such as a comment."""
        tag = element.tag
        if not isinstance(tag, str):
            return ""
        name = self._known.get(tag)
        if name is None:
            name = self._known[tag] = self._resolve(element, tag)
        return name

    def _resolve(self, element: Element, tag: str) -> str:
        uri, _, local = tag.rpartition("}")
        local = local.lower()
        if not uri:
            return local
        key = uri[1:].lower().partition("://")[2].rstrip("/#") or uri[1:].lower()
        prefix = _PREFIXES.get(key)
        if prefix is None and key.startswith("backend.userland.com/"):
            prefix = ""
        if prefix is None:
            # A default namespace that nobody knows is the template's idea of a name for RSS.
            prefix = (element.prefix or "").lower()
            prefix = "" if prefix in ("rss", "sitemap", "sm") else prefix
        return local if prefix in _PLAIN else f"{prefix}:{local}"


def read_records(
    document: MarkupText, tags: frozenset[str], read: Callable[[Element, Names], T | None], *, most: int
) -> tuple[list[T], Reading]:
    """What `read` makes of each record (an element with one of these local names), at most so many, and the reading.

    A record is emptied once it was read, so that a long document is never held whole as a tree. Raises NotAFeedError
    when nothing can be made of the document.
    """
    try:
        records, root = read_pieces(_cut(document.text), tags, read, most)
        return records, Reading(root, was_mended=document.had_faults, breaks_off=False)
    except etree.XMLSyntaxError:
        text, breaks_off = mend(document.text)
    try:
        records, root = read_pieces(_cut(text), tags, read, most)
    except etree.XMLSyntaxError as error:
        raise NotAFeedError(f"the document cannot be read as XML: {error}") from error
    return records, Reading(root, was_mended=True, breaks_off=breaks_off)


def _cut(text: str) -> Iterator[str]:
    for start in range(0, len(text), _AT_ONCE):
        yield text[start : start + _AT_ONCE]


def read_pieces(
    pieces: Iterable[str], tags: frozenset[str], read: Callable[[Element, Names], T | None], most: int
) -> tuple[list[T], Element]:
    """What `read` makes of each record of a document that comes in pieces, and its root. Raises etree.XMLSyntaxError."""
    # Nothing is left that declares anything; the options say so once more. The size is bounded by whoever calls.
    spellings = [f"{{*}}{tag}" for one in tags for tag in (one, one.upper(), one.title())]
    parser = etree.XMLPullParser(
        events=("end",),
        tag=spellings,
        encoding="utf-8",
        huge_tree=True,
        no_network=True,
        load_dtd=False,
        resolve_entities=False,
        remove_comments=True,
        remove_pis=True,
    )
    names = Names()
    records: list[T] = []
    seen = 0
    for piece in pieces:
        parser.feed(piece.encode("utf-8"))
        for _, element in parser.read_events():
            # One within another is a part of that one's text: its own reader looks at it, or nobody.
            if any(_local(above) in tags for above in element.iterancestors()):
                continue
            seen += 1
            record = read(element, names)
            if record is not None:
                records.append(record)
            element.clear(keep_tail=False)
            if seen >= most:
                return records, element.getroottree().getroot()
    return records, parser.close()


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2].lower()
