"""Undoes the Content-Encoding of a body while it streams, within bounds that hold for every layer of it.

What a server sends may unpack to a thousand times its size, or to nothing at all at great cost: brotli of a million
empty gzip members is 77 bytes long. So each layer's output is counted, not only the last one's, streams within a layer
are counted too, and the work is done in pieces small enough to give the event loop back in between.

Faults are told apart. A body that is all there and lacks only its checksum is taken, as browsers do; one that breaks
off is CutBodyError, for the server may send all of it next time; one that contradicts itself is UndecodableBodyError.
Labels are often wrong (a charset in Content-Encoding, gzip called deflate, a plain page called gzip), so the first
bytes of a layer decide between what its label could mean.
"""

from __future__ import annotations

import re
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

import brotli  # type: ignore[import-untyped]  # the package has no types
import zstandard

from coranto.http.errors import BodyTooLargeError, CutBodyError, DecompressionBombError, UndecodableBodyError

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
# A gzip header holds a file's name and comment at most.
_LONGEST_GZIP_HEADER: Final = 1 << 14
_GZIP: Final = b"\x1f\x8b"
_LOOKED_AT: Final = 32
_MARKUP: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype|!--|\?xml|html|head|body|meta|script|div|rss|feed|p\b)", re.IGNORECASE
)
_NOT_TEXT: Final = re.compile(rb"[^\t\n\r\x20-\x7e]")
# Encodings that exist and are not undone here. Any other word names none: servers put charsets and media types there.
_NOT_UNDONE: Final = frozenset({
    "compress", "bzip2", "bzip", "xz", "lzma", "lz4", "snappy", "sdch", "exi", "pack200-gzip", "aes128gcm", "dcb", "dcz",
})  # fmt: skip


class BodySink(Protocol):
    """What a body can be written to."""

    def write(self, piece: bytes, /) -> object:
        """Take in the next piece."""


class BodyDecoder:
    """Undoes the encodings that a Content-Encoding header names.

    `into` takes the body piece by piece, which is then not held here; what it raises is let through.
    `max_bytes` bounds what came over the wire, `max_decoded_bytes` the output of every layer, and `max_compression_ratio`
    the one to the other, beyond the first megabyte. With `expects_text`, a body that turns out to be gzip although
    no header says so is unpacked too. Raises UndecodableBodyError when the header names encodings that are not undone here.
    """

    def __init__(
        self,
        content_encoding: str,
        *,
        max_bytes: int,
        max_decoded_bytes: int,
        max_compression_ratio: int,
        expects_text: bool = False,
        into: BodySink | None = None,
    ) -> None:
        words = [
            word.partition(";")[0].strip(" \t\"'").lower().removeprefix("x-") for word in content_encoding.split(",")
        ]
        refused = next((word for word in words if word in _NOT_UNDONE), None)
        if refused is not None:
            raise UndecodableBodyError(f"the body's encoding is {refused!r}, expected one of {ACCEPTED}")
        names = [word for word in words if word in _LAYERS]
        if len(names) > _MOST_LAYERS:
            raise UndecodableBodyError(
                f"the body is encoded {len(names)} times over, at most {_MOST_LAYERS} are undone"
            )
        self.notes: list[str] = []
        """What was wrong with the body and could be put right, in words."""
        ignored = [word for word in words if word and word not in _LAYERS and word not in ("identity", "none")]
        if ignored:
            self.notes.append(f"Content-Encoding names no encoding: {ignored[0][:40]!r}")
        # The header lists encodings in the order they were applied, so the last is undone first.
        self._layers: list[_Layer] = [_LAYERS[name](self.notes) for name in reversed(names)]
        if expects_text and len(names) < _MOST_LAYERS:
            self._layers.append(_UnlabelledGzip(self.notes))
        self._produced = [0] * len(self._layers)
        self._max_bytes = max_bytes
        self._max_decoded_bytes = max_decoded_bytes
        self._max_ratio = max_compression_ratio
        self.packed_bytes = 0
        """Bytes that came over the wire so far."""
        self._body = bytearray()
        self._into = into
        self.decoded_bytes = 0
        """Bytes of the body so far."""

    def feed(self, packed: bytes) -> Iterator[None]:
        """Unpack these bytes in small steps; the caller may turn to other work between any two.

        Raises UndecodableBodyError, DecompressionBombError and BodyTooLargeError.
        """
        self.packed_bytes += len(packed)
        if self.packed_bytes > self._max_bytes:
            raise BodyTooLargeError(f"the body has more than the {self._max_bytes} bytes that are allowed")
        yield from self._unpack(packed, 0)

    def finish(self) -> bytes:
        """The whole body, after the last byte; empty where it was written elsewhere. The decoder holds it no longer.

        Raises CutBodyError when an encoding is not complete.
        """
        for depth, layer in enumerate(self._layers):
            # What a layer held back to look at goes through the layers after it.
            for piece in layer.finish():
                self._count(depth, len(piece))
                for _ in self._unpack(piece, depth + 1):
                    pass
        body = bytes(self._body)
        self._body = bytearray()
        return body

    def _unpack(self, packed: bytes, depth: int) -> Iterator[None]:
        if depth == len(self._layers):
            if depth == 0 and self.decoded_bytes + len(packed) > self._max_decoded_bytes:
                raise BodyTooLargeError(f"the body has more than the {self._max_decoded_bytes} bytes that are allowed")
            self.decoded_bytes += len(packed)
            if self._into is None:
                self._body += packed
            else:
                self._into.write(packed)
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
        if produced > _RATIO_COUNTS_FROM and produced > self.packed_bytes * self._max_ratio:
            raise DecompressionBombError(
                f"{self.packed_bytes} bytes unpack to more than {self._max_ratio} times their size, "
                f"{produced} bytes so far"
            )
        if produced > self._max_decoded_bytes:
            raise BodyTooLargeError(
                f"the body unpacks to more than the {self._max_decoded_bytes} bytes that are allowed"
            )


class _Layer(Protocol):
    """Undoes one encoding."""

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """What the bytes unpack to, a piece for every step of work; a step that gives nothing gives an empty piece."""

    def finish(self) -> Iterator[bytes]:
        """Called after the last byte: what was held back. Raises CutBodyError when the encoding is not complete."""


class _Stream(Protocol):
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


class _Labelled:
    """A layer of which a label says how it is packed; its first bytes say how it really is."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self._name = name
        self._notes = notes
        self._beginning = b""
        self._stream: _Stream | None = None

    def feed(self, packed: bytes) -> Iterator[bytes]:
        if self._stream is None:
            self._beginning += packed
            if len(self._beginning) < _LOOKED_AT:
                yield b""
                return
            packed, self._beginning = self._beginning, b""
            self._stream = self._choose(packed)
        yield from self._stream.feed(packed)

    def finish(self) -> Iterator[bytes]:
        if self._stream is None:
            if not self._beginning:
                return
            self._stream = self._choose(self._beginning)
            yield from self._stream.feed(self._beginning)
        self._stream.finish()

    def _choose(self, beginning: bytes) -> _Stream:
        if _MARKUP.match(beginning) or (len(beginning) >= _LOOKED_AT and not _NOT_TEXT.search(beginning)):
            self._notes.append(f"Content-Encoding says {self._name}, and the body is not packed")
            return _Plain()
        if self._name in ("gzip", "deflate"):
            found = "gzip" if beginning.startswith(_GZIP) else "deflate"
            if found != self._name:
                self._notes.append(f"Content-Encoding says {self._name}, and the body is {found}")
            return _Gzip() if found == "gzip" else _Deflate(has_header=_has_zlib_header(beginning))
        return _Brotli() if self._name == "br" else _Zstd()


class _UnlabelledGzip:
    """Unpacks a text that begins like gzip, and lets every other pass."""

    def __init__(self, notes: list[str]) -> None:
        self._notes = notes
        self._beginning = b""
        self._stream: _Stream | None = None

    def feed(self, packed: bytes) -> Iterator[bytes]:
        if self._stream is None:
            self._beginning += packed
            if len(self._beginning) < 3:
                return
            packed, self._beginning = self._beginning, b""
            self._stream = self._choose(packed)
        yield from self._stream.feed(packed)

    def finish(self) -> Iterator[bytes]:
        if self._stream is None:
            yield self._beginning
        else:
            self._stream.finish()

    def _choose(self, beginning: bytes) -> _Stream:
        if not beginning.startswith(_GZIP + b"\x08"):
            return _Plain()
        self._notes.append("the body is gzip, and Content-Encoding does not say so")
        return _Gzip()


class _Plain:
    """Lets the bytes pass."""

    def feed(self, packed: bytes) -> Iterator[bytes]:
        yield packed

    def finish(self) -> None:
        """Any end is an end."""


def _has_zlib_header(beginning: bytes) -> bool:
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


class _Gzip(_Inflating):
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
        if not packed.startswith(_GZIP[: len(packed)]):
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


class _Deflate(_Inflating):
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


class _Brotli:
    def __init__(self) -> None:
        self._unpacker = brotli.Decompressor()

    def feed(self, packed: bytes) -> Iterator[bytes]:
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
        if not self._unpacker.is_finished():
            raise CutBodyError("the body ends within its packed form")


class _Zstd:
    def __init__(self) -> None:
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._unpacker = self._decompressor.decompressobj()
        self._frames = _StreamCount("zstd")

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
            yield self._unpacker.decompress(packed)
            packed = self._unpacker.unused_data

    def finish(self) -> None:
        if not self._unpacker.eof:
            raise CutBodyError("the body ends within its packed form")


_LAYERS: Final[dict[str, Callable[[list[str]], _Layer]]] = {
    "gzip": lambda notes: _Labelled("gzip", notes),
    "deflate": lambda notes: _Labelled("deflate", notes),
    "br": lambda notes: _Labelled("br", notes),
    "zstd": lambda notes: _Labelled("zstd", notes),
}
