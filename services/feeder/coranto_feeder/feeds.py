"""Reads feeds and sitemaps: RSS of every age, RDF, Atom, JSON Feed, sitemaps, news sitemaps, indexes, lists of addresses.

Bytes in, entries out; nothing is fetched. Documents are untrusted: size, entries and entities are bounded, and an entity
that could grow, or reach outside, ends the reading.
"""

from __future__ import annotations

import html
import io
import json
import re
import zlib
from calendar import timegm
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from xml.etree.ElementTree import Element, ParseError

import feedparser  # type: ignore[import-untyped]  # the package has no types
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from coranto.urls import UnsupportedUrlError, join

Kind = Literal["feed", "sitemap", "sitemap_index"]


class NotAFeedError(ValueError):
    """The document is no feed or sitemap that could be read; the text says what was seen."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One article as a feed or sitemap names it."""

    id: str
    """The feed's own id of the entry, else its address."""
    url: str
    title: str | None = None
    published: datetime | None = None
    updated: datetime | None = None
    summary: str | None = None
    body_html: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedFeed:
    """A feed or sitemap as it was read."""

    kind: Kind
    title: str | None
    entries: tuple[Entry, ...]
    ttl: timedelta | None = None
    """How long the feed asks not to be polled again."""
    hub: str | None = None
    """WebSub hub that announces changes."""


@dataclass(frozen=True, slots=True)
class FeedLimits:
    """Bounds on one document."""

    max_bytes: int = 50_000_000
    max_entries: int = 50_000
    max_body_chars: int = 100_000


_LONGEST_TITLE: Final = 1000
_LONGEST_SUMMARY: Final = 5000
_LONGEST_ENTITY: Final = 100
_MOST_ENTITIES: Final = 300
_ENTITY: Final = re.compile(rb"<!ENTITY\s+(%\s*)?[^\s>]{0,100}\s+([^>]{0,400})", re.IGNORECASE)
_ENCODING: Final = re.compile(rb"<\?xml[^>]{0,200}encoding\s*=\s*[\"']([A-Za-z0-9._\-]{1,40})")
_ROOT: Final = re.compile(
    rb"<(?:[A-Za-z_][\w.\-]*:)?(rss|feed|rdf|channel|urlset|sitemapindex|html|opml)\b", re.IGNORECASE
)
_JSON_VERSION: Final = re.compile(r"jsonfeed\.org/version/|^1(?:\.\d)?$")
_LOC_BLOCK: Final = re.compile(r"<(?:\w+:)?(url|sitemap)\b[^<>]*>(.*?)(?=<(?:\w+:)?(?:url|sitemap)\b|\Z)", re.DOTALL)
_FIELD: Final = re.compile(
    r"<(?:(\w+):)?(loc|lastmod|title|publication_date)\b[^<>]*>\s*(?:<!\[CDATA\[)?(.*?)(?:\]\]>)?\s*</", re.DOTALL
)
# Each matches in one pass whatever is left open; html.parser begins anew at each tag that never ends.
_UNSEEN: Final = re.compile(r"<(script|style)\b[^<>]*>.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", re.DOTALL | re.IGNORECASE)
_TAG: Final = re.compile(r"<[A-Za-z/!?][^<>]*>")
_OF_MEDIA: Final = ("image", "video")
"""Prefixes of sitemap extensions whose addresses and titles are not the article's."""


def parse_feed(
    body: bytes, *, url: str, content_type: str | None = None, limits: FeedLimits | None = None
) -> ParsedFeed:
    """The feed or sitemap in `body`, got from `url`. Raises NotAFeedError when it is none."""
    limits = limits if limits is not None else FeedLimits()
    body = _unpacked(body, limits.max_bytes)
    beginning = body[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if beginning.startswith(b"{"):
        return _json_feed(body, url, limits)
    plain = (
        body.replace(b"\0", b"") if b"\0" in body[:200] else body
    )  # UTF-16 and UTF-32, near enough to see their marks
    root = _ROOT.search(plain[:20_000])
    if root is None:
        return _address_list(body, content_type, limits)
    _refuse_growing_entities(plain)
    match root[1].lower():
        case b"html":
            raise NotAFeedError("the document is an HTML page, expected a feed or sitemap")
        case b"opml":
            raise NotAFeedError("the document is an OPML list of feeds; import it with `coranto feeds import`")
        case b"urlset" | b"sitemapindex":
            return _sitemap(body, url, limits)
    return _xml_feed(body, url, content_type, limits)


def strip_markup(text: str) -> str:
    """The text without tags, entities resolved and white space folded."""
    if "<" in text or "&" in text:
        text = html.unescape(_TAG.sub(" ", _UNSEEN.sub(" ", text)))
    return " ".join(text.split())


def _unpacked(body: bytes, max_bytes: int) -> bytes:
    if body.startswith(b"\x1f\x8b"):
        unpacker = zlib.decompressobj(wbits=31)
        try:
            body = unpacker.decompress(body, max_bytes + 1)
        except zlib.error as error:
            raise NotAFeedError(f"the document is no valid gzip: {error}") from error
    if len(body) > max_bytes:
        raise NotAFeedError(f"the document has more than the {max_bytes} bytes that are allowed")
    return body


def _refuse_growing_entities(body: bytes) -> None:
    """Entities that stand for a character or a word are harmless and common in old feeds; all others are refused."""
    encoding = _ENCODING.search(body[:400])
    if encoding is not None and encoding[1].lower().replace(b"_", b"-") in (b"utf-7", b"utf7", b"unicode-1-1-utf-7"):
        raise NotAFeedError("the document is in UTF-7, which hides its markup")
    for count, match in enumerate(_ENTITY.finditer(body)):
        value = match[2].strip()
        if value.startswith(b"PUBLIC") and b"-//W3C//ENTITIES" in value:
            continue  # HTML's own entities, in feeds of the 2000s; the declaration is dropped and nothing is fetched
        quoted = value[1:-1] if value[:1] in (b'"', b"'") else None
        nests = quoted is not None and ((b"&" in quoted and not quoted.startswith(b"&#")) or b"%" in quoted)
        grows = quoted is None or nests or len(quoted) > _LONGEST_ENTITY
        if match[1] or grows or count >= _MOST_ENTITIES:
            raise NotAFeedError("the document declares entities that could grow or reach outside")


def _xml_feed(body: bytes, url: str, content_type: str | None, limits: FeedLimits) -> ParsedFeed:
    headers = {"content-location": url, "content-type": content_type or "application/xml"}
    try:
        # A file object, so that feedparser cannot take the bytes for an address and fetch it.
        parsed: Any = feedparser.parse(
            io.BytesIO(body), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
        )
    except Exception as error:
        raise NotAFeedError(f"the document cannot be read as a feed: {type(error).__name__}: {error}") from error
    if not parsed.version and not parsed.entries:
        raise NotAFeedError(f"the document has no known feed format ({parsed.get('bozo_exception') or 'no version'})")
    entries = (_entry(raw, url, limits) for raw in parsed.entries[: limits.max_entries])
    links = parsed.feed.get("links", ())
    return ParsedFeed(
        kind="feed",
        title=_line(parsed.feed.get("title"), _LONGEST_TITLE),
        entries=tuple(entry for entry in entries if entry is not None),
        ttl=_ttl(parsed.feed),
        hub=next((str(link["href"]) for link in links if link.get("rel") == "hub" and link.get("href")), None),
    )


def _entry(raw: dict[str, Any], url: str, limits: FeedLimits) -> Entry | None:
    # dict.get: the mapping's own get falls back from one date to another, which is not what the feed says.
    link = dict.get(raw, "feedburner_origlink") or dict.get(raw, "link")
    address = _joined(url, link)
    if address is None:
        return None
    contents = [str(content.get("value") or "") for content in raw.get("content", ())]
    summary = str(raw.get("summary") or "")
    body = max(contents, key=len, default="")
    return Entry(
        id=_line(raw.get("id"), _LONGEST_TITLE) or address,
        url=address,
        title=_line(raw.get("title"), _LONGEST_TITLE),
        published=_moment(dict.get(raw, "published_parsed") or dict.get(raw, "created_parsed")),
        updated=_moment(dict.get(raw, "updated_parsed")),
        summary=_line(summary or (contents[0] if contents else ""), _LONGEST_SUMMARY),
        body_html=_whole_text(body, limits.max_body_chars),
    )


def _moment(parsed: Any) -> datetime | None:
    if parsed is None:
        return None
    try:
        return datetime.fromtimestamp(timegm(parsed), tz=UTC)
    except (ValueError, OverflowError, OSError, TypeError):
        return None


def _ttl(feed: Mapping[str, Any]) -> timedelta | None:
    ttl = str(feed.get("ttl") or "").strip()
    if ttl.isascii() and ttl.isdigit() and 0 < int(ttl[:9]) < 100_000:
        return timedelta(minutes=int(ttl[:9]))
    days = {"hourly": 1 / 24, "daily": 1.0, "weekly": 7.0, "monthly": 30.0, "yearly": 365.0}
    period = days.get(str(feed.get("sy_updateperiod") or "").strip().lower())
    if period is None:
        return None
    frequency = str(feed.get("sy_updatefrequency") or "1").strip()
    times = int(frequency[:6]) if frequency.isascii() and frequency.isdigit() else 1
    return timedelta(days=period / max(1, times))


def _json_feed(body: bytes, url: str, limits: FeedLimits) -> ParsedFeed:
    try:
        document = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise NotAFeedError(f"the document is no valid JSON: {error}") from error
    version = document.get("version") if isinstance(document, dict) else None
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(version, str) or not _JSON_VERSION.search(version) or not isinstance(items, list):
        raise NotAFeedError("the document is JSON, but no JSON Feed (version and items are missing)")
    entries = (_json_entry(item, url, limits) for item in items[: limits.max_entries] if isinstance(item, dict))
    hubs = document.get("hubs")
    hub = hubs[0].get("url") if isinstance(hubs, list) and hubs and isinstance(hubs[0], dict) else None
    return ParsedFeed(
        kind="feed",
        title=_line(document.get("title"), _LONGEST_TITLE),
        entries=tuple(entry for entry in entries if entry is not None),
        hub=hub if isinstance(hub, str) else None,
    )


def _json_entry(item: Mapping[str, Any], url: str, limits: FeedLimits) -> Entry | None:
    address = (
        _joined(url, item.get("url"))
        or _joined(url, item.get("external_url"))
        or _joined(url, item.get("id"), is_guess=True)
    )
    if address is None:
        return None
    body = item.get("content_html")
    text = item.get("summary") or item.get("content_text") or body
    return Entry(
        id=_line(item.get("id"), _LONGEST_TITLE) or address,
        url=address,
        title=_line(item.get("title"), _LONGEST_TITLE),
        published=_w3c_moment(item.get("date_published")),
        updated=_w3c_moment(item.get("date_modified")),
        summary=_line(text, _LONGEST_SUMMARY),
        body_html=_whole_text(body, limits.max_body_chars),
    )


def _sitemap(body: bytes, url: str, limits: FeedLimits) -> ParsedFeed:
    try:
        found = list(_sitemap_blocks(body, limits.max_entries))
    except DefusedXmlException as error:
        raise NotAFeedError("the sitemap declares entities") from error
    except (ParseError, ValueError, LookupError):
        # Broken XML is common in sitemaps; their shape is simple enough to find the addresses without a parser.
        found = list(_sitemap_blocks_in_text(body.decode("utf-8", "replace"), limits.max_entries))
    is_index = bool(found) and all(name == "sitemap" for name, _ in found)
    entries = []
    for _, fields in found:
        address = _joined(url, fields.get("loc"))
        if address is not None:
            entries.append(
                Entry(
                    id=address,
                    url=address,
                    title=_line(fields.get("title"), _LONGEST_TITLE),
                    published=_w3c_moment(fields.get("publication_date")),
                    updated=_w3c_moment(fields.get("lastmod")),
                )
            )
    return ParsedFeed(kind="sitemap_index" if is_index else "sitemap", title=None, entries=tuple(entries))


def _sitemap_blocks(body: bytes, most: int) -> Iterator[tuple[str, dict[str, str]]]:
    fields: dict[str, str] = {}
    depth = 0
    count = 0
    root: Element | None = None
    for event, element in iterparse(io.BytesIO(body), events=("start", "end"), forbid_dtd=False):
        name = str(element.tag).rpartition("}")[2].lower()
        if event == "start":
            root = element if root is None else root
            depth += 1
            continue
        depth -= 1
        # A title of a news article stands inside `news`; those of images and videos are their own.
        is_of_media = any(kind in str(element.tag) for kind in _OF_MEDIA)
        if name in ("loc", "lastmod", "publication_date", "title") and element.text and not is_of_media:
            fields.setdefault(name, element.text.strip())
        elif name in ("url", "sitemap") and depth == 1:
            yield name, fields
            fields = {}
            count += 1
            if root is not None:
                root.clear()  # what has been read need not be kept
            if count >= most:
                return


def _sitemap_blocks_in_text(text: str, most: int) -> Iterator[tuple[str, dict[str, str]]]:
    for number, block in enumerate(_LOC_BLOCK.finditer(text)):
        if number >= most:
            return
        fields: dict[str, str] = {}
        for field in _FIELD.finditer(block[2][:5000]):
            if field[1] not in _OF_MEDIA:
                fields.setdefault(field[2], html.unescape(field[3]))
        yield block[1], fields


def _address_list(body: bytes, content_type: str | None, limits: FeedLimits) -> ParsedFeed:
    """A sitemap in plain text: one address a line."""
    lines = [line.strip() for line in body.decode("utf-8-sig", "replace").splitlines()]
    lines = [line for line in lines if line]
    if not lines or not all(
        line.lower().startswith(("http://", "https://")) and " " not in line for line in lines[:1000]
    ):
        seen = body[:40].decode("utf-8", "replace").strip()
        raise NotAFeedError(f"the document is no feed or sitemap (type {content_type}, begins with {seen!r})")
    entries = (_joined(line, line) for line in lines[: limits.max_entries])
    return ParsedFeed("sitemap", None, tuple(Entry(id=url, url=url) for url in entries if url is not None))


def _joined(base: str, link: Any, *, is_guess: bool = False) -> str | None:
    if not isinstance(link, str) or not link.strip() or (is_guess and "://" not in link):
        return None
    try:
        address = join(base, link)
    except UnsupportedUrlError:
        return None
    return address if address.startswith(("http://", "https://")) else None


def _line(value: Any, longest: int) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    return _without_surrogates(strip_markup(value[: 4 * longest])[:longest]) or None


def _whole_text(value: Any, longest: int) -> str | None:
    return _without_surrogates(value) if isinstance(value, str) and 0 < len(value) <= longest else None


def _without_surrogates(text: str) -> str:
    """The text as it can be written: documents can name halves of characters, and nothing can encode them."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _w3c_moment(value: Any) -> datetime | None:
    """A time by W3C-DTF or RFC 3339; a bare day is its midnight in UTC; less than a day is no time."""
    if not isinstance(value, str) or len(value) < len("2026-01-01"):
        return None
    try:
        moment = datetime.fromisoformat(value.strip().upper())
    except ValueError:
        return None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (OverflowError, ValueError):
        return None
