"""Records of version 1 as records of the present version: for article stores and streams that hold some.

Version 1 was never released; what it left behind is on the disks of those who ran the pipeline before the first release.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from coranto.agencies import byline_names
from coranto.urls import SAVED_PAGE_PREFIX, UnsupportedUrlError, host_of, key_of, parse

Fields = dict[str, Any]


def is_old(record: Mapping[str, Any]) -> bool:
    """Whether this is an article's record of version 1; other records have no sections."""
    return "discovery" in record and "key" not in record


def upgrade(record: Mapping[str, Any]) -> Fields:
    """The record's data in the present version; any other record's are returned as they are, for the reader to judge.

    The article's id stays. Paths of files give way to the name of the saved page. Raises nothing that `decode` does not turn
    into a verdict on the data: KeyError, TypeError, AttributeError or ValueError where they are not of version 1 either.
    """
    fields = dict(record)
    if "cluster" in fields and "stored_at" in fields:  # an article sent again for the index of stories
        fields["story"] = fields.pop("cluster")
    if not is_old(fields):
        return fields
    discovery = dict(fields["discovery"])
    saved_as = _saved_as(fields)
    canonical = _on_the_web(discovery.pop("canonical_url")) or saved_as
    discovery["url"] = _on_the_web(discovery["url"]) or saved_as
    fields |= {"discovery": discovery, "key": "", "url": canonical}
    if "fetch" in fields:
        fields["fetch"] = _fetch(fields["fetch"], saved_as)
        fields["url"] = fields["fetch"]["final_url"]
    if "content" in fields:
        fields["content"] = _content(fields["content"])
        fields["url"] = _url(fields["content"].get("canonical_url"), fields["url"])
    fields["key"] = key_of(fields["url"])
    if "classification" in fields:
        title = fields.get("content", {}).get("title")
        fields["classification"] = _classification(fields["classification"], len(title) + 1 if title else 0)
    return fields


def _saved_as(fields: Mapping[str, Any]) -> str:
    """What a page is called that has no address on the web: by its own bytes, or by the article's id where there are none."""
    page = (fields.get("fetch") or fields["discovery"].get("saved") or {}).get("page") or {}
    return f"{SAVED_PAGE_PREFIX}{page.get('sha256') or str(fields['id']).ljust(64, '0')}"


def _on_the_web(url: str) -> str | None:
    return url if url.lower().startswith(("http:", "https:")) else None


def _url(stated: str | None, url: str) -> str:
    """The address the page states where it is of the same host; of a page that was handed over, any."""
    if not stated:
        return url
    with suppress(UnsupportedUrlError):
        is_of_an_article = host_of(stated) != "" and parse(stated).path != "/"
        if is_of_an_article and (url.startswith(SAVED_PAGE_PREFIX) or _site(stated) == _site(url)):
            return stated
    return url


def _site(url: str) -> str:
    return host_of(url).removeprefix("www.")


def _fetch(fetch: Mapping[str, Any], saved_as: str) -> Fields:
    fields = dict(fetch)
    fields.pop("headers", None)
    fields["final_url"] = _on_the_web(fields["final_url"]) or saved_as
    stated = fields.pop("last_modified", None)
    with suppress(ValueError, TypeError, OverflowError):
        at = parsedate_to_datetime(stated)
        fields["last_modified"] = (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()
    return fields


def _content(content: Mapping[str, Any]) -> Fields:
    fields = dict(content)
    for name in ("published", "modified"):
        if fields.get(name):
            fields[name] = _date(fields[name])
    known = set(byline_names().values())
    named = list(fields.get("agencies") or ())
    source = fields.pop("source_agency", None)
    fields["agencies"] = list(
        dict.fromkeys([*([source] if source else []), *(name for name in named if name in known)])
    )
    fields["signed_by"] = [name for name in named if name not in fields["agencies"]]
    return fields


def _date(date: Mapping[str, Any]) -> Fields:
    """The date with its local form. A time without a zone had been taken for UTC: its moment was never known."""
    at = datetime.fromisoformat(date["at"]).astimezone(UTC)
    minutes, precision = date.get("offset_minutes"), date["precision"]
    clock = UTC if minutes is None else timezone(timedelta(minutes=minutes))
    local = (
        at.astimezone(clock).replace(tzinfo=None).isoformat(timespec="minutes" if precision == "minute" else "seconds")
    )
    fields: Fields = {"local": local[:10] if precision == "day" else local, "precision": precision}
    if minutes is not None:
        zone = at.astimezone(clock).isoformat()[-6:]
        fields |= {"zone": zone, "zone_from": "stated", "at": date["at"]}
    return fields


def _classification(classification: Mapping[str, Any], text_start: int) -> Fields:
    fields = dict(classification)
    fields["topics"] = [_topic(topic) for topic in fields.get("topics") or ()]
    fields["entities"] = [
        {**entity, "mentions": [_mention(mention, text_start) for mention in entity.get("mentions") or ()]}
        for entity in fields.get("entities") or ()
    ]
    if fields.get("story"):
        story = dict(fields["story"])
        fields["story"] = {"id": story.pop("cluster"), **story}
    return fields


def _topic(topic: Mapping[str, Any]) -> Fields:
    fields = dict(topic)
    russian = fields.pop("name_ru", None)
    return {**fields, "names": {"ru": russian} if russian else {}, "from": fields["from"].split("+")}


def _mention(mention: Mapping[str, Any], text_start: int) -> Fields:
    if mention["start"] < text_start:
        return {**mention, "field": "title"}
    return {
        **mention,
        "field": "text",
        "start": mention["start"] - text_start,
        "end": mention["end"] - text_start,
    }
