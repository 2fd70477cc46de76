"""Makes the text of an XML document such that a strict parser takes it, and says what was wrong with it.

Feeds are written by templates: references to characters that do not exist, bare ampersands, control characters, entities
of HTML, something before the declaration. `clean` puts that right in every document. `mend` goes further, for documents
that a parser refuses even then: it closes, drops and quotes until the tags fit together. Both take time that grows with
the text and with nothing else. No DTD is ever read: it is dropped, with all that it could have made a parser do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.entities import html5
from typing import Final
from xml.sax.saxutils import escape

from coranto.sources.kinds import NotAFeedError

_LONGEST_ENTITY: Final = 100
_MOST_ENTITIES: Final = 300
_DEEPEST: Final = 100
_SEARCHED: Final = 20_000

_ROOT: Final = re.compile(
    r"<!--.*?(?:-->|\Z)|<(?P<html>!doctype\s+html\b)|<(?:[A-Za-z_][\w.\-]*:)?(?P<root>rss|feed|rdf|channel|urlset|sitemapindex|html|opml)\b",
    re.IGNORECASE | re.DOTALL,
)
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DOCTYPE: Final = re.compile(r"<!DOCTYPE\b", re.IGNORECASE)
_ENTITY: Final = re.compile(
    r"<!--.*?(?:-->|\Z)|<!ENTITY\s+(?P<parameter>%\s*)?(?P<name>[^\s>]{1,100})\s+(?P<value>\"[^\"]*\"?|'[^']*'?|[^>]{0,400})",
    re.IGNORECASE | re.DOTALL,
)
# Sections that are taken as they stand, or a reference; what is never closed reaches to the end.
_VERBATIM_OR_REFERENCE: Final = re.compile(
    r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)|&(?:#[xX]([0-9A-Fa-f]{1,8});?|#([0-9]{1,10});?|([A-Za-z][A-Za-z0-9]{1,31});)?",
    re.DOTALL,
)
_PREDEFINED: Final = frozenset({"amp", "lt", "gt", "quot", "apos"})
_HIGH, _LOW = range(0xD800, 0xDC00), range(0xDC00, 0xE000)
_SURROGATES: Final = re.compile(
    r"&#(?:(?P<x>[xX])(?P<a>[dD][89abAB][0-9a-fA-F]{2})|(?P<b>5[5-6][0-9]{3}));&#(?:[xX](?P<c>[dD][c-fC-F][0-9a-fA-F]{2})|(?P<d>5[6-7][0-9]{3}));"
)


@dataclass(frozen=True, slots=True)
class MarkupText:
    """A document from its root element on."""

    root: str
    """Name of the root element in lower case, without prefix."""
    text: str
    had_faults: bool
    """Whether anything had to be put right."""


def find_root(text: str) -> re.Match[str] | None:
    """The start of the root element of a feed, sitemap or page near the beginning of the text, outside of comments."""
    for match in _ROOT.finditer(text[:_SEARCHED]):
        if match["html"] is not None or match["root"] is not None:
            return match
    return None


def clean(text: str) -> MarkupText | None:
    """The document from its root element on, with nothing in it that no XML may contain; None when it has no root.

    Raises NotAFeedError for a DTD whose entities could grow or reach outside.
    """
    root = find_root(text)
    if root is None:
        return None
    name = "html" if root["html"] is not None else root["root"].lower()
    entities = _declared_entities(text[: root.start()])
    body = text[root.start() :]
    fixed = clean_piece(body, entities)
    return MarkupText(name, fixed, had_faults=fixed != body)


def clean_piece(text: str, entities: Mapping[str, str] | None = None) -> str:
    """A piece of a document as `clean` leaves it. No reference and no verbatim section may begin or end outside of it."""
    fixed = _FORBIDDEN.sub(_without_forbidden, text)
    return _fix_references(fixed, entities or {}) if "&" in fixed else fixed


def declares_anything(prolog: str) -> bool:
    """Whether what stands before the root element has a DTD."""
    return _DOCTYPE.search(prolog) is not None


def _without_forbidden(match: re.Match[str]) -> str:
    # Separators and form feeds stand between words; of the rest nobody knows what it was to be.
    return " " if match[0].isspace() else ""


def _declared_entities(prolog: str) -> dict[str, str]:
    """Entities that the DTD declares for a character or a word, which is common in old feeds."""
    doctype = _DOCTYPE.search(re.sub(r"<!--.*?(?:-->|\Z)", "", prolog, flags=re.DOTALL))
    if doctype is None:
        return {}
    found: dict[str, str] = {}
    for match in _ENTITY.finditer(doctype.string, doctype.end()):
        if match["name"] is None:
            continue
        value = match["value"].strip()
        if value.startswith("PUBLIC") and "-//W3C//ENTITIES" in value:
            continue  # HTML's own entities; they are known without it
        is_quoted = value[:1] in ("'", '"')
        word = value[1:].rstrip(value[0]) if is_quoted else ""
        grows = not is_quoted or "%" in word or len(word) > _LONGEST_ENTITY or ("&" in word.replace("&#", ""))
        if match["parameter"] or grows or len(found) >= _MOST_ENTITIES:
            raise NotAFeedError("the document declares entities that could grow or reach outside")
        found.setdefault(match["name"], _fix_references(word, {}))
    return found


def _fix_references(text: str, entities: Mapping[str, str]) -> str:
    def fixed(match: re.Match[str]) -> str:
        whole = match[0]
        if not whole.startswith("&"):
            return whole
        hexadecimal, decimal, name = match[1], match[2], match[3]
        if hexadecimal or decimal:
            return _character(int(hexadecimal, 16) if hexadecimal else int(decimal))
        if name is None:
            return "&amp;"
        if name in _PREDEFINED:
            return whole
        if name in entities:
            return entities[name]
        known = html5.get(f"{name};")
        return escape(known) if known is not None else f"&amp;{name};"

    return _VERBATIM_OR_REFERENCE.sub(fixed, _SURROGATES.sub(_joined_surrogates, text))


def _character(code: int) -> str:
    """The character as markup; nothing for one that XML does not have."""
    if code in range(0x80, 0xA0):  # written for the characters of Windows, as browsers read it
        char = bytes([code]).decode("cp1252", "replace")
    elif code > 0x10FFFF or _FORBIDDEN.match(chr(code)):
        return ""
    else:
        char = chr(code)
    return escape(char) if char in "&<>" else char


def _joined_surrogates(match: re.Match[str]) -> str:
    high = int(match["a"], 16) if match["a"] else int(match["b"])
    low = int(match["c"], 16) if match["c"] else int(match["d"])
    if high not in _HIGH or low not in _LOW:
        return match[0]
    return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))


# --- mending ------------------------------------------------------------------------------------------------------

_TOKEN: Final = re.compile(
    r"<!\[CDATA\[(?P<cdata>.*?)(?:\]\]>|\Z)"
    r"|(?P<skipped><!--.*?(?:-->|\Z)|<\?.*?(?:\?>|\Z)|<![A-Za-z][^<>]*>?)"
    r"|</(?P<end>[A-Za-z_][\w.\-]*(?::[A-Za-z_][\w.\-]*)?)[^<>]*>?"
    r"|<(?P<start>[A-Za-z_][\w.\-]*(?::[A-Za-z_][\w.\-]*)?)(?P<attributes>(?>(?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*)|[^<>]*)(?P<close>>?)"
    r"|(?P<stray><)",
    re.DOTALL | re.ASCII,
)
_ATTRIBUTE: Final = re.compile(
    r"((?:[A-Za-z_][\w.\-]*:)?[A-Za-z_][\w.\-]*)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.ASCII
)
_NAMESPACE: Final = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]{1,300}")
_VOID: Final = frozenset({"br", "hr", "img", "input", "meta", "wbr", "area", "col", "embed"})
_RECORDS: Final = frozenset({"item", "entry", "url", "sitemap"})
"""Elements that hold one article each."""
_FRAMES: Final = frozenset({"rss", "rdf", "feed", "channel", "urlset", "sitemapindex"})
_LEAVES: Final = frozenset(
    {"title", "link", "guid", "id", "pubdate", "published", "updated", "loc", "lastmod", "author"}
)
_FIELDS: Final = _LEAVES | {"description", "summary", "content", "category", "enclosure", "comments", "source"}
_NAMESPACES: Final = {
    "atom": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "media": "http://search.yahoo.com/mrss/",
    "news": "http://www.google.com/schemas/sitemap-news/0.9",
    "image": "http://www.google.com/schemas/sitemap-image/1.1",
    "video": "http://www.google.com/schemas/sitemap-video/1.1",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "xhtml": "http://www.w3.org/1999/xhtml",
}


@dataclass(slots=True)
class _Mender:
    out: list[str] = field(default_factory=list)
    open: list[tuple[str, int]] = field(default_factory=list)
    """Names of the elements that are open, and where in `out` each begins."""
    declared: set[str] = field(default_factory=lambda: {"xml", "xmlns"})
    used: set[str] = field(default_factory=set)
    is_root_closed: bool = False

    def start(self, name: str, attributes: str, *, is_empty: bool) -> None:
        local = name.rpartition(":")[2].lower()
        if local in _RECORDS and self.has_open_record():
            self.close_through(next(one for one, _ in reversed(self.open) if _local(one) in _RECORDS))
        elif self.open and local in _FIELDS and _local(self.open[-1][0]) in _LEAVES - {"author"}:
            self.close_last()
        if len(self.open) >= _DEEPEST:
            return
        self.note_prefix(name)
        begins = len(self.out)
        self.out.append(f"<{name}{self.attributes(attributes)}{'/' if is_empty else ''}>")
        if not is_empty:
            self.open.append((name, begins))

    def attributes(self, text: str) -> str:
        found: dict[str, str] = {}
        for match in _ATTRIBUTE.finditer(text):
            name, value = match[1], match[2] or match[3] or match[4] or ""
            if name == "xmlns" or name.startswith("xmlns:"):
                # What is no address is no namespace either; the prefix is declared anew where it is used.
                if not _NAMESPACE.fullmatch(value) or name in ("xmlns:xml", "xmlns:xmlns"):
                    continue
                if not self.open:
                    self.declared.add(name.partition(":")[2])
            else:
                self.note_prefix(name)
            found.setdefault(name, value)
            if len(found) >= 100:
                break
        return "".join(f' {name}="{_quotable(value)}"' for name, value in found.items())

    def note_prefix(self, name: str) -> None:
        prefix, colon, _ = name.partition(":")
        if colon and len(self.used) < 1000:
            self.used.add(prefix)

    def end(self, name: str) -> None:
        local = _local(name)
        for other, _ in reversed(self.open):
            if other == name or (_local(other) == local and local in _RECORDS | _FRAMES):
                self.close_through(other)
                return
            # A stray end tag inside of an article closes nothing outside of it.
            if _local(other) in _RECORDS and local not in _FRAMES:
                return

    def close_through(self, name: str) -> None:
        while self.open and self.close_last() != name:
            pass

    def close_last(self) -> str:
        name, _ = self.open.pop()
        self.out.append(f"</{name}>")
        self.is_root_closed = not self.open
        return name

    def has_open_record(self) -> bool:
        return any(_local(name) in _RECORDS for name, _ in self.open)

    def finish(self) -> bool:
        """Close what is open; True when the document breaks off. A field that is cut in the middle is dropped."""
        breaks_off = bool(self.open)
        if breaks_off and _local(self.open[-1][0]) in _LEAVES and self.has_open_record():
            _, begins = self.open.pop()
            del self.out[begins:]
        while self.open:
            self.close_last()
        missing = sorted(self.used - self.declared)
        if missing and self.out:
            declarations = "".join(
                f' xmlns:{one}="{_NAMESPACES.get(one.lower(), f"urn:prefix:{one}")}"' for one in missing
            )
            at = next(at for at, one in enumerate(self.out) if one.startswith("<"))
            self.out[at] = re.sub(r"^<[^\s/>]+", lambda tag: tag[0] + declarations, self.out[at], count=1)
        return breaks_off


def mend(text: str) -> tuple[str, bool]:
    """A well-formed document made of the text that `clean` gave, and whether it breaks off before its end."""
    mender = _Mender()
    at = 0
    for token in _TOKEN.finditer(text):
        mender.out.append(text[at : token.start()].replace("]]>", "]]&gt;"))
        at = token.end()
        if token["cdata"] is not None:
            mender.out.append(escape(token["cdata"]))
        elif token["start"] is not None:
            is_empty = token["attributes"].endswith("/") or token["start"].lower() in _VOID
            mender.start(token["start"], token["attributes"], is_empty=is_empty)
        elif token["end"] is not None:
            mender.end(token["end"])
        elif token["stray"] is not None:
            mender.out.append("&lt;")
        if mender.is_root_closed:
            break
    else:
        mender.out.append(text[at:].replace("]]>", "]]&gt;"))
    breaks_off = mender.finish()
    return "".join(mender.out), breaks_off


def _local(name: str) -> str:
    return name.rpartition(":")[2].lower()


def _quotable(value: str) -> str:
    return value.replace("<", "&lt;").replace('"', "&quot;")
