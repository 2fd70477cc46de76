"""Which responses can hold an article, by their media type."""

from __future__ import annotations

from typing import Final

from multidict import CIMultiDictProxy

from coranto.http import WebResponse

ADMITTED_TYPES: Final = frozenset({"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml", "text/plain"})
"""Media types that can hold an article."""

_UNKNOWN_TYPES: Final = frozenset({None, "application/octet-stream", "unknown/unknown", "application/unknown"})


def wants_body(status: int, headers: CIMultiDictProxy[str]) -> bool:
    """True for a response whose body is worth reading."""
    content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower() or None
    return status in (200, 203) and (content_type in ADMITTED_TYPES or content_type in _UNKNOWN_TYPES)


def media_type_of(response: WebResponse) -> str | None:
    """The media type that the response states, or HTML where it states none and its body looks like HTML."""
    content_type = response.content_type
    if content_type in _UNKNOWN_TYPES and _looks_like_html(response.body):
        return "text/html"
    return content_type


def _looks_like_html(body: bytes) -> bool:
    beginning = body[:4096].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    while beginning.startswith(b"<!--"):
        beginning = beginning.partition(b"-->")[2].lstrip()
    return beginning.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))
