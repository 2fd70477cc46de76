"""Bodies whose unpacking costs far more than sending them: no combination of encodings may hold the event loop.

Every case states what it ends in. How long the loop stood still is the longest single callback, by CPU.
"""

from __future__ import annotations

import gzip
import random
import struct
import zlib
from collections.abc import Callable
from datetime import timedelta
from itertools import product

import brotli  # type: ignore[import-untyped]  # the package has no types
import pytest
import zstandard
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.harness.event_loop import watched_loop

from coranto.http import (
    AddressGuard,
    BodyTooLargeError,
    DecompressionBombError,
    UndecodableBodyError,
    WebClient,
    WebError,
    WebLimits,
)
from coranto.http.response.decoding import BodyDecoder

LONGEST_STALL_SECONDS = 0.05
LIMITS = WebLimits(total_timeout=timedelta(seconds=20), max_body_bytes=10_000_000)
PAGE = b"<p>Hello, world.</p>" * 200


def raw_deflate(data: bytes) -> bytes:
    """Deflate without the zlib header, as some servers send it."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "zlib": ("deflate", zlib.compress),
    "raw": ("deflate", raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstandard.ZstdCompressor().compress),
}
MEMBER = gzip.compress(b"")
FRAME = zstandard.ZstdCompressor().compress(b"")
SKIPPABLE = struct.pack("<II", 0x184D2A50, 0)
EMPTY_STORED_BLOCK = b"\x00\x00\x00\xff\xff"
ZSTD_HEADER = FRAME[:6]

# What unpacks to nothing, again and again; each some megabytes of it.
MANY_MEMBERS = MEMBER * 150_000
MANY_FRAMES = FRAME * 300_000
MANY_SKIPPABLE = SKIPPABLE * 400_000
MANY_STORED_BLOCKS = EMPTY_STORED_BLOCK * 800_000
NOTHING: dict[str, tuple[str, bytes]] = {
    "gzip members": ("gzip", MANY_MEMBERS),
    "gzip blocks": ("gzip", MEMBER[:10] + MANY_STORED_BLOCKS + b"\x03\x00" + bytes(8)),
    "zlib blocks": ("deflate", b"\x78\x9c" + MANY_STORED_BLOCKS + b"\x03\x00\x00\x00\x00\x01"),
    "raw deflate blocks": ("deflate", MANY_STORED_BLOCKS + b"\x03\x00"),
    "zstd frames": ("zstd", MANY_FRAMES),
    "zstd skippable frames": ("zstd", MANY_SKIPPABLE),
    # A raw block of size 0, not the last, again and again.
    "zstd blocks": ("zstd", b"\x28\xb5\x2f\xfd\x00\x58" + b"\x00\x00\x00" * 1_000_000 + b"\x01\x00\x00"),
    # Metadata blocks of brotli: empty, skipped.
    "br metadata": ("br", b"\x0c" + b"\x06" * 3_000_000 + b"\x03"),
}
BOMBS: dict[str, tuple[str, bytes]] = {
    name: (header, pack(bytes(60_000_000))) for name, (header, pack) in PACKERS.items()
}


async def outcome_of(header: str, body: bytes) -> type[Exception] | bytes:
    """The body that came of it, or the error; fails when the loop stood still for too long."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, headers={"Content-Encoding": header})

    app = web.Application()
    app.router.add_get("/", answer)
    guard = AddressGuard(["127.0.0.0/8"])
    async with TestServer(app) as server, WebClient(user_agent="CorantoBot/0.1", guard=guard, limits=LIMITS) as client:
        with watched_loop() as watch:
            try:
                outcome: type[Exception] | bytes = (await client.get(str(server.make_url("/")))).body
            except WebError as error:
                outcome = type(error)
    assert watch.cpu_seconds <= LONGEST_STALL_SECONDS, f"{header}: {watch}"
    return outcome


@pytest.mark.parametrize(("inner", "outer"), list(product(PACKERS, PACKERS)))
async def test_page_in_two_encodings_is_unpacked(inner: str, outer: str) -> None:
    (first, pack), (second, pack_again) = PACKERS[inner], PACKERS[outer]
    assert await outcome_of(f"{first}, {second}", pack_again(pack(PAGE))) == PAGE


@pytest.mark.parametrize(("inner", "outer"), list(product(PACKERS, PACKERS)))
async def test_bomb_in_two_encodings_is_caught(inner: str, outer: str) -> None:
    header, bomb = BOMBS[inner]
    second, pack = PACKERS[outer]
    assert await outcome_of(f"{header}, {second}", pack(bomb)) is DecompressionBombError


@pytest.mark.parametrize("inner", NOTHING)
async def test_body_of_many_pieces_that_hold_nothing_holds_nobody_up(inner: str) -> None:
    # Blocks within one stream cost next to nothing; streams are counted.
    is_of_streams = inner in {"gzip members", "zstd frames", "zstd skippable frames"}
    assert await outcome_of(*NOTHING[inner]) == (DecompressionBombError if is_of_streams else b"")


@pytest.mark.parametrize(("inner", "outer"), list(product(NOTHING, PACKERS)))
async def test_nothing_in_many_pieces_packed_once_more_is_a_bomb(inner: str, outer: str) -> None:
    header, body = NOTHING[inner]
    second, pack = PACKERS[outer]
    assert await outcome_of(f"{header}, {second}", pack(body)) is DecompressionBombError


@pytest.mark.parametrize(
    ("header", "packed"),
    [
        # A few dozen bytes that pass the first layer as 32 MB, and the second as nothing.
        ("gzip, br", brotli.compress(MEMBER * 1_600_000, quality=9, lgwin=24)),
        ("gzip, gzip", gzip.compress(MEMBER * 1_600_000)),
        ("gzip, zstd", zstandard.ZstdCompressor().compress(MEMBER * 1_600_000)),
    ],
    ids=["gzip, br", "gzip, gzip", "gzip, zstd"],
)
async def test_few_bytes_of_empty_members_cost_nothing(header: str, packed: bytes) -> None:
    assert len(packed) < 100_000
    assert await outcome_of(header, packed) is DecompressionBombError


@pytest.mark.parametrize("header", [", ".join(names) for names in product(("gzip", "deflate", "br", "zstd"), repeat=3)])
async def test_three_encodings_are_refused_before_anything_is_unpacked(header: str) -> None:
    assert await outcome_of(header, b"x" * 100_000) is UndecodableBodyError


async def test_middle_layer_is_held_to_the_size_allowed() -> None:
    """The last layer gives nothing; what the first one gives is over the limit, and no bomb by its ratio."""
    block = b"\x00" + struct.pack("<HH", 60, 60 ^ 0xFFFF)
    noise = random.Random(1).randbytes(60)  # noqa: S311 - the same in every run
    stored = b"".join(block + noise[:58] + struct.pack("<H", number) for number in range(60_000))
    middle = zlib.compress(b"")[:2] + stored + EMPTY_STORED_BLOCK * 2_000_000
    assert await outcome_of("deflate, br", brotli.compress(middle, quality=1)) is BodyTooLargeError


def test_frames_and_members_in_honest_numbers_are_all_read() -> None:
    pieces = [b"%d," % number for number in range(900)]
    for header, pack in (("gzip", gzip.compress), ("zstd", zstandard.ZstdCompressor().compress)):
        decoder = BodyDecoder(header, max_bytes=1_000_000, max_decoded_bytes=1_000_000, max_compression_ratio=100)
        for _ in decoder.feed(SKIPPABLE * (header == "zstd") + b"".join(map(pack, pieces))):
            pass
        assert decoder.finish() == b"".join(pieces)
