"""Heads as servers send them, in the strict form that the parser takes; and that no bytes at all can do harm."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coranto.http import BrokenResponseError, HeadersTooLargeError, WebError
from coranto.http.response.head import LenientResponseHandler, read_head

OK = b"HTTP/1.1 200 OK\r\n"
LIMIT = 16_384
PIECES = st.sampled_from([
    b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"\0", b"\xff", b"HTTP/1.1", b"200", b"OK", b"Content-Length", b"5", b"-1", b",",
    b"Transfer-Encoding", b"chunked", b"gzip", b"Connection", b"close", b"a" * 30, b"5\r\n", b"0\r\n\r\n", b"<p>",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"X-A: b\r\n", b"HTTP/1.1 100 Continue\r\n\r\n",
])  # fmt: skip
SOUP = st.lists(st.one_of(PIECES, st.binary(max_size=20)), max_size=60).map(b"".join)


def head_of(*lines: bytes, limit: int = LIMIT) -> list[bytes]:
    """The strict lines that these become, without the status line and the empty one."""
    return read_head(OK + b"\r\n".join(lines), max_line_bytes=limit).raw.split(b"\r\n")[1:-2]


@pytest.mark.parametrize(
    ("lines", "strict"),
    [
        ([b"Content-Type: text/html", b"Content-Length: 5"], [b"Content-Length: 5", b"Content-Type: text/html"]),
        ([b"Content-Length: 5", b"content-length: 5"], [b"Content-Length: 5", b"Connection: close"]),
        ([b"Content-Length: 5, 5"], [b"Content-Length: 5", b"Connection: close"]),
        ([b"Content-Length: many"], [b"Connection: close"]),
        ([b"Transfer-Encoding: chunked", b"Content-Length: 5"], [b"Transfer-Encoding: chunked", b"Connection: close"]),
        ([b"Transfer-Encoding: identity"], [b"Connection: close"]),
        (
            [b"Transfer-Encoding: gzip, chunked", b"Content-Encoding: br"],
            [b"Content-Encoding: br, gzip", b"Transfer-Encoding: chunked", b"Connection: close"],
        ),
        ([b"X-A: one", b"\ttwo"], [b"X-A: one two", b"Connection: close"]),
        ([b"X A: one", b"  of the line above", b"X-B: two"], [b"X-B: two", b"Connection: close"]),
        ([b"X-A : one"], [b"X-A: one", b"Connection: close"]),
        ([b"X-A: a\0b"], [b"X-A: a b", b"Connection: close"]),
        ([b"Keep-Alive: 5", b"no header"], [b"Connection: close"]),
        ([b"Location: /caf\xe9"], [b"Location: /caf\xe9"]),
    ],
)
def test_head_is_put_right(lines: list[bytes], strict: list[bytes]) -> None:
    assert head_of(*lines) == strict


@pytest.mark.parametrize(
    ("head", "note"),
    [
        (OK + b"X-A: b", None),
        (OK + b"X-A: b\r\n", None),
        (b"HTTP/1.0 200 OK\r\nX-A: b", None),
        (b"HTTP/1.2 200 OK\r\nX-A: b", "the version is not 1.0 or 1.1"),
        (b"ICY 200 OK\r\nX-A: b", "the version is not 1.0 or 1.1"),
        (b"HTTP/1.1 200 OK\nX-A: b", "lines end in a bare line feed"),
        (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked", "there are chunks in HTTP/1.0"),
        (OK + b"Transfer-Encoding: chunked", None),
        (OK + b"Transfer-Encoding: gzip, chunked", "Transfer-Encoding names something other than chunks"),
        (OK + b"Content-Length: 5, 5", "the length is stated twice, or is no number"),
        (OK + b"X-A: b\r\n c", "a header is folded over several lines"),
    ],
)
def test_what_had_to_be_put_right_is_told(head: bytes, note: str | None) -> None:
    assert read_head(head, max_line_bytes=LIMIT).irregularities == (() if note is None else (note,))


@pytest.mark.parametrize(
    ("status", "line", "length", "is_chunked"),
    [
        (200, b"Content-Length: 5", 5, False),
        (200, b"X-A: b", None, False),
        (200, b"Transfer-Encoding: chunked", None, True),
        (304, b"Content-Length: 5", 0, False),
        (204, b"Transfer-Encoding: chunked", 0, False),
        (404, b"Content-Length: 0", 0, False),
    ],
)
def test_how_much_body_follows_is_told(status: int, line: bytes, length: int | None, is_chunked: bool) -> None:
    read = read_head(b"HTTP/1.1 %d x\r\n" % status + line, max_line_bytes=LIMIT)
    assert (read.status, read.length, read.is_chunked) == (status, length, is_chunked)


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(BrokenResponseError, match=r"lengths that differ: \[5, 6\]"):
        head_of(b"Content-Length: 5", b"Content-Length: 6")
    with pytest.raises(BrokenResponseError, match=r"differ: \[0, 1, 2, 3, 4\]\Z"):
        head_of(*(b"Content-Length: %d" % number for number in range(9)))


@pytest.mark.parametrize("line", [b"", b"200 OK", b"HTTP/1.1 20 OK", b"HTTP/1.1 2000 OK", b"HTTP/1.1 OK", b"<html>"])
def test_what_is_no_status_line_is_refused(line: bytes) -> None:
    with pytest.raises(BrokenResponseError, match="status line"):
        read_head(line + b"\r\nX-A: b", max_line_bytes=LIMIT)


def test_head_is_bounded_by_line_by_fold_and_by_number() -> None:
    for lines in ([b"X-A: " + b"b" * LIMIT], [b"X-A: b", *[b" " + b"b" * 1000] * 20], [b"X-A: b"] * 2000):
        with pytest.raises(HeadersTooLargeError):
            head_of(*lines)
    # Up to the bound, they are read.
    assert len(head_of(b"X-A:" + b"b" * 96, limit=100)[0]) == 101
    assert head_of(b"X-A: " + b"b" * 50, b" " + b"c" * 49, limit=100)[0] == b"X-A: " + b"b" * 50 + b" " + b"c" * 49


@given(SOUP)
def test_any_head_is_strict_or_an_error_of_ours(raw: bytes) -> None:
    try:
        read = read_head(OK + raw, max_line_bytes=LIMIT)
    except WebError:
        return
    status, *lines = read.raw.removesuffix(b"\r\n\r\n").split(b"\r\n")
    assert status == b"HTTP/1.1 200 OK"
    names = [line.partition(b": ")[0].lower() for line in lines if line]
    assert not any(byte in b"\0\r\n" for byte in b"".join(lines))
    assert names.count(b"content-length") + names.count(b"transfer-encoding") <= 1
    again = read_head(read.raw, max_line_bytes=2 * LIMIT).raw
    assert sorted(again.split(b"\r\n")) == sorted(read.raw.split(b"\r\n"))


@given(st.one_of(SOUP, SOUP.map(lambda raw: OK + raw)), st.lists(st.integers(1, 200), max_size=20))
async def test_any_bytes_in_any_pieces_end_in_a_response_or_an_error(raw: bytes, cuts: list[int]) -> None:
    whole, pieces = await outcome(raw, [len(raw)]), await outcome(raw, cuts)
    assert whole == pieces


CONTINUE = b"HTTP/1.1 100 Continue\r\nX-A: b\r\n\r\n"


async def responses(*raws: bytes, piece: int = 1_000_000) -> tuple[LenientResponseHandler, list[object]]:
    """What the handler makes of responses that come one after the other on a connection, each in pieces of this size."""
    handler = LenientResponseHandler(asyncio.get_running_loop())
    found: list[object] = []
    for raw in raws:
        handler.set_response_params(max_field_size=LIMIT, max_line_size=LIMIT, read_until_eof=True)
        for start in range(0, len(raw), piece):
            if handler.exception() is None:
                handler.data_received(raw[start : start + piece])
        try:
            message, payload = await handler.read()
        except WebError as error:
            found.append(type(error))
            break
        found.append((message.code, b"".join(getattr(payload, "_buffer", ())), payload.is_eof()))
    return handler, found


@pytest.mark.parametrize("piece", [1, 7, 1_000_000])
async def test_interim_responses_are_passed_over_and_so_is_the_end_of_the_one_before(piece: int) -> None:
    whole = OK + b"Content-Length: 5\r\n\r\nabcde"
    _, found = await responses(CONTINUE + whole, b"\r\n" + CONTINUE * 20 + whole, piece=piece)
    assert found == [(200, b"abcde", True)] * 2


async def test_interim_responses_without_end_are_refused() -> None:
    assert (await responses(CONTINUE * 21 + OK + b"\r\n"))[1] == [BrokenResponseError]
    # Each has a head of its own, and so has each response on a connection.
    long = b"HTTP/1.1 103 Early Hints\r\n" + b"Link: </a>\r\n" * 600 + b"\r\n"
    whole = OK + b"X-A: b\r\n" * 600 + b"Content-Length: 0\r\n\r\n"
    for size in (100, 1_000_000):
        _, found = await responses(long * 2 + whole, whole, piece=size)
        assert found == [(200, b"", True)] * 2


async def test_another_protocol_is_no_interim_response() -> None:
    _, found = await responses(b"HTTP/1.1 101 Switching Protocols\r\nContent-Length: 0\r\n\r\n")
    assert [one[0] for one in found if isinstance(one, tuple)] == [101]


@pytest.mark.parametrize("piece", [1, 40, 1_000_000])
async def test_what_follows_a_body_ends_the_connection_and_is_no_part_of_it(piece: int) -> None:
    handler, found = await responses(OK + b"Content-Length: 5\r\n\r\nabcdeHTTP/1.1 200 OK\r\n", piece=piece)
    assert found == [(200, b"abcde", True)]
    assert handler.should_close
    handler, found = await responses(OK + b"Content-Length: 5\r\n\r\nabcde", piece=piece)
    assert not handler.should_close


async def test_chunks_are_over_where_they_say_so() -> None:
    raw = OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"
    for size in (1, 1_000_000):
        handler, found = await responses(raw, raw, piece=size)
        assert found == [(200, b"abcde", True)] * 2
        assert not handler.should_close
    handler, found = await responses(raw + b"more")
    assert found == [(200, b"abcde", True)]
    assert handler.should_close


async def test_head_is_told_to_be_none_as_soon_as_that_is_certain() -> None:
    assert (await responses(b"<!doctype html>"))[1] == [BrokenResponseError]
    assert (await responses(b"<!doctype html>", piece=1))[1] == [BrokenResponseError]
    for size in (1000, 1_000_000):
        assert (await responses(OK + b"a" * 300_000 + b"\r\n\r\n", piece=size))[1] == [HeadersTooLargeError]
        assert (await responses(OK + b"a\r\n" * 1_100, piece=size))[1] == [HeadersTooLargeError]


class Transport(asyncio.Transport):
    """Notes that it is closed."""

    is_closed = False

    def close(self) -> None:
        self.is_closed = True


async def test_connection_is_closed_when_the_response_is_refused() -> None:
    for raw in (b"no response at all", OK + b"Transfer-Encoding: chunked\r\n\r\nno size\r\n"):
        handler, transport = LenientResponseHandler(asyncio.get_running_loop()), Transport()
        handler.connection_made(transport)
        handler.set_response_params(max_field_size=LIMIT, max_line_size=LIMIT, read_until_eof=True)
        handler.data_received(raw)
        assert transport.is_closed


async def test_broken_body_that_comes_with_its_head_is_cut_as_if_it_came_later() -> None:
    head, body = OK + b"Transfer-Encoding: chunked\r\n\r\n", b"no size\r\n"
    together, apart = await outcome(head + body, [len(head + body)]), await outcome(head + body, [len(head)])
    assert together == apart == ("cut", "ClientPayloadError")


async def outcome(raw: bytes, cuts: list[int]) -> tuple[str, object]:
    """What the handler makes of the bytes, in pieces of these sizes: a status and its headers, or the class of an error."""
    handler = LenientResponseHandler(asyncio.get_running_loop())
    handler.set_response_params(max_field_size=LIMIT, max_line_size=LIMIT, read_until_eof=True)
    rest = raw
    for size in [*cuts, len(raw)]:
        piece, rest = rest[:size], rest[size:]
        if piece and handler.exception() is None:
            handler.data_received(piece)
    handler.connection_lost(None)
    try:
        message, payload = await handler.read()
    except Exception as error:  # noqa: BLE001 - which error is what is compared
        return "error", type(error).__name__
    if payload.exception() is not None:
        return "cut", type(payload.exception()).__name__
    return str(message.code), (sorted(message.raw_headers), b"".join(payload._buffer))


@pytest.mark.parametrize(
    "raw",
    [b" \r\n" * 80_000, b"a:\r\n" * 60_000, b"\n\r" * 100_000, b"X" * 250_000, b"a: b\r\n " * 30_000, b":" * 250_000],
)
async def test_hostile_heads_are_read_in_no_time(raw: bytes) -> None:
    for cuts in ([len(raw)], [7] * (len(raw) // 7)):
        started = time.thread_time()
        await outcome(OK + raw, cuts)
        assert time.thread_time() - started < (0.1 if len(cuts) == 1 else 2.0)


@pytest.mark.parametrize(
    "raw", [b"5;" + b"a" * 400_000, b"\r\n" * 200_000, b"1\r\na\r\n" * 60_000, b"0\r\n" + b"a:\r\n" * 100_000]
)
async def test_hostile_chunks_are_read_in_no_time(raw: bytes) -> None:
    for cuts in ([len(raw)], [7] * (len(raw) // 7)):
        started = time.thread_time()
        await outcome(OK + b"Transfer-Encoding: chunked\r\n\r\n" + raw, cuts)
        assert time.thread_time() - started < (0.5 if len(cuts) == 1 else 3.0)
