"""Unpacks Zstandard in bounded steps, and tells when it breaks off: `zstandard` takes a cut stream for one that ends there.

For whole archives, which are read: only reading bounds what a step gives, whatever it is made from. Bodies that are handed over as
they come are for `coranto.http.response.unpacking`, which goes by 64 bytes to keep its bound: too slow for a gigabyte.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final, Protocol

import zstandard

FRAME: Final = b"\x28\xb5\x2f\xfd"
"""First bytes of a frame."""
CUT: Final = "it ends within its packed form"
"""What is said of a packed stream that breaks off."""
_AT_ONCE: Final = 1 << 16
_RLE_BLOCK: Final = 1


def is_skipped_frame(start: bytes) -> bool:
    """Whether these first bytes are those of a frame that is to be skipped (RFC 8878, 3.1.2)."""
    return len(start) >= 4 and start[0] & 0xF0 == 0x50 and start[1:4] == b"\x2a\x4d\x18"


class Readable(Protocol):
    """What packed bytes come from."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""


class ZstdStream:
    """A packed stream, unpacked: frame after frame, each of them with a window of at most so many bytes."""

    def __init__(self, stream: Readable, *, max_window: int, dictionary: bytes | None = None) -> None:
        self._packed = _Packed(stream)
        known = None if dictionary is None else zstandard.ZstdCompressionDict(dictionary)
        unpacker = zstandard.ZstdDecompressor(dict_data=known, max_window_size=max_window)
        self._unpacked = unpacker.stream_reader(self._packed, read_across_frames=True)  # type: ignore[arg-type]  # only read

    def read(self, size: int = _AT_ONCE) -> bytes:
        """At most so many bytes; none at the end. Raises ValueError where the stream is cut, and zstandard.ZstdError."""
        piece = self._unpacked.read(size)
        if not piece and size and self._packed.is_within_frame:
            raise ValueError(CUT)
        return piece


class _Packed:
    """Hands packed bytes on, and follows where their frames and blocks end (RFC 8878, 3.1)."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self.is_within_frame = False
        self._walk = self._walked()
        self._wanted = next(self._walk)
        self._held = b""
        """Of the bytes wanted, those that have come, as far as anyone looks at them."""

    def read(self, size: int = -1) -> bytes:
        piece = self._stream.read(size)
        self._follow(piece)
        return piece

    def _follow(self, piece: bytes) -> None:
        position = 0
        while position < len(piece):
            if self._wanted < 0:  # to be passed over
                step = min(-self._wanted, len(piece) - position)
                self._wanted += step
                position += step
                if self._wanted == 0:
                    self._wanted = self._walk.send(b"")
                continue
            taken = piece[position : position + self._wanted - len(self._held)]
            position += len(taken)
            self._held += taken
            if len(self._held) == self._wanted:
                held, self._held = self._held, b""
                self._wanted = self._walk.send(held)

    def _walked(self) -> Generator[int, bytes, None]:
        """Asks for so many bytes, or, below zero, for so many to be passed over."""
        while True:
            magic = yield 1
            self.is_within_frame = True
            magic += yield 3
            if magic != FRAME:  # one that is skipped; what is neither, the unpacker refuses
                size = int.from_bytes((yield 4), "little")
            else:
                flags = (yield 1)[0]
                is_single, has_checksum = flags >> 5 & 1, flags >> 2 & 1
                size_field = (is_single, 2, 4, 8)[flags >> 6]
                header = (1 - is_single) + (0, 1, 2, 4)[flags & 3] + size_field
                if header:
                    yield -header
                is_last = 0
                while not is_last:
                    block = int.from_bytes((yield 3), "little")
                    is_last, kind = block & 1, block >> 1 & 3
                    length = 1 if kind == _RLE_BLOCK else block >> 3
                    if length:
                        yield -length
                size = 4 * has_checksum
            if size:
                yield -size
            self.is_within_frame = False
