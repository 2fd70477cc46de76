"""Which responses can hold an article: by their media type, and by what their first bytes show it to be.

Servers call pages downloads and downloads pages, so the bytes have the last word in both directions.
"""

from __future__ import annotations

import re
from typing import Final

from multidict import CIMultiDictProxy

from coranto.http import WebResponse

ADMITTED_TYPES: Final = frozenset({"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml", "text/plain"})
"""Media types that can hold an article."""

_PAGE_STATUSES: Final = frozenset({200, 203})
# Guards serve their tests for humans with these.
_GUARD_STATUSES: Final = frozenset({403, 405, 429, 503})
_UNKNOWN_TYPES: Final = frozenset({
    "application/octet-stream", "unknown/unknown", "application/unknown", "binary/octet-stream", "application/force-download",
    "application/x-download", "application/download", "*/*",
})  # fmt: skip
_XML_TYPES: Final = frozenset({"text/xml", "application/xml"})
_FEED_TYPES: Final = _XML_TYPES | {
    "application/rss+xml", "application/atom+xml", "application/rdf+xml", "application/rss", "text/rss+xml",
    "application/feed+json", "application/json",
}  # fmt: skip
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+\-]{1,80}/[a-z0-9!#$&^_.+\-]{1,80}")

_LOOKED_AT: Final = 4096
_NUL_LOOKED_AT: Final = 1024
_MAGIC: Final = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"RIFF", "application/x-riff"),
    (b"PK\x03\x04", "application/zip"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ", "application/x-xz"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "application/ogg"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"\x7fELF", "application/octet-stream"),
    (b"MZ\x90", "application/octet-stream"),
    (b"\xd0\xcf\x11\xe0", "application/msword"),
)
# Two letters may begin a text: these are believed only where zeros follow.
_SHORT_MAGIC: Final = 3
_HTML: Final = re.compile(
    r"<(?:!doctype\s+html|html|head|body|title|meta|script|style|link|div|table|p|h1|br|a|article|main)\b",
    re.IGNORECASE,
)
_ANY_TAG_OF_HTML: Final = re.compile(r"<(?:html|head|body)\b", re.IGNORECASE)
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0e-\x1f]")
_FEED: Final = re.compile(r"<(?:\w{1,20}:)?(rss|feed|rdf|urlset|sitemapindex)\b", re.IGNORECASE)
_PROLOG: Final = re.compile(r"\s+|<\?[^>]{0,500}>|<!--(?:(?!-->).){0,2000}-->", re.DOTALL)


def may_be_feed(content_type: str) -> bool:
    """Whether feeds and sitemaps come with this media type. They never reach the fetcher when the feeder could read them."""
    return content_type in _FEED_TYPES


def wants_body(status: int, headers: CIMultiDictProxy[str]) -> bool:
    """True for a response whose body is worth reading."""
    if status not in _PAGE_STATUSES and status not in _GUARD_STATUSES:
        return False
    stated = _stated(headers.get("Content-Type", ""))
    return stated is None or stated in ADMITTED_TYPES or stated in _UNKNOWN_TYPES or stated in _XML_TYPES


def media_type_of(response: WebResponse) -> str | None:
    """The media type of the response: the one it states, unless its bytes show that it is another."""
    stated = _stated(response.headers.get("Content-Type", ""))
    body = response.body
    if not body.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        return stated
    if (
        stated is not None
        and stated not in ADMITTED_TYPES
        and stated not in _UNKNOWN_TYPES
        and stated not in _XML_TYPES
    ):
        return stated
    binary = _binary_type(body)
    if binary is not None:
        return binary
    return _text_type(stated, _beginning(body))


def _stated(content_type: str) -> str | None:
    stated = content_type[:500].partition(";")[0].partition(",")[0].strip().lower()
    return stated if _MEDIA_TYPE.fullmatch(stated) else None


def _binary_type(body: bytes) -> str | None:
    has_zeros = b"\0" in body[:_NUL_LOOKED_AT] and not _is_wide(body)
    for magic, name in _MAGIC:
        if body.startswith(magic) and (len(magic) >= _SHORT_MAGIC or has_zeros):
            return name
    if body[4:8] == b"ftyp":
        return "video/mp4"
    # A zero or two in a page are a mishap; a file of another kind is full of them.
    if has_zeros and body[:_NUL_LOOKED_AT].count(0) > len(body[:_NUL_LOOKED_AT]) // 50:
        return "application/octet-stream"
    return None


def _is_wide(body: bytes) -> bool:
    """Whether it is UTF-16 or UTF-32, in which every other byte may be a zero."""
    if body.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")):
        return True
    beginning = body[:200]
    even, odd = beginning[::2].count(0), beginning[1::2].count(0)
    return min(even, odd) == 0 and max(even, odd) > len(beginning) * 0.25


def _beginning(body: bytes) -> str:
    beginning = body[:_LOOKED_AT]
    if _is_wide(body):
        return beginning.replace(b"\0", b"").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff").decode("latin-1")
    return beginning.removeprefix(b"\xef\xbb\xbf").decode("latin-1")


def _text_type(stated: str | None, beginning: str) -> str | None:
    at = 0
    while (match := _PROLOG.match(beginning, at)) is not None:
        at = match.end()
    content = beginning[at:]
    # Code in a text about HTML begins with no tag; a page does.
    is_html = _HTML.match(content) is not None
    if _FEED.match(content) and not _ANY_TAG_OF_HTML.search(content):
        return "application/xml" if stated in ADMITTED_TYPES or stated is None else stated
    if stated in _XML_TYPES:
        return "application/xhtml+xml" if is_html else stated
    if stated == "text/plain" or stated is None or stated in _UNKNOWN_TYPES:
        if is_html:
            return "text/html"
        return (
            "text/plain"
            if stated is None and _CONTROLS.search(content) is None and not content.startswith(("{", "["))
            else stated
        )
    if content.startswith(("{", "[")) and "<" not in content:
        return "application/json"
    return stated
