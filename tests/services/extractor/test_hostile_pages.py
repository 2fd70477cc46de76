"""Pages made to hurt: each ends with a named reason or a reading, in bounded time, and the next page is unharmed."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from coranto.records import Content
from coranto_extractor.pool import ReaderCrashedError, ReaderPool, ReaderTimeoutError
from coranto_extractor.reader import Request
from coranto_extractor.reasons import REASONS
from coranto_extractor.refusal import Refusal
from coranto_extractor.tree import TreeLimits

_DEADLINE = timedelta(seconds=2)

HOSTILE = {
    "deep nesting": b"<html><body>" + b"<div>" * 100_000 + b"text",
    "deep nesting of inline elements": b"<html><body>" + b"<b>" * 100_000 + b"text",
    "tables in tables": b"<body>" + b"<table><tr><td>" * 20_000 + b"text",
    "50 MB of attributes": b"<html><body><p " + b"a='" + b"x" * 50_000_000 + b"'>text</p>",
    "15 MB of attributes": b"<html><body><p " + b"a='" + b"x" * 15_000_000 + b"'>text</p>",
    "zero bytes": b"<html><body><p>" + b"\x00" * 100_000 + b"</p>",
    "200,000 links": b"<html><body>" + b"<a href='/x'>link</a> " * 200_000,
    "140,000 links": b"<html><body>" + b"<a href='/x'>link</a> " * 140_000,
    "line breaks": b"<html><body><p>" + b"a<br>" * 140_000,
    "spaces": b"<html><body><h1>t</h1><p>" + b" " * 5_000_000 + b"x</p>",
    "quotes": b"<html><body><p>" + b'"' * 3_000_000 + b"</p>",
    "title separators": b"<title>" + b" - a" * 300_000 + b"</title><body><h1>a</h1><p>Some text, here.</p>",
    "digits and dots": b"<body><p>" + b"1.1." * 500_000 + b"</p>",
    "open brackets in a caption": b"<body><figure><img src=x><figcaption>"
    + b"(photo " * 200_000
    + b"</figcaption></figure>",
    "deep JSON": b"<script type='application/ld+json'>" + b"[" * 200_000 + b"</script><body><p>x</p>",
    "open comments": b"<body>" + b"<!--" * 1_000_000,
    "names": b"<body><h1>T</h1><p>By " + b"A and " * 200_000 + b"</p>",
    "escapes in a script": b"<body><script>" + b'"\\\\' * 2_000_000 + b"</script>",
}


async def test_hostile_pages_end_in_bounded_time_and_leave_the_next_page_unharmed(
    write_page: Callable[..., bytes],
) -> None:
    pool = ReaderPool(processes=2, deadline=_DEADLINE, limits=TreeLimits())
    await pool.start()

    async def seconds_for(name: str) -> float:
        begun = time.monotonic()
        # The stage gives both errors a name: reader_timeout, reader_crashed.
        with suppress(ReaderTimeoutError, ReaderCrashedError):
            result = await pool.read(HOSTILE[name], Request(url="https://news.example/hostile"))
            assert isinstance(result, Content) or result.reason in REASONS
        return time.monotonic() - begun

    try:
        for name in HOSTILE:
            # The deadline, the transfer of the page, and a machine that others use too.
            assert await seconds_for(name) < _DEADLINE.total_seconds() + 10, name
        assert isinstance(await pool.read(write_page(), Request()), Content)
    finally:
        await pool.stop()


def _never_ends(page: bytes, request: Request, limits: TreeLimits) -> Content | Refusal:
    while True:
        pass


def _dies(page: bytes, request: Request, limits: TreeLimits) -> Content | Refusal:
    import os

    os._exit(9)


@pytest.mark.parametrize(("misdeed", "error"), [(_never_ends, ReaderTimeoutError), (_dies, ReaderCrashedError)])
async def test_process_is_replaced_after_a_page_that_ended_it(
    misdeed: Callable[..., Content | Refusal], error: type[Exception], write_page: Callable[..., bytes]
) -> None:
    pool = ReaderPool(processes=1, deadline=timedelta(seconds=1), limits=TreeLimits())
    await pool.start()
    try:
        reads_well, pool._read_page = pool._read_page, misdeed
        with pytest.raises(error):
            await pool.read(b"page", Request())
        pool._read_page = reads_well
        assert isinstance(await pool.read(write_page(), Request()), Content)
    finally:
        await pool.stop()
