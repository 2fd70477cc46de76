"""Reads a body in chunks as browsers do, and gives it to aiohttp's parser in the strict form that it takes (RFC 9112, 7.1).

Servers end lines with a bare line feed, put spaces around sizes, forget the line end after a chunk or the empty line at
the end, and say that they send chunks where they do not. All of that leaves no doubt about what the body is.
"""

from __future__ import annotations

import re
from typing import Final

from coranto.http.errors import BrokenResponseError

_LONGEST_LINE: Final = 16_384
_MAX_TRAILER_BYTES: Final = 65_536
_SIZE: Final = re.compile(rb"[ \t]*0{0,100}([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?\r?", re.DOTALL)
_LAST_CHUNK: Final = b"0\r\n\r\n"


class ChunkedBody:
    """The strict form of a body, piece by piece."""

    def __init__(self) -> None:
        self._line = bytearray()
        """A line that is not complete."""
        self._left = 0
        """Bytes of the current chunk that are to come."""
        self._has_begun = False
        self._is_plain = False
        self._is_in_trailer = False
        self._trailer_bytes = 0
        self.is_over = False
        """Whether the body has ended; what comes then is none of it."""
        self.is_followed = False
        """Whether something came behind its end."""

    def feed(self, data: bytes) -> bytes:
        """These bytes in strict form. Raises BrokenResponseError."""
        strict = bytearray()
        at = 0
        while at < len(data) and not self.is_over:
            if self._is_plain or self._left:
                size = len(data) - at if self._is_plain else min(self._left, len(data) - at)
                strict += b"%x\r\n" % size + data[at : at + size] + b"\r\n"
                self._left -= 0 if self._is_plain else size
                at += size
                continue
            end = data.find(b"\n", at)
            self._line += data[at : end if end >= 0 else len(data)]
            at = end + 1 if end >= 0 else len(data)
            if not self._has_begun and self._looks_plain():
                self._is_plain = self._has_begun = True
                line = bytes(self._line) + (b"\n" if end >= 0 else b"")
                self._line.clear()
                strict += b"%x\r\n" % len(line) + line + b"\r\n"
            elif len(self._line) > _LONGEST_LINE:
                raise BrokenResponseError(f"the line of a chunk's size has more than {_LONGEST_LINE} bytes")
            elif end >= 0:
                self._take_line(strict)
        self.is_followed = at < len(data)
        return bytes(strict)

    def finish(self) -> bytes:
        """What is missing in the strict form when the connection has ended; nothing when the body itself is not complete."""
        if self.is_over or not (self._is_plain or self._is_in_trailer):
            return b""
        self.is_over = True
        return _LAST_CHUNK

    def _take_line(self, strict: bytearray) -> None:
        line = bytes(self._line)
        self._line.clear()
        if self._is_in_trailer:
            self._trailer_bytes += len(line) + 1
            if self._trailer_bytes > _MAX_TRAILER_BYTES:
                raise BrokenResponseError(f"the trailers of the body have more than {_MAX_TRAILER_BYTES} bytes")
            if not line.strip(b"\r"):
                self.is_over = True
                strict += _LAST_CHUNK
            return
        if not line.strip(b"\r \t"):
            return  # the end of the chunk before
        match = _SIZE.fullmatch(line)
        if match is None:
            raise BrokenResponseError(f"expected the size of a chunk, got {line[:40]!r}")
        self._has_begun = True
        self._left = int(match[1], 16)
        self._is_in_trailer = self._left == 0

    def _looks_plain(self) -> bool:
        return self._line.lstrip()[:1] == b"<"
