"""Content-Encoding undone while the body streams, with an eye on how much comes out.

Each decoder takes what came in and gives what came out in pieces of bounded size, so that a bomb is seen after a
piece, not after it has filled the memory.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

import brotli  # type: ignore[import-untyped]  # the package has no types
import zstandard

from coranto.http.errors import UndecodableBodyError

ACCEPTED: Final = "gzip, deflate, br, zstd"
"""Value for Accept-Encoding: what this module undoes."""

_PIECE: Final = 1 << 16
# RFC 8878 recommends decoders support windows up to 8 MB; a larger one is only a way to take memory.
_ZSTD_WINDOW: Final = 1 << 23
# 64 bytes of zstd can hold some sixteen blocks of 128 KB each: 2 MB is the most that one step gives.
_ZSTD_STEP: Final = 64
_MOST_LAYERS: Final = 2


class Decoder(Protocol):
    """Undoes one encoding."""

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """What the bytes unpack to, in pieces. Raises UndecodableBodyError."""

    def finish(self) -> None:
        """Called after the last byte. Raises UndecodableBodyError when the encoding is not complete."""


def decoder_for(content_encoding: str) -> Decoder | None:
    """What undoes this Content-Encoding header; None when nothing need be undone. Raises UndecodableBodyError."""
    names = [name.strip().lower() for name in content_encoding.split(",")]
    names = [name for name in names if name not in ("", "identity", "none", "utf-8")]
    if len(names) > _MOST_LAYERS:
        raise UndecodableBodyError(f"the body is encoded {len(names)} times over, at most {_MOST_LAYERS} are undone")
    decoder: Decoder | None = None
    for name in names:
        maker = _DECODERS.get(name.removeprefix("x-"))
        if maker is None:
            raise UndecodableBodyError(f"the body's encoding is {name!r}, expected one of {ACCEPTED}")
        # The header lists encodings in the order they were applied, so the last is undone first.
        decoder = maker() if decoder is None else _Chain(maker(), decoder)
    return decoder


class _Zlib:
    def __init__(self, *, is_gzip: bool) -> None:
        self._is_gzip = is_gzip
        self._unpacker = zlib.decompressobj(wbits=31 if is_gzip else 15)
        self._has_begun = False

    def feed(self, packed: bytes) -> Iterator[bytes]:
        if not self._has_begun and packed:
            # Some servers send `deflate` without the zlib header; RFC 9110 asks for it, browsers take both.
            if not self._is_gzip and (packed[0] & 0x0F) != 8:
                self._unpacker = zlib.decompressobj(wbits=-15)
            self._has_begun = True
        try:
            while packed:
                if self._unpacker.eof:
                    if not self._is_gzip or not packed.startswith(b"\x1f"):
                        return  # padding after the end is common and harmless
                    self._unpacker = zlib.decompressobj(wbits=31)  # a further gzip member
                yield self._unpacker.decompress(packed, _PIECE)
                while self._unpacker.unconsumed_tail:
                    yield self._unpacker.decompress(self._unpacker.unconsumed_tail, _PIECE)
                packed = self._unpacker.unused_data
        except zlib.error as error:
            raise UndecodableBodyError(
                f"the body is no valid {'gzip' if self._is_gzip else 'deflate'}: {error}"
            ) from error

    def finish(self) -> None:
        if self._has_begun and not self._unpacker.eof:
            raise UndecodableBodyError("the body ends within its compressed form")


class _Brotli:
    def __init__(self) -> None:
        self._unpacker = brotli.Decompressor()
        self._has_begun = False

    def feed(self, packed: bytes) -> Iterator[bytes]:
        if not packed or self._unpacker.is_finished():
            return
        self._has_begun = True
        try:
            piece = self._unpacker.process(packed, output_buffer_limit=_PIECE)
            # Output may be waiting even where `can_accept_more_data` is true, so the end is an empty piece.
            while piece:
                yield piece
                piece = self._unpacker.process(b"", output_buffer_limit=_PIECE)
        except brotli.error as error:
            raise UndecodableBodyError(f"the body is no valid brotli: {error}") from error

    def finish(self) -> None:
        if self._has_begun and not self._unpacker.is_finished():
            raise UndecodableBodyError("the body ends within its compressed form")


class _Zstd:
    def __init__(self) -> None:
        self._unpacker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
        self._has_begun = False

    def feed(self, packed: bytes) -> Iterator[bytes]:
        try:
            for start in range(0, len(packed), _ZSTD_STEP):
                if self._unpacker.eof:
                    return
                self._has_begun = True
                yield self._unpacker.decompress(packed[start : start + _ZSTD_STEP])
        except zstandard.ZstdError as error:
            raise UndecodableBodyError(f"the body is no valid zstd: {error}") from error

    def finish(self) -> None:
        if self._has_begun and not self._unpacker.eof:
            raise UndecodableBodyError("the body ends within its compressed form")


class _Chain:
    def __init__(self, outer: Decoder, inner: Decoder) -> None:
        self._outer = outer
        self._inner = inner

    def feed(self, packed: bytes) -> Iterator[bytes]:
        for piece in self._outer.feed(packed):
            yield from self._inner.feed(piece)

    def finish(self) -> None:
        self._outer.finish()
        self._inner.finish()


_DECODERS: Final[dict[str, Callable[[], Decoder]]] = {
    "gzip": lambda: _Zlib(is_gzip=True),
    "deflate": lambda: _Zlib(is_gzip=False),
    "br": _Brotli,
    "zstd": _Zstd,
}
