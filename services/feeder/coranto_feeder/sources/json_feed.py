"""Reads JSON Feed 1.0 and 1.1."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from coranto.sources.entry_fields import (
    LONGEST_SUMMARY,
    LONGEST_TITLE,
    absolute_url,
    clean_line,
    plain_line,
    title_line,
    whole_text,
)
from coranto.sources.kinds import NotAFeedError, SourceKind
from coranto_feeder.sources.document import Entry, FeedLimits, ParsedFeed
from coranto_feeder.sources.times import parse_time

_JSON_VERSION: Final = re.compile(r"jsonfeed\.org/version/|^1(?:\.\d)?$")


def read_json_feed(text: str, url: str, limits: FeedLimits) -> ParsedFeed:
    """The feed in `text`, fetched from `url`. Raises NotAFeedError when it is not a JSON Feed."""
    try:
        document = json.loads(text, strict=False)  # control characters in strings are common
    except (ValueError, RecursionError) as error:
        raise NotAFeedError(f"the document is not valid JSON: {error}") from error
    version = document.get("version") if isinstance(document, dict) else None
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(version, str) or not _JSON_VERSION.search(version) or not isinstance(items, list):
        raise NotAFeedError("the document is JSON, but not a JSON Feed (version and items are missing)")
    entries = (_entry(item, url, limits) for item in items[: limits.max_entries] if isinstance(item, dict))
    hubs = document.get("hubs")
    named = (one for one in hubs if isinstance(one, dict)) if isinstance(hubs, list) else ()
    hub = next((one.get("url") for one in named if str(one.get("type") or "websub").lower() == "websub"), None)
    return ParsedFeed(
        kind=SourceKind.FEED,
        title=title_line(document.get("title"), LONGEST_TITLE),
        entries=tuple(entry for entry in entries if entry is not None),
        hub=absolute_url(url, hub),
        topic=absolute_url(url, document.get("feed_url")),
    )


def _entry(item: Mapping[str, Any], url: str, limits: FeedLimits) -> Entry | None:
    address = (
        absolute_url(url, item.get("url"))
        or absolute_url(url, item.get("external_url"))
        or absolute_url(url, item.get("id"), is_guess=True)
    )
    if address is None:
        return None
    body = item.get("content_html")
    text = item.get("summary") or item.get("content_text")
    return Entry(
        id=plain_line(item.get("id"), LONGEST_TITLE) or address,
        url=address,
        title=title_line(item.get("title"), LONGEST_TITLE),
        published=parse_time(item.get("date_published")),
        updated=parse_time(item.get("date_modified")),
        summary=plain_line(text, LONGEST_SUMMARY) or clean_line(body, LONGEST_SUMMARY),
        body_html=whole_text(body, limits.max_body_chars),
    )
