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
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from coranto.http.errors import BodyTooLargeError, DecompressionBombError, UndecodableBodyError
from coranto.http.response.unpacking import GZIP, Brotli, Deflate, Gzip, Plain, Unpacker, Zstd, has_zlib_header

ACCEPTED: Final = "gzip, deflate, br, zstd"
"""Value for Accept-Encoding: what this module undoes."""

# An application that compresses behind a proxy that compresses again makes two; nobody makes three by mistake.
_MOST_LAYERS: Final = 2
# Below this nothing is a bomb, whatever the ratio: an empty page of repeated white space packs very well.
_RATIO_COUNTS_FROM: Final = 1 << 20
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


class _Labelled:
    """A layer of which a label says how it is packed; its first bytes say how it really is."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self._name = name
        self._notes = notes
        self._beginning = b""
        self._stream: Unpacker | None = None

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

    def _choose(self, beginning: bytes) -> Unpacker:
        if _MARKUP.match(beginning) or (len(beginning) >= _LOOKED_AT and not _NOT_TEXT.search(beginning)):
            self._notes.append(f"Content-Encoding says {self._name}, and the body is not packed")
            return Plain()
        if self._name in ("gzip", "deflate"):
            found = "gzip" if beginning.startswith(GZIP) else "deflate"
            if found != self._name:
                self._notes.append(f"Content-Encoding says {self._name}, and the body is {found}")
            return Gzip() if found == "gzip" else Deflate(has_header=has_zlib_header(beginning))
        return Brotli() if self._name == "br" else Zstd()


class _UnlabelledGzip:
    """Unpacks a text that begins like gzip, and lets every other pass."""

    def __init__(self, notes: list[str]) -> None:
        self._notes = notes
        self._beginning = b""
        self._stream: Unpacker | None = None

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

    def _choose(self, beginning: bytes) -> Unpacker:
        if not beginning.startswith(GZIP + b"\x08"):
            return Plain()
        self._notes.append("the body is gzip, and Content-Encoding does not say so")
        return Gzip()


_LAYERS: Final[dict[str, Callable[[list[str]], _Layer]]] = {
    "gzip": lambda notes: _Labelled("gzip", notes),
    "deflate": lambda notes: _Labelled("deflate", notes),
    "br": lambda notes: _Labelled("br", notes),
    "zstd": lambda notes: _Labelled("zstd", notes),
}
