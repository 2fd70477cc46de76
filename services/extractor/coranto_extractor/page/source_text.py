"""Gets the text of a page from its bytes, and refuses what is not text."""

from __future__ import annotations

import re

from coranto.charset import decode
from coranto_extractor.page.limits import PageLimits
from coranto_extractor.page.tree import UnreadableError

# What pages are served as. The empty type is one the server did not name.
_TEXT_TYPES = frozenset({
    "text/html", "application/xhtml+xml", "text/plain", "application/xml", "text/xml", "application/octet-stream", "",
})  # fmt: skip
_BINARY_BEGINNINGS = (
    b"%PDF-", b"\x89PNG", b"GIF8", b"\xff\xd8\xff", b"PK\x03\x04", b"\x1f\x8b", b"\x7fELF", b"OggS", b"RIFF",
)  # fmt: skip
_NEVER_IN_TEXT = "\x00\x01\x02\x03\x04\x05\x06\x0e\x0f\ufffd"
_MAX_BINARY_SHARE = 0.05
_HTML_TAG = re.compile(r"<(?:!doctype|html|head|body|div|p|article|script|meta|table|span|a)\b", re.IGNORECASE)
_HTML_SAMPLE_CHARS = 5000


def get_text(page: bytes, media_type: str, charset: str | None, limits: PageLimits) -> str:
    """The text of the page. `charset` is the one the server named. Raises UnreadableError for what is too large or not text."""
    if len(page) > limits.max_page_bytes:
        raise UnreadableError("page_too_large", f"{len(page)} bytes, {limits.max_page_bytes} allowed")
    if media_type not in _TEXT_TYPES:
        raise UnreadableError("not_text", f"media type {media_type}")
    if page.startswith(_BINARY_BEGINNINGS):
        raise UnreadableError("binary", f"begins with {page[:4]!r}")
    text = decode(page, charset).text
    strange = sum(map(text.count, _NEVER_IN_TEXT))
    if strange > _MAX_BINARY_SHARE * max(1, len(text)):
        raise UnreadableError("binary", f"{strange} of {len(text)} characters are not text")
    return text


def is_plain_text(text: str, media_type: str) -> bool:
    """True for text served as such. Some servers send HTML under that type."""
    return media_type == "text/plain" and not _HTML_TAG.search(text[:_HTML_SAMPLE_CHARS])
