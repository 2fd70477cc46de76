"""Reads RSS of every age, RDF and Atom, with feedparser.

Documents are untrusted: an entity that could grow, or that reaches outside, ends the reading before it begins.
"""

from __future__ import annotations

import io
import re
from calendar import timegm
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import feedparser  # type: ignore[import-untyped]  # the package has no types

from coranto.sources.kinds import SourceKind
from coranto_feeder.sources.document import Entry, FeedLimits, NotAFeedError, ParsedFeed
from coranto_feeder.sources.entry_fields import LONGEST_SUMMARY, LONGEST_TITLE, absolute_url, clean_line, whole_text

_LONGEST_ENTITY: Final = 100
_MOST_ENTITIES: Final = 300
_ENTITY: Final = re.compile(rb"<!ENTITY\s+(%\s*)?[^\s>]{0,100}\s+([^>]{0,400})", re.IGNORECASE)
_ENCODING: Final = re.compile(rb"<\?xml[^>]{0,200}encoding\s*=\s*[\"']([A-Za-z0-9._\-]{1,40})")


def refuse_growing_entities(body: bytes) -> None:
    """Raises NotAFeedError for entities that could grow or reach outside; those for a character or a word are common."""
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


def read_xml_feed(body: bytes, url: str, content_type: str | None, limits: FeedLimits) -> ParsedFeed:
    """The feed in `body`, fetched from `url`. Raises NotAFeedError when it is of no known format."""
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
        kind=SourceKind.FEED,
        title=clean_line(parsed.feed.get("title"), LONGEST_TITLE),
        entries=tuple(entry for entry in entries if entry is not None),
        ttl=_ttl(parsed.feed),
        hub=next((str(link["href"]) for link in links if link.get("rel") == "hub" and link.get("href")), None),
    )


def _entry(raw: dict[str, Any], url: str, limits: FeedLimits) -> Entry | None:
    # dict.get: the mapping's own get falls back from one date to another, which is not what the feed says.
    link = dict.get(raw, "feedburner_origlink") or dict.get(raw, "link")
    address = absolute_url(url, link)
    if address is None:
        return None
    contents = [str(content.get("value") or "") for content in raw.get("content", ())]
    summary = str(raw.get("summary") or "")
    body = max(contents, key=len, default="")
    return Entry(
        id=clean_line(raw.get("id"), LONGEST_TITLE) or address,
        url=address,
        title=clean_line(raw.get("title"), LONGEST_TITLE),
        published=_time_of(dict.get(raw, "published_parsed") or dict.get(raw, "created_parsed")),
        updated=_time_of(dict.get(raw, "updated_parsed")),
        summary=clean_line(summary or (contents[0] if contents else ""), LONGEST_SUMMARY),
        body_html=whole_text(body, limits.max_body_chars),
    )


def _time_of(parsed: Any) -> datetime | None:
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
