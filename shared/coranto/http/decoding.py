"""Undoes the Content-Encoding of a body while it streams, within bounds that hold for every layer of it.

What a server sends may unpack to a thousand times its size, or to nothing at all at great cost: brotli of a million
empty gzip members is 77 bytes long. So each layer's output is counted, not only the last one's, streams within a layer
are counted too, and the work is done in pieces small enough to give the event loop back in between.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

import brotli  # type: ignore[import-untyped]  # the package has no types
import zstandard

from coranto.http.errors import BodyTooLargeError, DecompressionBombError, UndecodableBodyError

ACCEPTED: Final = "gzip, deflate, br, zstd"
"""Value for Accept-Encoding: what this module undoes."""

# An application that compresses behind a proxy that compresses again makes two; nobody makes three by mistake.
_MOST_LAYERS: Final = 2
# A body may consist of several gzip members or zstd frames. Those that are written in blocks hold at least 64 KB each
# (BGZF, pzstd), so that the largest sitemap has some 800.
_MOST_STREAMS: Final = 1000
# Below this nothing is a bomb, whatever the ratio: an empty page of repeated white space packs very well.
_RATIO_COUNTS_FROM: Final = 1 << 20
_PIECE: Final = 1 << 16
# Bounds the work of a step that gives nothing: 16 KB of empty deflate or brotli blocks take less than 2 ms.
_STEP: Final = 1 << 14
# RFC 8878 recommends decoders support windows up to 8 MB; a larger one is only a way to take memory.
_ZSTD_WINDOW: Final = 1 << 23
# 64 bytes of zstd can hold some sixteen blocks of 128 KB each: 2 MB is the most that one step gives.
_ZSTD_STEP: Final = 64


class BodyDecoder:
    """Undoes the encodings that a Content-Encoding header names.

    `max_bytes` bounds the output of every layer, and so does `max_compression_ratio` to the bytes that came over the wire, beyond
    the first megabyte. Raises UndecodableBodyError when the header names encodings that are not undone here.
    """

    def __init__(self, content_encoding: str, *, max_bytes: int, max_compression_ratio: int) -> None:
        names = [name.strip().lower() for name in content_encoding.split(",")]
        names = [name for name in names if name not in ("", "identity", "none", "utf-8")]
        if len(names) > _MOST_LAYERS:
            raise UndecodableBodyError(
                f"the body is encoded {len(names)} times over, at most {_MOST_LAYERS} are undone"
            )
        self._layers: list[_Layer] = []
        # The header lists encodings in the order they were applied, so the last is undone first.
        for name in reversed(names):
            maker = _LAYERS.get(name.removeprefix("x-"))
            if maker is None:
                raise UndecodableBodyError(f"the body's encoding is {name[:40]!r}, expected one of {ACCEPTED}")
            self._layers.append(maker())
        self._produced = [0] * len(self._layers)
        self._max_bytes = max_bytes
        self._max_ratio = max_compression_ratio
        self._packed_bytes = 0
        self._body = bytearray()

    def feed(self, packed: bytes) -> Iterator[None]:
        """Unpack these bytes in small steps; the caller may turn to other work between any two.

        Raises UndecodableBodyError, DecompressionBombError and BodyTooLargeError.
        """
        self._packed_bytes += len(packed)
        if self._packed_bytes > self._max_bytes:
            raise BodyTooLargeError(f"the body has more than the {self._max_bytes} bytes that are allowed")
        yield from self._unpack(packed, 0)

    def finish(self) -> bytes:
        """The whole body, after the last byte. Raises UndecodableBodyError when an encoding is not complete."""
        for layer in self._layers:
            layer.finish()
        return bytes(self._body)

    def _unpack(self, packed: bytes, depth: int) -> Iterator[None]:
        if depth == len(self._layers):
            self._body += packed
            yield
            return
        for piece in self._layers[depth].feed(packed):
            self._count(depth, len(piece))
            if piece:
                yield from self._unpack(piece, depth + 1)
            else:
                yield

    def _count(self, depth: int, size: int) -> None:
        self._produced[depth] += size
        produced = self._produced[depth]
        if produced > _RATIO_COUNTS_FROM and produced > self._packed_bytes * self._max_ratio:
            raise DecompressionBombError(
                f"{self._packed_bytes} bytes unpack to more than {self._max_ratio} times their size, "
                f"{produced} bytes so far"
            )
        if produced > self._max_bytes:
            raise BodyTooLargeError(f"the body unpacks to more than the {self._max_bytes} bytes that are allowed")


class _Layer(Protocol):
    """Undoes one encoding."""

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """What the bytes unpack to, a piece for every step of work; a step that gives nothing gives an empty piece."""

    def finish(self) -> None:
        """Called after the last byte. Raises UndecodableBodyError when the encoding is not complete."""


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


class _Zlib:
    def __init__(self, *, is_gzip: bool) -> None:
        self._is_gzip = is_gzip
        self._name = "gzip" if is_gzip else "deflate"
        self._unpacker = zlib.decompressobj(wbits=31 if is_gzip else 15)
        self._members = _StreamCount(self._name)
        self._has_begun = False

    def feed(self, packed: bytes) -> Iterator[bytes]:
        if not self._has_begun and packed:
            # Some servers send `deflate` without the zlib header; RFC 9110 asks for it, browsers take both.
            if not self._is_gzip and (packed[0] & 0x0F) != 8:
                self._unpacker = zlib.decompressobj(wbits=-15)
            self._has_begun = True
        try:
            for start in range(0, len(packed), _STEP):
                yield from self._feed_step(packed[start : start + _STEP])
        except zlib.error as error:
            raise UndecodableBodyError(f"the body is not valid {self._name}: {error}") from error

    def _feed_step(self, packed: bytes) -> Iterator[bytes]:
        while packed:
            if self._unpacker.eof:
                if not self._is_gzip or not packed.startswith(b"\x1f"):
                    return  # padding after the end is common and harmless
                self._members.next()
                self._unpacker = zlib.decompressobj(wbits=31)
            yield self._unpacker.decompress(packed, _PIECE)
            while self._unpacker.unconsumed_tail:
                yield self._unpacker.decompress(self._unpacker.unconsumed_tail, _PIECE)
            packed = self._unpacker.unused_data

    def finish(self) -> None:
        if self._has_begun and not self._unpacker.eof:
            raise UndecodableBodyError("the body ends within its compressed form")


class _Brotli:
    def __init__(self) -> None:
        self._unpacker = brotli.Decompressor()
        self._has_begun = False

    def feed(self, packed: bytes) -> Iterator[bytes]:
        try:
            for start in range(0, len(packed), _STEP):
                if self._unpacker.is_finished():
                    return
                self._has_begun = True
                piece = self._unpacker.process(packed[start : start + _STEP], output_buffer_limit=_PIECE)
                yield piece
                # Output may be waiting even where `can_accept_more_data` is true, so the end is an empty piece.
                while piece:
                    piece = self._unpacker.process(b"", output_buffer_limit=_PIECE)
                    yield piece
        except brotli.error as error:
            raise UndecodableBodyError(f"the body is not valid brotli: {error}") from error

    def finish(self) -> None:
        if self._has_begun and not self._unpacker.is_finished():
            raise UndecodableBodyError("the body ends within its compressed form")


class _Zstd:
    def __init__(self) -> None:
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._unpacker = self._decompressor.decompressobj()
        self._frames = _StreamCount("zstd")
        self._has_begun = False

    def feed(self, packed: bytes) -> Iterator[bytes]:
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
            self._has_begun = True
            yield self._unpacker.decompress(packed)
            packed = self._unpacker.unused_data

    def finish(self) -> None:
        if self._has_begun and not self._unpacker.eof:
            raise UndecodableBodyError("the body ends within its compressed form")


_LAYERS: Final[dict[str, Callable[[], _Layer]]] = {
    "gzip": lambda: _Zlib(is_gzip=True),
    "deflate": lambda: _Zlib(is_gzip=False),
    "br": _Brotli,
    "zstd": _Zstd,
}
