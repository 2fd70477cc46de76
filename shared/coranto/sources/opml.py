"""Reads and writes lists of feeds in OPML, the format that feed readers exchange."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from lxml import etree  # type: ignore[import-untyped]  # lxml ships no types

from coranto.sources.entry_fields import plain_line
from coranto.sources.kinds import NotAFeedError
from coranto.sources.text_decoding import decode
from coranto.sources.xml_text import clean
from coranto.urls import UnsupportedUrlError, parse

_LONGEST_NAME: Final = 200
_MOST_TAGS: Final = 20


class BadOpmlError(ValueError):
    """The document is not an OPML list; the text says what was seen."""


@dataclass(frozen=True, slots=True)
class Outline:
    """One feed of a list."""

    url: str
    title: str | None = None
    tags: tuple[str, ...] = ()
    """Names of the folders it is in, and its categories."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One line of a list that names no feed that could be polled."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class FeedList:
    """What a list of feeds came to."""

    feeds: tuple[Outline, ...]
    left_out: tuple[LeftOut, ...] = ()


def read_opml(document: bytes) -> FeedList:
    """The feeds of the list, each once, with the folders they are in. Raises BadOpmlError."""
    text = decode(document)
    try:
        cleaned = clean(text)
    except NotAFeedError as error:
        raise BadOpmlError(f"expected an OPML document, and {error}") from error
    if cleaned is None or cleaned.root != "opml":
        seen = f"one whose root is <{cleaned.root}>" if cleaned is not None else f"{text.strip()[:40]!r}"
        raise BadOpmlError(f"expected an OPML document, got {seen}")
    parser = etree.XMLParser(encoding="utf-8", no_network=True, load_dtd=False, resolve_entities=False)
    try:
        root = etree.fromstring(cleaned.text.encode("utf-8"), parser)
    except etree.XMLSyntaxError as error:
        raise BadOpmlError(f"expected an OPML document, and it cannot be read: {error}") from error
    lines_before = text.count("\n", 0, text.find(cleaned.text[:6]))
    found: dict[str, Outline] = {}
    left_out: list[LeftOut] = []
    folders: list[str] = []
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if str(element.tag).lower() != "outline":
            continue
        names = {str(name).lower(): str(value).strip() for name, value in element.attrib.items()}
        if "xmlurl" not in names:
            if event == "start":
                folders.append(names.get("text") or names.get("title") or "")
            elif folders:
                folders.pop()
        elif event == "start":
            feed = _feed(names, folders)
            if isinstance(feed, str):
                left_out.append(LeftOut(lines_before + (element.sourceline or 0), feed))
            else:
                found.setdefault(feed.url, feed)
    return FeedList(tuple(found.values()), tuple(left_out))


def _feed(names: dict[str, str], folders: list[str]) -> Outline | str:
    """The feed of an outline, or why it is none."""
    try:
        address = parse(names["xmlurl"])
    except UnsupportedUrlError as error:
        return str(error)
    if address.scheme == "file":
        return f"a feed must have an http or https address, got {names['xmlurl'][:100]!r}"
    categories = [part.strip() for group in names.get("category", "").split(",") for part in group.split("/")]
    tags = [tag for name in (*folders, *categories) if (tag := plain_line(name, _LONGEST_NAME)) is not None]
    title = plain_line(names.get("title") or names.get("text"), _LONGEST_NAME)
    return Outline(str(address).partition("#")[0], title, tuple(dict.fromkeys(tags))[:_MOST_TAGS])


def read_address_list(document: bytes) -> FeedList:
    """The feeds of a list with one address per line; what begins with # is a remark."""
    found: dict[str, Outline] = {}
    left_out: list[LeftOut] = []
    for number, line in enumerate(decode(document).splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        feed = _feed({"xmlurl": text}, [])
        if isinstance(feed, str):
            left_out.append(LeftOut(number, feed))
        else:
            found.setdefault(feed.url, feed)
    return FeedList(tuple(found.values()), tuple(left_out))


def write_opml(feeds: Iterable[Outline], *, title: str = "Coranto") -> str:
    """The feeds as an OPML 2.0 document, in folders by their first tags."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<opml version="2.0">']
    lines += [f"<head><title>{escape(title)}</title></head>", "<body>"]
    folders: dict[str, list[str]] = {}
    for feed in feeds:
        folder, *others = feed.tags or ("",)
        category = f" category={quoteattr(','.join(tag.replace(',', ' ') for tag in others))}" if others else ""
        folders.setdefault(folder, []).append(
            f'<outline type="rss" text={quoteattr(feed.title or feed.url)} xmlUrl={quoteattr(feed.url)}{category}/>'
        )
    for folder, outlines in folders.items():
        lines += outlines if not folder else [f"<outline text={quoteattr(folder)}>", *outlines, "</outline>"]
    return "\n".join([*lines, "</body>", "</opml>", ""])
