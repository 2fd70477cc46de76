"""Reads the pages out of WARC and ARC files, packed with gzip, Zstandard or not, such as those of Common Crawl's news crawl.

A file is read as a stream, one record at a time, whatever its size. It comes from somebody else: what is broken in it is
told as skipped, and bodies are bounded. Needs warcio; import it only where archives are read.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import zstandard
from warcio.archiveiterator import ArchiveIterator  # type: ignore[import-untyped]  # the package has no types
from warcio.bufferedreaders import (  # type: ignore[import-untyped]
    ChunkedDataException,
    ChunkedDataReader,
    DecompressingBufferedReader,
)
from warcio.exceptions import ArchiveLoadFailed  # type: ignore[import-untyped]

from coranto.http.archives.zstd_frames import CUT, FRAME, ZstdStream, is_skipped_frame
from coranto.http.errors import BodyTooLargeError, WebError
from coranto.http.limits import WebLimits
from coranto.http.response.decoding import BodyDecoder
from coranto.urls import UnsupportedUrlError, parse

PAGE_TYPES: Final = frozenset({"text/html", "application/xhtml+xml"})
_GZIP: Final = b"\x1f\x8b"
_AT_ONCE: Final = 1 << 16
# A dictionary for all records stands in a frame of this kind, before the first of them, as IIPC has it.
_ZSTD_DICTIONARY: Final = b"\x5d\x2a\x4d\x18"
_LONGEST_DICTIONARY: Final = 32 << 20
_LARGEST_WINDOW: Final = 128 << 20
_LONGEST_LINE: Final = 1 << 20
_LONGEST_HEADER: Final = 4 << 20
_MOST_HEADER_LINES: Final = 10_000
_RECORD_TYPES: Final = frozenset({"response", "resource"})


@dataclass(frozen=True, slots=True)
class ArchivedPage:
    """A page as it was answered at its time."""

    url: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class SkippedRecord:
    """A record that is no page, or not a usable one."""

    reason: str
    """`not_a_page`, `status_404` and the like, `empty`, `too_large`, `bad_address`, or `broken`."""
    url: str | None = None
    detail: str | None = None


def read_pages(stream: BinaryIO, *, max_bytes: int) -> Iterator[ArchivedPage | SkippedRecord]:
    """The pages of the archive in its order, and what was passed over. Bodies come without chunks and packing."""
    try:
        # Unpacked here: warcio wants a member of its own for each record, and not all writers do that.
        plain = _unpacked(stream)
        # Lengths that do not match the chunks are common in old files; what is there is read.
        records = ArchiveIterator(plain, arc2warc=True, verify_http=False)
        records.reader = _Lines(records.fh)
        for record in records:
            if record.rec_type in _RECORD_TYPES:
                yield _read(record, max_bytes)
    except (
        ArchiveLoadFailed,
        EOFError,
        ValueError,
        OSError,
        zlib.error,
        zstandard.ZstdError,
        AttributeError,
        TypeError,
    ) as error:
        # Behind a broken record nobody knows where the next one begins.
        yield SkippedRecord("broken", detail=f"the archive cannot be read further: {error}")


class _Lines(DecompressingBufferedReader):  # type: ignore[misc]  # the package has no types
    """Reads lines of bounded length, and headers of bounded size: warcio copies a line anew for each block that it grows by, and
    holds all lines of a header.
    """

    _lines = 0
    """Of the header that is being read, since the last empty line."""
    _bytes = 0

    def read(self, length: int | None = None) -> bytes:
        """As many bytes, or those there are."""
        self._lines = self._bytes = 0
        return bytes(super().read(length))

    def readline(self, length: int | None = None) -> bytes:
        """The next line. Raises ArchiveLoadFailed for one that is too long, or one too many."""
        most = _LONGEST_LINE if length is None else min(length, _LONGEST_LINE)
        line = bytearray()
        while len(line) < most and not line.endswith(b"\n"):
            piece = super().readline(min(most - len(line), _AT_ONCE))
            if not piece:
                break
            line += piece
        if len(line) >= _LONGEST_LINE and not line.endswith(b"\n"):
            raise ArchiveLoadFailed(f"a line of a header has more than the {_LONGEST_LINE} bytes that are read")
        self._count(line)
        return bytes(line)

    def _count(self, line: bytearray) -> None:
        if not line.strip():
            self._lines = self._bytes = 0
            return
        self._lines += 1
        self._bytes += len(line)
        if self._lines > _MOST_HEADER_LINES or self._bytes > _LONGEST_HEADER:
            raise ArchiveLoadFailed(
                f"a header has {self._lines} lines and {self._bytes} bytes so far, expected {_MOST_HEADER_LINES} lines and "
                f"{_LONGEST_HEADER} bytes at most"
            )


class _Unpacked:
    """A stream packed with gzip, unpacked in bounded steps."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._member: Any = zlib.decompressobj(wbits=31)
        self._rest = b""
        self._is_over = False
        self._fault = ""

    def read(self, size: int = _AT_ONCE) -> bytes:
        """At most so many bytes; none at the end. Raises ValueError where the stream is cut or broken."""
        size = min(size, _AT_ONCE) if size > 0 else _AT_ONCE
        while not self._is_over:
            packed = self._rest or self._stream.read(_AT_ONCE)
            if self._member.eof:
                # A member a record, or one for all; what is no member is padding.
                self._is_over = not packed.startswith(_GZIP)
                self._member = zlib.decompressobj(wbits=31)
                self._rest = packed
                continue
            try:
                unpacked = bytes(self._member.decompress(packed, size))
            except zlib.error as error:
                self._fault = f"its gzip is broken: {error}"
                break
            self._rest = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            self._is_over = not packed and not unpacked
            if self._is_over and not self._member.eof:
                self._fault = CUT
            if unpacked:
                return unpacked
        self._is_over = True
        if self._fault:
            raise ValueError(self._fault)
        return b""


def _unpacked(stream: BinaryIO) -> Any:
    """The archive's stream without its packing."""
    start = stream.read(4)
    if start == _ZSTD_DICTIONARY:
        return ZstdStream(stream, max_window=_LARGEST_WINDOW, dictionary=_zstd_dictionary(stream))
    stream.seek(-len(start), 1)
    if start == FRAME or is_skipped_frame(start):
        return ZstdStream(stream, max_window=_LARGEST_WINDOW)
    return _Unpacked(stream) if start.startswith(_GZIP) else stream


def _zstd_dictionary(stream: BinaryIO) -> bytes:
    """The dictionary in a frame whose mark has been read; it may be packed itself. Raises ValueError and zstandard.ZstdError."""
    stated = stream.read(4)
    if len(stated) < 4:
        raise ValueError(CUT)
    size = int.from_bytes(stated, "little")
    if size > _LONGEST_DICTIONARY:
        raise ValueError(f"the dictionary has {size} bytes, expected {_LONGEST_DICTIONARY} at most")
    dictionary = stream.read(size)
    if len(dictionary) < size:
        raise ValueError(f"it ends within its dictionary, of which {len(dictionary)} of {size} bytes are there")
    if dictionary.startswith(FRAME):
        dictionary = _read_all(ZstdStream(io.BytesIO(dictionary), max_window=_LARGEST_WINDOW), _LONGEST_DICTIONARY)
        if len(dictionary) > _LONGEST_DICTIONARY:
            raise ValueError(f"the dictionary has more than {_LONGEST_DICTIONARY} bytes when it is unpacked")
    return dictionary


def _read(record: Any, max_bytes: int) -> ArchivedPage | SkippedRecord:
    url = str(record.rec_headers.get_header("WARC-Target-URI") or "").strip().strip("<>")
    headers = record.http_headers
    if headers is not None and (status := str(headers.get_statuscode() or "")) != "200":
        return SkippedRecord(f"status_{status[:3] or 'unknown'}", url)
    stated = (headers if headers is not None else record.rec_headers).get_header("Content-Type") or ""
    content_type = str(stated).partition(";")[0].strip().lower()
    if content_type not in PAGE_TYPES:
        return SkippedRecord("not_a_page", url, content_type[:100])
    try:
        if parse(url).scheme == "file":
            return SkippedRecord("bad_address", url[:200])
    except UnsupportedUrlError as error:
        return SkippedRecord("bad_address", url[:200], str(error))
    try:
        body = _body(record, max_bytes)
    except BodyTooLargeError:
        return SkippedRecord("too_large", url)
    except (ValueError, OSError, EOFError, zlib.error, zstandard.ZstdError, WebError, ChunkedDataException) as error:
        return SkippedRecord("broken", url, str(error)[:200])
    return ArchivedPage(url, content_type, body) if body else SkippedRecord("empty", url)


def _body(record: Any, max_bytes: int) -> bytes:
    """The body without chunks and packing, which are undone as for a response that has just come.

    Raises BodyTooLargeError, other WebErrors for packings that cannot be undone, and ValueError where the archive has only a part.
    """
    headers = record.http_headers
    encoding, transfer = (
        str(headers.get_header(name) or "") if headers is not None else ""
        for name in ("Content-Encoding", "Transfer-Encoding")
    )
    # warcio's own unpacking bounds nothing: a brotli of a few kilobytes may fill all memory.
    is_chunked = transfer.strip().lower() == "chunked"
    stream = ChunkedDataReader(_Chunks(record.raw_stream, max_bytes)) if is_chunked else record.raw_stream
    decoder = BodyDecoder(
        encoding,
        max_bytes=max_bytes,
        max_decoded_bytes=max_bytes,
        max_compression_ratio=WebLimits().max_compression_ratio,
        expects_text=True,
    )
    while piece := stream.read(_AT_ONCE):
        for _ in decoder.feed(bytes(piece)):
            pass  # nobody else waits for this process
    body = decoder.finish()
    # Behind the last chunk there may be bytes that belong to nothing: what is missing is what cannot be read.
    if (missing := getattr(record.raw_stream, "limit", 0)) > 0 and not record.raw_stream.read(1):
        raise ValueError(f"the archive ends within the record, of which {missing} bytes are missing")
    return body


class _Chunks:
    """A stream of chunks, none of which is larger than a body may be: warcio holds a chunk whole, of up to 2 GiB."""

    def __init__(self, stream: Any, max_bytes: int) -> None:
        self._stream = stream
        self._max_bytes = max_bytes

    def read(self, size: int) -> bytes:
        """As many bytes, or those there are. Raises BodyTooLargeError."""
        piece = bytes(self._stream.read(min(size, self._max_bytes + 1)))
        if len(piece) > self._max_bytes:
            raise BodyTooLargeError(f"a chunk has {size} bytes, expected {self._max_bytes} at most")
        return piece

    def readline(self, length: int) -> bytes:
        """The line that a chunk begins with."""
        return bytes(self._stream.readline(length))


def _read_all(stream: Any, max_bytes: int) -> bytes:
    """All of it, or one byte more than allowed."""
    found = bytearray()
    while len(found) <= max_bytes and (piece := stream.read(min(_AT_ONCE, max_bytes + 1 - len(found)))):
        found += piece
    return bytes(found)
