"""Reads the head of a response as browsers do, and gives it to aiohttp's parser in the strict form that it takes.

Servers send the same length twice, a space in a header's name, a length beside chunks, folded lines, lines that end in
a bare line feed, no reason behind the status. Browsers show the page; a strict parser refuses it. Here whatever cannot
change where the body ends is put right or left out, and what can (two different lengths) is refused. A head that had
to be put right is the last on its connection.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any, Final

from aiohttp.client_proto import ResponseHandler

from coranto.http.errors import BrokenResponseError, HeadersTooLargeError, WebError
from coranto.http.response.chunked_body import ChunkedBody

MAX_HEAD_BYTES: Final = 262_144
"""Longest head, all its lines together; the limit of Chrome."""

_MAX_LINES: Final = 1000
# aiohttp takes 128; pages with more cookies, preload links and policies than that are real. Framing lines come first.
_KEPT_LINES: Final = 110
_MAX_INTERIM: Final = 20
_DEFAULT_LINE_BYTES: Final = 8190
_LONGEST_REASON: Final = 100

_END: Final = re.compile(rb"\n\r?\n")
_STATUS_LINE: Final = re.compile(
    rb"[\x00-\x20]{0,4}(?:HTTP/(?P<version>\d{1,2}(?:\.\d{1,2})?)|ICY)[ \t]*(?P<status>[1-9]\d\d)(?!\d)[ \t]*(?P<reason>.*)",
    re.IGNORECASE | re.DOTALL,
)
_STATUS_BEGINNING: Final = re.compile(rb"[\x00-\x20]{0,4}(?:HTTP/|ICY)", re.IGNORECASE)
_WITHOUT_BODY: Final = frozenset({204, 304})
_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]+")
_FRAMING: Final = frozenset(
    {b"content-length", b"transfer-encoding", b"connection", b"keep-alive", b"content-encoding"}
)
# Codings that a server may have put into Transfer-Encoding, where no browser asks for them.
_PACKINGS: Final = frozenset({b"gzip", b"x-gzip", b"deflate", b"br", b"zstd"})


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """A head in strict form."""

    status: int
    raw: bytes
    """Status line and headers, as a strict parser takes them."""
    irregularities: tuple[str, ...]
    """What had to be put right, in words."""
    is_chunked: bool = False
    length: int | None = None
    """Bytes of the body, where the head says how many."""


def read_head(raw: bytes, *, max_line_bytes: int) -> ResponseHead:
    """The head in strict form. `raw` is everything up to the empty line, which may be with it or not.

    Raises BrokenResponseError where it cannot be known what the server means, and HeadersTooLargeError.
    """
    lines = raw.split(b"\n")
    match = _STATUS_LINE.match(lines[0])
    if match is None:
        raise BrokenResponseError(f"expected an HTTP status line, got {lines[0][:60]!r}")
    notes: list[str] = []
    if raw.count(b"\n") != raw.count(b"\r\n"):
        notes.append("lines end in a bare line feed")
    headers = _headers(lines[1:], max_line_bytes, notes)
    status = int(match["status"])
    version = b"1.0" if match["version"] == b"1.0" else b"1.1"
    if match["version"] not in (b"1.0", b"1.1"):
        notes.append("the version is not 1.0 or 1.1")
    framing, version = _framing(headers, version, notes)
    others = [(name, value) for name, value in headers if name.lower() not in _FRAMING]
    kept = [*framing, *others][:_KEPT_LINES]
    if notes:
        kept = [(name, value) for name, value in kept if name.lower() not in (b"connection", b"keep-alive")]
        kept.append((b"Connection", b"close"))
    reason = _CONTROLS.sub(b" ", match["reason"]).strip()[:_LONGEST_REASON] or b"-"
    strict = [b"HTTP/" + version + b" %d " % status + reason, *(name + b": " + value for name, value in kept), b"", b""]
    fields = dict(framing)
    length = 0 if status in _WITHOUT_BODY else int(fields[b"Content-Length"]) if b"Content-Length" in fields else None
    is_chunked = b"Transfer-Encoding" in fields and status not in _WITHOUT_BODY
    return ResponseHead(status, b"\r\n".join(strict), tuple(dict.fromkeys(notes)), is_chunked, length)


def _headers(lines: list[bytes], max_line_bytes: int, notes: list[str]) -> list[tuple[bytes, bytes]]:
    """Names and values; lines that are none are left out."""
    if len(lines) > _MAX_LINES:
        raise HeadersTooLargeError(f"the response has {len(lines)} header lines, at most {_MAX_LINES} are read")
    found: list[tuple[bytes, bytes]] = []
    can_continue = False
    for line in lines:
        line = line.removesuffix(b"\r")  # noqa: PLW2901 - the line without its end
        if len(line) > max_line_bytes:
            raise HeadersTooLargeError(
                f"a header line has {len(line)} bytes, at most {max_line_bytes} are read: {line[:40]!r}"
            )
        if not line.strip():
            continue
        if line[:1] in (b" ", b"\t"):
            # RFC 9112, 5.2: a folded line belongs to the one above.
            notes.append("a header is folded over several lines")
            if can_continue:
                name, value = found[-1]
                if len(value) + len(line) > max_line_bytes:
                    raise HeadersTooLargeError(
                        f"a folded header has more than the {max_line_bytes} bytes that are read"
                    )
                found[-1] = (name, value + b" " + _plain(line, notes))
            continue
        name, colon, value = line.partition(b":")
        stripped = name.rstrip(b" \t")
        can_continue = bool(colon) and _TOKEN.fullmatch(stripped) is not None
        if not can_continue:
            notes.append("a header line is none")
            continue
        if stripped != name:
            notes.append("there is a space before a colon")
        found.append((stripped, _plain(value, notes)))
    return found


def _plain(value: bytes, notes: list[str]) -> bytes:
    plain = _CONTROLS.sub(b" ", value).strip(b" \t")
    if plain != value.strip(b" \t"):
        notes.append("a header has control characters")
    return plain


def _framing(
    headers: list[tuple[bytes, bytes]], version: bytes, notes: list[str]
) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """The headers that say where the body ends and how it is packed, and the version to read them by."""

    def items(name: bytes) -> list[bytes]:
        values = [value for key, value in headers if key.lower() == name]
        return [item for value in values for part in value.split(b",") if (item := part.strip(b" \t"))]

    codings = [coding.partition(b";")[0].strip().lower() for coding in items(b"transfer-encoding")]
    is_chunked = b"chunked" in codings
    packings = items(b"content-encoding") + [coding for coding in codings if coding in _PACKINGS]
    kept = [(key, value) for key, value in headers if key.lower() in (b"connection", b"keep-alive")]
    if packings:
        kept.append((b"Content-Encoding", b", ".join(packings)))
    if codings and codings != [b"chunked"]:
        notes.append("Transfer-Encoding names something other than chunks")
    lengths = items(b"content-length")
    if is_chunked:
        if lengths:
            notes.append("there is a length beside chunks")
        if version == b"1.0":
            notes.append("there are chunks in HTTP/1.0")
        kept.append((b"Transfer-Encoding", b"chunked"))
        return kept, b"1.1"
    numbers = {int(length) for length in lengths if len(length) <= 18 and length.isdigit()}
    if len(numbers) > 1:
        raise BrokenResponseError(f"the response has lengths that differ: {sorted(numbers)[:5]}")
    if len(lengths) != len(numbers):
        notes.append("the length is stated twice, or is no number")
    if numbers:
        kept.append((b"Content-Length", b"%d" % numbers.pop()))
    return kept, version


class LenientResponseHandler(ResponseHandler):
    """aiohttp's protocol with `read_head` and `ChunkedBody` before its parser.

    Interim responses (RFC 9110, 15.2) are passed over, and so is what follows the body.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._head: bytearray | None = None
        self._chunks: ChunkedBody | None = None
        self._body_left: int | None = None
        """Bytes of the body that are to come; None where the head does not say how many there are."""
        self._interim = 0
        self._lines = 0
        self._max_line_bytes = 0
        self.irregularities: tuple[str, ...] = ()
        """What had to be put right in the head that came last."""

    def set_response_params(self, **params: Any) -> None:
        """Get ready for the next response."""
        self._head = bytearray()
        self._chunks, self._body_left = None, None
        self._interim = 0
        self._lines = 0
        self._max_line_bytes = int(params.get("max_field_size", _DEFAULT_LINE_BYTES))
        self.irregularities = ()
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """Collect the head, then let the body pass."""
        strict = b""
        try:
            while self._head is not None:
                if not data:
                    return
                seen = max(0, len(self._head) - 2)
                # A server may still be ending the response before (RFC 9112, 2.2).
                self._head += data if self._head else data.lstrip(b"\r\n")
                rest = self._take_head(seen)
                if rest is None:
                    return
                strict, data = rest
            body = self._of_body(data)
        except WebError as error:
            if strict:  # the head is as good as if it had come in a piece of its own
                super().data_received(strict)
            self._give_up(error)
            return
        if strict or body or not data:
            super().data_received(strict + body)

    def _of_body(self, data: bytes) -> bytes:
        """What of these bytes belongs to the body, in strict form."""
        if self._chunks is not None:
            body = self._chunks.feed(data)
            if self._chunks.is_followed:
                self.force_close()  # what follows is no response of ours
            if self._chunks.is_over:
                self._body_left, self._chunks = 0, None
            return body
        if self._body_left is None:
            return data
        body = data[: self._body_left]
        self._body_left -= len(body)
        if len(data) > len(body):
            self.force_close()  # what follows is no response of ours
        return body

    def connection_lost(self, exc: BaseException | None) -> None:
        """End a body that only lacks its end."""
        if self._chunks is not None and exc is None and self.exception() is None:
            end = self._chunks.finish()
            if end:
                super().data_received(end)
        super().connection_lost(exc)

    def _take_head(self, seen: int) -> tuple[bytes, bytes] | None:
        """The strict head, and what follows it; None while more must come."""
        head = self._head
        assert head is not None  # noqa: S101 - for the type checker: the caller has looked
        end = _END.search(head, seen)
        if end is None:
            if _STATUS_BEGINNING.match(head[:12]) is None and len(head) >= 12:
                raise BrokenResponseError(f"expected an HTTP status line, got {bytes(head[:60])!r}")
            self._lines += head.count(b"\n", seen)
            if len(head) > MAX_HEAD_BYTES or self._lines > _MAX_LINES:
                raise HeadersTooLargeError(
                    f"the response's head has more than the {MAX_HEAD_BYTES} bytes or {_MAX_LINES} lines that are read"
                )
            return None
        if end.start() > MAX_HEAD_BYTES:
            raise HeadersTooLargeError(f"the response's head has more than {MAX_HEAD_BYTES} bytes")
        read = read_head(bytes(head[: end.start()]), max_line_bytes=self._max_line_bytes)
        rest = bytes(head[end.end() :])
        if 100 <= read.status < 200 and read.status != 101:
            self._interim += 1
            if self._interim > _MAX_INTERIM:
                raise BrokenResponseError(f"more than {_MAX_INTERIM} interim responses, and none that is final")
            self._head = bytearray()
            self._lines = 0
            return b"", rest
        self._head = None
        self.irregularities = read.irregularities
        self._chunks, self._body_left = ChunkedBody() if read.is_chunked else None, read.length
        return read.raw, rest

    def _give_up(self, error: WebError) -> None:
        self._head = None
        if self.transport is not None:
            self.transport.close()
        self.set_exception(error)
        if self._payload is not None:
            self._payload.set_exception(error)
