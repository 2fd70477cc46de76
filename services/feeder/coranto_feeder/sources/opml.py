"""Reads and writes lists of feeds in OPML, the format that feed readers exchange."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree.ElementTree import ParseError
from xml.sax.saxutils import escape, quoteattr

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from coranto.urls import UnsupportedUrlError, parse


class BadOpmlError(ValueError):
    """The document is not an OPML list; the text says what was seen."""


@dataclass(frozen=True, slots=True)
class Outline:
    """One feed of a list."""

    url: str
    title: str | None = None


def read_opml(document: bytes) -> list[Outline]:
    """The feeds of the list, each once, those in folders included; entries without a usable address are left out."""
    try:
        root = fromstring(document)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise BadOpmlError(f"expected an OPML document, and it cannot be read: {error}") from error
    if root.tag.rpartition("}")[2].lower() != "opml":
        raise BadOpmlError(f"expected an OPML document, got one whose root is <{root.tag[:60]}>")
    found: dict[str, Outline] = {}
    for element in root.iter():
        names = {name.lower(): value.strip() for name, value in element.attrib.items()}
        address = names.get("xmlurl", "")
        if not address:
            continue
        try:
            url = str(parse(address))
        except UnsupportedUrlError:
            continue
        if url.startswith(("http://", "https://")):
            found.setdefault(url, Outline(url, names.get("title") or names.get("text") or None))
    return list(found.values())


def write_opml(feeds: Iterable[Outline], *, title: str = "Coranto") -> str:
    """The feeds as an OPML 2.0 document."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<opml version="2.0">']
    lines += [f"<head><title>{escape(title)}</title></head>", "<body>"]
    lines += [
        f'<outline type="rss" text={quoteattr(feed.title or feed.url)} xmlUrl={quoteattr(feed.url)}/>' for feed in feeds
    ]
    return "\n".join([*lines, "</body>", "</opml>", ""])
