"""Reads long sitemaps from a file, piece by piece: neither their bytes nor their text is ever held whole.

Only what is plainly a sitemap is read so: one in UTF-8, without a DTD, whose elements fit together. References and characters are
put right in each piece as in a whole document. Whatever is otherwise is left to the readers of whole documents, which know
what to do about it.
"""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import IO, Final, cast

from lxml import etree  # type: ignore[import-untyped]  # lxml ships no types

from coranto.sources.text_decoding import may_be_utf8
from coranto.sources.xml_text import clean_piece, declares_anything, find_root
from coranto_feeder.sources.document import FeedLimits, ParsedFeed
from coranto_feeder.sources.sitemaps import read_sitemap_pieces

_AT_ONCE: Final = 1 << 20
# A section that is not closed within so much is not one that sitemaps have.
_LONGEST_PIECE: Final = 8 << 20
_ROOTS: Final = frozenset({"urlset", "sitemapindex"})
_GZIP: Final = b"\x1f\x8b"


class _NotPlainError(Exception):
    """The document is no sitemap, or not one that can be read piece by piece."""


def read_long_sitemap(path: Path, *, url: str, content_type: str | None, limits: FeedLimits) -> ParsedFeed | None:
    """The sitemap in the file, fetched from `url`; None for what has to be read as a whole. Raises OSError."""
    try:
        with path.open("rb") as file, closing(_opened(file)) as source:
            return _read(source, url, content_type, limits)
    except (_NotPlainError, etree.XMLSyntaxError, UnicodeDecodeError, EOFError, zlib.error, gzip.BadGzipFile):
        return None


def _opened(file: IO[bytes]) -> IO[bytes]:
    is_packed = file.read(2) == _GZIP
    file.seek(0)
    return cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if is_packed else file


def _read(source: IO[bytes], url: str, content_type: str | None, limits: FeedLimits) -> ParsedFeed:
    head = source.read(_AT_ONCE)
    if not may_be_utf8(head, content_type):
        raise _NotPlainError
    pieces = _pieces(_texts(head, source, limits.max_feed_bytes))
    first = next(pieces)
    start = find_root(first)
    root = "" if start is None else (start["root"] or "").lower()
    if start is None or root not in _ROOTS or declares_anything(first[: start.start()]):
        raise _NotPlainError
    faults: list[bool] = []

    def cleaned() -> Iterator[str]:
        for piece in chain((first[start.start() :],), pieces):
            text = clean_piece(piece)
            faults.append(text != piece)
            yield text

    return read_sitemap_pieces(cleaned(), root, url, limits, had_faults=lambda: any(faults))


def _texts(head: bytes, source: IO[bytes], max_bytes: int) -> Iterator[str]:
    """The document's text. Raises UnicodeDecodeError, and _NotPlainError when there is too much of it."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    size, chunk = 0, head
    while chunk:
        size += len(chunk)
        if size > max_bytes:
            raise _NotPlainError
        yield decoder.decode(chunk)
        chunk = source.read(_AT_ONCE)
    yield decoder.decode(b"", final=True)


def _pieces(texts: Iterator[str]) -> Iterator[str]:
    """The text, cut between records, so that no reference and no section that is taken as it stands is in two pieces."""
    held = ""
    for text in texts:
        held += text
        end = max(held.rfind(mark) + len(mark) if mark in held else 0 for mark in ("</url>", "</sitemap>"))
        if end and _is_whole(held, end):
            yield held[:end]
            held = held[end:]
        elif len(held) > _LONGEST_PIECE:
            raise _NotPlainError
    yield held


def _is_whole(text: str, end: int) -> bool:
    return text.count("<![CDATA[", 0, end) == text.count("]]>", 0, end) and text.count("<!--", 0, end) == text.count(
        "-->", 0, end
    )
