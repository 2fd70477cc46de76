"""Unpacks one packing of a body piece by piece: gzip, deflate, brotli, Zstandard.

Each step gives a piece of bounded size and costs little, whatever the bytes are, and streams that follow each other in one body are
counted. How much a body may unpack to in all is for `coranto.http.response.decoding`.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Final, Protocol

import brotli  # type: ignore[import-untyped]  # the package has no types
import zstandard

from coranto.http.errors import CutBodyError, DecompressionBombError, UndecodableBodyError

GZIP: Final = b"\x1f\x8b"
"""What a gzip member begins with."""

# A body may consist of several gzip members or zstd frames. Those that are written in blocks hold at least 64 KB each
# (BGZF, pzstd), so that the largest sitemap has some 800.
_MOST_STREAMS: Final = 1000
_PIECE: Final = 1 << 16
# Bounds the work of a step that gives nothing: 16 KB of empty deflate or brotli blocks take less than 2 ms.
_STEP: Final = 1 << 14
# A gzip header holds a file's name and comment at most.
_LONGEST_GZIP_HEADER: Final = 1 << 14
# RFC 8878 recommends decoders support windows up to 8 MB; a larger one is only a way to take memory.
_ZSTD_WINDOW: Final = 1 << 23
# 64 bytes of zstd can hold some sixteen blocks of 128 KB each: 2 MB is the most that one step gives.
_ZSTD_STEP: Final = 64


class Unpacker(Protocol):
    """Unpacks one kind of packing, whose first bytes have been looked at."""

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """What the bytes unpack to, in pieces."""

    def finish(self) -> None:
        """Called after the last byte. Raises CutBodyError when the packing is not complete."""


class _StreamCount:
    """Counts the streams that one layer consists of."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._streams = 0

    def next(self) -> None:
        """Count one more. Raises DecompressionBombError when there are more than any honest body has."""
        self._streams += 1
        if self._streams > _MOST_STREAMS:
            raise DecompressionBombError(f"the body consists of more than {_MOST_STREAMS} {self._encoding} streams")


class Plain:
    """Lets the bytes pass."""

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """What came."""
        yield packed

    def finish(self) -> None:
        """Any end is an end."""


def has_zlib_header(beginning: bytes) -> bool:
    """Whether a deflate stream begins with the header of its own."""
    # RFC 1950, 2.2. Some servers send `deflate` without this header; RFC 9110 asks for it, browsers take both.
    return len(beginning) >= 2 and beginning[0] & 0x8F == 8 and (beginning[0] << 8 | beginning[1]) % 31 == 0


class _Inflating(ABC):
    """What gzip and deflate have in common: a header, a deflate stream, and a checksum that may be missing."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._inflater: Any = None
        """The deflate stream that is being unpacked; None before it and after it."""
        self._held = b""
        """Bytes of a header or a checksum that is not complete."""
        self._is_complete = False
        self._checksum = 0

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """What the bytes unpack to, in pieces. Raises UndecodableBodyError."""
        try:
            for start in range(0, len(packed), _STEP):
                yield from self._feed_step(packed[start : start + _STEP])
        except zlib.error as error:
            raise UndecodableBodyError(f"the body is not valid {self._name}: {error}") from error

    def _feed_step(self, packed: bytes) -> Iterator[bytes]:
        packed, self._held = self._held + packed, b""
        while packed:
            if self._inflater is None:
                rest = self._between(packed)
                if rest is None:
                    return
                packed = rest
                continue
            piece = self._inflater.decompress(packed, _PIECE)
            yield self._note(piece)
            # Output may be waiting inside even where all input has been taken: a full piece says that.
            while not self._inflater.eof and (self._inflater.unconsumed_tail or len(piece) == _PIECE):
                piece = self._inflater.decompress(self._inflater.unconsumed_tail, _PIECE)
                yield self._note(piece)
            if not self._inflater.eof:
                return
            packed = self._inflater.unused_data
            self._inflater, self._is_complete = None, True

    def finish(self) -> None:
        """Called after the last byte. Raises CutBodyError when the packing is not complete."""
        if not self._is_complete:
            raise CutBodyError("the body ends within its packed form")

    def _note(self, piece: bytes) -> bytes:
        self._checksum = self._sum(piece, self._checksum)
        return piece

    @abstractmethod
    def _sum(self, piece: bytes, before: int) -> int:
        """The checksum with this piece."""

    @abstractmethod
    def _between(self, packed: bytes) -> bytes | None:
        """Read a header or a checksum: what follows it, or None when it is not complete or nothing more counts."""


class Gzip(_Inflating):
    """RFC 1952: members one after the other."""

    def __init__(self) -> None:
        super().__init__("gzip")
        self._members = _StreamCount("gzip")
        self._awaits_checksum = False
        self._size = 0
        self._is_over = False

    def _sum(self, piece: bytes, before: int) -> int:
        self._size += len(piece)
        self._awaits_checksum = True
        return zlib.crc32(piece, before)

    def _between(self, packed: bytes) -> bytes | None:
        if self._is_over:
            return None
        if self._awaits_checksum:
            return self._read_checksum(packed)
        if not packed.startswith(GZIP[: len(packed)]):
            if self._is_complete:
                self._is_over = True  # padding after the end is common and harmless
                return None
            raise UndecodableBodyError("the body is not valid gzip: it has no header")
        end = _gzip_header_end(packed)
        if end is None:
            if len(packed) > _LONGEST_GZIP_HEADER:
                raise UndecodableBodyError("the body is not valid gzip: its header does not end")
            self._held = packed
            # Two bytes of a next member are padding as well as any, and do not make the body incomplete.
            return None
        self._members.next()
        self._inflater, self._is_complete = zlib.decompressobj(wbits=-15), False
        self._checksum, self._size = 0, 0
        return packed[end:]

    def _read_checksum(self, packed: bytes) -> bytes | None:
        if len(packed) < 8:
            self._held = packed
            return None
        self._awaits_checksum = False
        if int.from_bytes(packed[:4], "little") != self._checksum:
            raise UndecodableBodyError("the body is not valid gzip: its checksum is wrong")
        return packed[8:]


def _gzip_header_end(packed: bytes) -> int | None:
    """Where the header ends; None when more must come. Raises UndecodableBodyError."""
    if len(packed) < 10:
        return None
    if packed[2] != 8 or packed[3] & 0xE0:
        raise UndecodableBodyError("the body is not valid gzip: its header is wrong")
    flags, end = packed[3], 10
    if flags & 4:  # extra field
        if len(packed) < end + 2:
            return None
        end += 2 + int.from_bytes(packed[end : end + 2], "little")
    for flag in (8, 16):  # name and comment
        if flags & flag:
            zero = packed.find(b"\0", end)
            if zero < 0:
                return None
            end = zero + 1
    if flags & 2:
        end += 2
    return end if len(packed) >= end else None


class Deflate(_Inflating):
    """RFC 1950 and 1951: one stream, with or without its header."""

    def __init__(self, *, has_header: bool) -> None:
        super().__init__("deflate")
        self._has_header = has_header
        self._checksum = 1
        if not has_header:
            self._inflater = zlib.decompressobj(wbits=-15)

    def _sum(self, piece: bytes, before: int) -> int:
        return zlib.adler32(piece, before) if self._has_header else before

    def _between(self, packed: bytes) -> bytes | None:
        if not self._is_complete:
            if packed[1] & 0x20:
                raise UndecodableBodyError("the body is not valid deflate: it needs a dictionary")
            self._inflater = zlib.decompressobj(wbits=-15)
            return packed[2:]
        if self._has_header and len(packed) < 4:
            self._held = packed
        elif self._has_header and int.from_bytes(packed[:4], "big") != self._checksum:
            raise UndecodableBodyError("the body is not valid deflate: its checksum is wrong")
        else:
            self._has_header = False  # what follows is padding
        return None


class Brotli:
    """RFC 7932: one stream."""

    def __init__(self) -> None:
        self._unpacker = brotli.Decompressor()

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """What the bytes unpack to, in pieces. Raises UndecodableBodyError."""
        try:
            for start in range(0, len(packed), _STEP):
                if self._unpacker.is_finished():
                    return
                piece = self._unpacker.process(packed[start : start + _STEP], output_buffer_limit=_PIECE)
                yield piece
                # Output may be waiting even where `can_accept_more_data` is true, so the end is an empty piece.
                while piece:
                    piece = self._unpacker.process(b"", output_buffer_limit=_PIECE)
                    yield piece
        except brotli.error as error:
            raise UndecodableBodyError(f"the body is not valid brotli: {error}") from error

    def finish(self) -> None:
        """Called after the last byte. Raises CutBodyError when the packing is not complete."""
        if not self._unpacker.is_finished():
            raise CutBodyError("the body ends within its packed form")


class Zstd:
    """RFC 8878: frames one after the other."""

    def __init__(self) -> None:
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._unpacker = self._decompressor.decompressobj()
        self._frames = _StreamCount("zstd")

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """What the bytes unpack to, in pieces. Raises UndecodableBodyError."""
        try:
            for start in range(0, len(packed), _ZSTD_STEP):
                yield from self._feed_step(packed[start : start + _ZSTD_STEP])
        except zstandard.ZstdError as error:
            raise UndecodableBodyError(f"the body is not valid zstd: {error}") from error

    def _feed_step(self, packed: bytes) -> Iterator[bytes]:
        while packed:
            if self._unpacker.eof:
                # RFC 8878, 3: frames may follow each other, skippable ones (0x50 to 0x5F) among them.
                if packed[0] != 0x28 and packed[0] & 0xF0 != 0x50:
                    return  # padding after the end, as with gzip
                self._frames.next()
                self._unpacker = self._decompressor.decompressobj()
            yield self._unpacker.decompress(packed)
            packed = self._unpacker.unused_data

    def finish(self) -> None:
        """Called after the last byte. Raises CutBodyError when the packing is not complete."""
        if not self._unpacker.eof:
            raise CutBodyError("the body ends within its packed form")
