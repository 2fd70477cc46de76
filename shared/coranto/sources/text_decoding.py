"""Decodes documents of feeds: by byte order mark, as UTF-8 where the bytes are that, and only then by what labels say.

Labels lie more often than bytes do: feeds say `utf-16` of UTF-8, and servers send every document as `iso-8859-1`.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# A markup document without a mark begins with an ASCII character, so the zeros around it show the width.
_WIDTHS: Final = (
    (re.compile(rb"\0\0\0[\t\n\r -~]"), "utf-32-be"),
    (re.compile(rb"[\t\n\r -~]\0\0\0"), "utf-32-le"),
    (re.compile(rb"\0[\t\n\r -~]\0[\t\n\r -~]"), "utf-16-be"),
    (re.compile(rb"[\t\n\r -~]\0[\t\n\r -~]\0"), "utf-16-le"),
)
_IN_DECLARATION: Final = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._:\-]{1,40})")
_IN_HEADER: Final = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9._:\-]{1,40})", re.IGNORECASE)
_IN_PAGE: Final = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([A-Za-z0-9._:\-]{1,40})", re.IGNORECASE)
# Python's own codecs are not charsets, and some take time that grows with the square of the text. UTF-7 hides markup.
_NO_CHARSETS: Final = frozenset({
    "idna", "mbcs", "oem", "palmos", "punycode", "raw-unicode-escape", "unicode-escape", "utf-7", "undefined",
    "utf-16", "utf-16-be", "utf-16-le", "utf-32", "utf-32-be", "utf-32-le",  # told by mark or width, or not so encoded
})  # fmt: skip
# What pages call by these names is the larger Windows set (WHATWG Encoding Standard).
_SUCCESSORS: Final = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
_SERVER_DEFAULTS: Final = frozenset({"cp1252", "utf-8"})
_ESCAPES_CHARSETS: Final = (b"\x1b$", b"\x1b(", b"\x1b.", b"~{")
"""Bytes of ISO 2022 and HZ, which are written in ASCII and so would pass for UTF-8."""


def decode(body: bytes, content_type: str | None = None) -> str:
    """The document as text; bytes that belong to no character become U+FFFD. Line ends stay as they are."""
    for mark, charset in _MARKS:
        if body.startswith(mark):
            text = body.decode(charset, "replace").removeprefix("\ufeff")
            return text if text.isprintable() or _is_markup(text) else _decode_bytes(body[len(mark) :], content_type)
    for pattern, charset in _WIDTHS:
        if pattern.match(body):
            return body.decode(charset, "replace")
    return _decode_bytes(body, content_type)


def may_be_utf8(beginning: bytes, content_type: str | None = None) -> bool:
    """False when the beginning of a document shows, or a label says, that `decode` would not take it for UTF-8 as it stands."""
    if any(beginning.startswith(mark) for mark, charset in _MARKS if charset != "utf-8"):
        return False
    if any(pattern.match(beginning) for pattern, _ in _WIDTHS):
        return False
    return not any(label.startswith(("iso2022", "hz")) for label in _labels(beginning, content_type))


def _decode_bytes(body: bytes, content_type: str | None) -> str:
    labels = _labels(body, content_type)
    escaping = next((label for label in labels if label.startswith(("iso2022", "hz"))), None)
    if escaping is not None and any(escape in body for escape in _ESCAPES_CHARSETS):
        return body.decode(escaping, "replace")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if _is_mostly_utf8(body):
        return body.decode("utf-8", "replace")
    for label in labels:
        try:
            return body.decode(label)
        except UnicodeDecodeError:
            continue
    return body.decode(next((label for label in labels if label != "utf-8"), "cp1252"), "replace")


def _labels(body: bytes, content_type: str | None) -> list[str]:
    """Charsets that somebody says the document has, the likeliest first."""
    in_header = _IN_HEADER.search(content_type or "")
    in_document = _IN_DECLARATION.search(body[:4096]) or _IN_PAGE.search(body[:4096])
    header = _charset(in_header[1]) if in_header is not None else None
    document = _charset(in_document[1].decode("ascii")) if in_document is not None else None
    both = [document, header] if header in _SERVER_DEFAULTS else [header, document]
    return [label for label in both if label is not None]


def _charset(label: str) -> str | None:
    try:
        name = codecs.lookup(label).name
        "a".encode(name)
        b"a".decode(name)
    except (LookupError, UnicodeError, ValueError):
        return None
    # "hex" and "rot13" are codecs too, and turn nothing into text.
    if name in _NO_CHARSETS or not codecs.lookup(name)._is_text_encoding:
        return None
    return _SUCCESSORS.get(name, name)


_SEQUENCE: Final = re.compile(rb"[\xC2-\xDF][\x80-\xBF]|[\xE0-\xEF][\x80-\xBF]{2}|[\xF0-\xF4][\x80-\xBF]{3}")
_BEYOND_ASCII: Final = re.compile(rb"[\x80-\xFF]")


def _is_mostly_utf8(body: bytes) -> bool:
    """Whether of the bytes beyond ASCII most are whole characters of UTF-8: then a few are damaged, and no more."""
    rest, whole = _SEQUENCE.subn(b"", body)
    return whole > len(_BEYOND_ASCII.findall(rest))


def _is_markup(text: str) -> bool:
    """False when a byte order mark of UTF-16 stands before bytes that are none."""
    return "<" in text[:1000] or "{" in text[:1000]
