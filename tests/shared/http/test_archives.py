"""Reading pages out of web archives, whole ones and broken ones."""

from __future__ import annotations

import gzip
import io
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import brotli  # type: ignore[import-untyped]  # the package has no types
import pytest
import zstandard
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from coranto.http.archives.pages import ArchivedPage, SkippedRecord, read_pages
from coranto.http.archives.zstd_frames import CUT, ZstdStream

PAGE = b"<html><title>Bridge opens</title><p>" + b"The bridge is open again. " * 40


def archive(*responses: tuple[str, str, list[tuple[str, str]], bytes], packed: bool = True) -> bytes:
    """An archive with these responses: address, status line, headers and body."""
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=packed)
    for url, status, headers, body in responses:
        http = StatusAndHeaders(status, headers, protocol="HTTP/1.1")
        writer.write_record(writer.create_warc_record(url, "response", payload=io.BytesIO(body), http_headers=http))
    return out.getvalue()


HTML = [("Content-Type", "text/html; charset=utf-8")]


def read(body: bytes, *, max_bytes: int = 1_000_000) -> list[ArchivedPage | SkippedRecord]:
    return list(read_pages(io.BytesIO(body), max_bytes=max_bytes))


@pytest.mark.parametrize("form", ["plain", "a member a record", "one member for all"])
def test_pages_come_with_address_type_and_body_however_the_archive_is_packed(form: str) -> None:
    body = archive(
        ("https://a.example/1", "200 OK", HTML, PAGE),
        ("https://a.example/2", "200 OK", [*HTML, ("Content-Encoding", "gzip")], gzip.compress(PAGE)),
        packed=form == "a member a record",
    )
    pages = read(gzip.compress(body) if form == "one member for all" else body)
    assert pages == [ArchivedPage(f"https://a.example/{number}", "text/html", PAGE) for number in (1, 2)]


def zstd_archive(*, with_dictionary: bool, packs_dictionary: bool = False) -> bytes:
    """Sixty pages, each record in a frame of its own, after the dictionary that they were packed with."""
    records = [archive((f"https://a.example/{number}", "200 OK", HTML, PAGE), packed=False) for number in range(60)]
    if not with_dictionary:
        return b"".join(zstandard.ZstdCompressor().compress(record) for record in records)
    known = zstandard.train_dictionary(2_000, records)
    content = known.as_bytes()
    if packs_dictionary:
        content = zstandard.ZstdCompressor().compress(content)
    packer = zstandard.ZstdCompressor(dict_data=known)
    head = b"\x5d\x2a\x4d\x18" + len(content).to_bytes(4, "little") + content
    return head + b"".join(packer.compress(record) for record in records)


@pytest.mark.parametrize("dictionary", ["none", "plain", "packed"])
def test_archive_packed_with_zstandard_is_read(dictionary: str) -> None:
    body = zstd_archive(with_dictionary=dictionary != "none", packs_dictionary=dictionary == "packed")
    assert read(body) == [ArchivedPage(f"https://a.example/{number}", "text/html", PAGE) for number in range(60)]
    found = read(body[:-40])
    assert [one.url for one in found if isinstance(one, ArchivedPage)][:59] == [
        f"https://a.example/{number}" for number in range(59)
    ]


BOMB = zstandard.ZstdCompressor().compress(bytes(40 << 20))


@pytest.mark.parametrize(
    "body",
    [
        b"\x28\xb5\x2f\xfd",
        b"\x28\xb5\x2f\xfd" + bytes(1000),
        b"\x5d\x2a\x4d\x18",
        b"\x5d\x2a\x4d\x18\xff\xff\xff\xff",
        b"\x5d\x2a\x4d\x18\x04\x00\x00\x00\x28\xb5\x2f\xfd",
        b"\x5d\x2a\x4d\x18" + len(BOMB).to_bytes(4, "little") + BOMB,
        b"\x5d\x2a\x4d\x18" + (5_000).to_bytes(4, "little") + bytes(100),
    ],
)  # fmt: skip
def test_broken_zstandard_is_told_and_never_a_crash(body: bytes) -> None:
    (told,) = read(body)
    assert isinstance(told, SkippedRecord)
    assert told.reason == "broken"


def packed_records(pack: Callable[[bytes], bytes]) -> list[bytes]:
    return [pack(archive((f"https://a.example/{n}", "200 OK", HTML, PAGE), packed=False)) for n in range(3)]


@pytest.mark.parametrize(
    "pack", [gzip.compress, zstandard.compress, zstandard.ZstdCompressor(write_checksum=True).compress]
)
def test_packed_archive_that_is_cut_anywhere_says_so(pack: Callable[[bytes], bytes]) -> None:
    *whole, last = packed_records(pack)
    for length in range(4, len(last)):
        found = read(b"".join(whole) + last[:length])
        assert [one.url for one in found if isinstance(one, ArchivedPage)][:2] == [
            "https://a.example/0",
            "https://a.example/1",
        ]
        assert isinstance(found[-1], SkippedRecord), f"cut after {length} bytes"
        assert (found[-1].reason, CUT in (found[-1].detail or "")) == ("broken", True)
    assert all(isinstance(one, ArchivedPage) for one in read(b"".join([*whole, last])))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_page_of_which_the_archive_has_a_part_is_no_page(pack: Callable[[bytes], bytes]) -> None:
    first, _, last = packed_records(bytes)
    found = read(pack(first + last[:-100]))
    assert [type(one) for one in found] == [ArchivedPage, SkippedRecord]
    assert isinstance(found[1], SkippedRecord)
    assert (found[1].reason, found[1].url) == ("broken", "https://a.example/2")
    assert "96 bytes are missing" in (found[1].detail or "")


@pytest.mark.parametrize("contents", ["stored", "runs", "several blocks", "empty", "skipped"])
def test_frames_of_every_form_are_followed_to_their_end(contents: str) -> None:
    packer = zstandard.ZstdCompressor(write_content_size=contents == "runs")
    plain = {"stored": os.urandom(1_000), "runs": bytes(300_000), "several blocks": os.urandom(400_000), "empty": b""}
    expected = plain.get(contents, b"x")
    packed = packer.compress(expected)
    if contents == "skipped":
        packed += b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"
    for body in (packed, packed * 2):
        stream = ZstdStream(io.BytesIO(body), max_window=1 << 23)
        assert b"".join(iter(stream.read, b"")) == expected * (len(body) // len(packed))
        stream = ZstdStream(io.BytesIO(body[:-1]), max_window=1 << 23)
        with pytest.raises(ValueError, match=CUT):
            list(iter(stream.read, b""))


@pytest.mark.parametrize(
    "header", [b"A: b\r\n" * 20_000, (b"A: " + b"b" * 500_000 + b"\r\n") * 12, b" folded\r\n" * 20_000]
)
@pytest.mark.parametrize("where", ["the record's", "the response's"])
def test_header_without_end_is_told_and_read_no_further(header: bytes, where: str) -> None:
    whole = archive(("https://a.example/1", "200 OK", HTML, PAGE), packed=False)
    start = b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: https://a.example/2\r\nContent-Length: 90000000\r\n"
    start += b"" if where == "the record's" else b"\r\nHTTP/1.1 200 OK\r\nServer: a\r\n"
    page, broken = read(whole + start + header + b"\r\n")
    assert isinstance(page, ArchivedPage)
    assert isinstance(broken, SkippedRecord)
    assert (broken.reason, "a header has" in (broken.detail or "")) == ("broken", True)


def test_headers_of_a_long_archive_are_counted_each_by_itself() -> None:
    headers = [*HTML, *((f"X-{number}", "a") for number in range(3_000))]
    found = read(archive(*((f"https://a.example/{n}", "200 OK", headers, b"" if n % 2 else PAGE) for n in range(8))))
    assert [getattr(one, "reason", "page") for one in found] == ["page", "empty"] * 4


def test_body_packed_with_zstandard_is_unpacked_within_bounds() -> None:
    stated = [*HTML, ("Content-Encoding", "zstd")]
    packed = zstandard.compress(PAGE)
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed)
    found = read(
        archive(
            ("https://a.example/1", "200 OK", stated, packed),
            ("https://a.example/2", "200 OK", [*stated, ("Transfer-Encoding", "chunked")], chunked),
            ("https://a.example/3", "200 OK", stated, PAGE),
            ("https://a.example/4", "200 OK", stated, BOMB),
            ("https://a.example/5", "200 OK", stated, packed[:-10]),
            ("https://a.example/6", "200 OK", stated, zstandard.compress(PAGE)[:4] + b"\xff" * 50),
            ("https://a.example/7", "200 OK", stated, packed),
        )
    )
    assert [one.body == PAGE if isinstance(one, ArchivedPage) else one.reason for one in found] == [
        True, True, True, "too_large", "broken", "broken", True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("stated", "pack"),
    [
        ("br", brotli.compress),
        ("x-gzip", gzip.compress),
        ("gzip, zstd", lambda page: zstandard.compress(gzip.compress(page))),
        ("zstd, br", lambda page: brotli.compress(zstandard.compress(page))),
        ("utf-8", bytes),
        ("gzip, gzip", lambda page: gzip.compress(gzip.compress(page))),
        ("", gzip.compress),
    ],
)
@pytest.mark.parametrize("is_chunked", [False, True])
def test_body_comes_as_from_the_web_however_it_is_packed(
    stated: str, pack: Callable[[bytes], bytes], is_chunked: bool
) -> None:
    packed, headers = pack(PAGE), [*HTML, ("Content-Encoding", stated)]
    if is_chunked:
        packed, headers = b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed), [*headers, ("Transfer-Encoding", "chunked")]
    last = ("https://a.example/2", "200 OK", HTML, PAGE)
    assert read(archive(("https://a.example/1", "200 OK", headers, packed), last)) == [
        ArchivedPage(f"https://a.example/{number}", "text/html", PAGE) for number in (1, 2)
    ]


def test_bombs_of_every_packing_cost_no_memory() -> None:
    bombs = {
        "br": brotli.compress(bytes(60 << 20), quality=1),
        "gzip, br": brotli.compress(gzip.compress(bytes(60 << 20), 1), quality=1),
        "zstd": zstandard.compress(bytes(60 << 20)),
        "gzip, gzip, gzip": gzip.compress(gzip.compress(gzip.compress(PAGE))),
        "compress": PAGE,
    }
    stated = {name: [*HTML, ("Content-Encoding", name)] for name in bombs}
    body = archive(*(("https://a.example/", "200 OK", stated[name], bomb) for name, bomb in bombs.items()))
    tracemalloc.start()
    found = read(body, max_bytes=5_000_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [one.reason for one in found if isinstance(one, SkippedRecord)] == [*["too_large"] * 3, *["broken"] * 2]
    assert peak < 30_000_000


def test_large_chunk_costs_no_memory() -> None:
    headers = [*HTML, ("Transfer-Encoding", "chunked")]
    chunks = {
        "too large": b"%x\r\n%s\r\n0\r\n\r\n" % (20 << 20, bytes(20 << 20)),
        "cut": b"%x\r\n%s" % (20 << 20, PAGE),
        "as large as a body may be": b"%x\r\n%s\r\n0\r\n\r\n" % (1 << 20, b"a" * (1 << 20)),
    }
    body = archive(
        *((f"https://a.example/{number}", "200 OK", headers, chunk) for number, chunk in enumerate(chunks.values()))
    )
    del chunks
    tracemalloc.start()
    found = read(body, max_bytes=1 << 20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [getattr(one, "reason", "page") for one in found] == ["too_large", "page", "page"]
    assert peak < 10_000_000


def test_archive_that_begins_with_a_skipped_frame_is_read() -> None:
    skipped = b"\x53\x2a\x4d\x18\x03\x00\x00\x00abc"
    assert read(skipped + zstandard.compress(archive(("https://a.example/1", "200 OK", HTML, PAGE), packed=False))) == [
        ArchivedPage("https://a.example/1", "text/html", PAGE)
    ]
    assert [one.reason for one in read(skipped + b"nothing") if isinstance(one, SkippedRecord)] == ["broken"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_header_line_without_end_is_told_and_read_no_further(pack: Callable[[bytes], bytes]) -> None:
    whole = archive(("https://a.example/1", "200 OK", HTML, PAGE), packed=False)
    stream = io.BytesIO(pack(whole + b"WARC/1.0\r\nWARC-Type: " + b"x" * (4 << 20)))
    page, broken = read_pages(stream, max_bytes=1_000_000)
    assert isinstance(page, ArchivedPage)
    assert isinstance(broken, SkippedRecord)
    assert broken.reason == "broken"
    assert "a line of a header" in (broken.detail or "")


def test_long_archive_is_not_held(tmp_path: Path) -> None:
    """Thirty megabytes unpacked, and less than ten of them at a time."""
    page = bytes(1_000_000)
    path = tmp_path / "long.warc.gz"
    with path.open("wb") as out:
        writer = WARCWriter(out, gzip=True)
        for number in range(30):
            http = StatusAndHeaders("200 OK", HTML, protocol="HTTP/1.1")
            url = f"https://a.example/{number}"
            writer.write_record(writer.create_warc_record(url, "response", payload=io.BytesIO(page), http_headers=http))
    tracemalloc.start()
    with path.open("rb") as stream:
        assert sum(isinstance(one, ArchivedPage) for one in read_pages(stream, max_bytes=2_000_000)) == 30
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000


def test_what_is_no_page_is_passed_over_with_its_reason() -> None:
    found = read(
        archive(
            ("https://a.example/gone", "404 Not Found", HTML, PAGE),
            ("https://a.example/i.png", "200 OK", [("Content-Type", "image/png")], b"x"),
            ("https://a.example/empty", "200 OK", HTML, b""),
            ("https://a.example/large", "200 OK", HTML, PAGE * 10),
            ("https://a b.example/", "200 OK", HTML, PAGE),
            (
                "https://a.example/bomb",
                "200 OK",
                [*HTML, ("Content-Encoding", "gzip")],
                gzip.compress(bytes(5_000_000)),
            ),
            ("https://a.example/last", "200 OK", HTML, PAGE),
        ),
        max_bytes=5000,
    )
    assert [one.reason for one in found[:-1] if isinstance(one, SkippedRecord)] == [
        "status_404", "not_a_page", "empty", "too_large", "bad_address", "too_large",
    ]  # fmt: skip
    assert isinstance(found[-1], ArchivedPage)


@pytest.mark.parametrize("cut", [1, 10, 100, 300])
def test_archive_that_breaks_off_gives_what_is_whole(cut: int) -> None:
    whole = archive(*((f"https://a.example/{number}", "200 OK", HTML, PAGE) for number in range(3)))
    found = read(whole[:-cut])
    assert [one.url for one in found if isinstance(one, ArchivedPage)][:1] == ["https://a.example/0"]
    assert len(found) <= 4


@pytest.mark.parametrize(
    "body", [b"", b"no archive at all", b"\x1f\x8bnot gzip", b"WARC/1.0\r\n", b"WARC/1.0\r\n\r\n" * 1000]
)
def test_what_is_no_archive_is_told_and_never_a_crash(body: bytes) -> None:
    assert all(isinstance(one, SkippedRecord) for one in read(body))


def test_archives_of_other_programs_are_read(material: Path) -> None:
    urls = {
        page.url
        for file in sorted((material / "cases/warc").rglob("*.*arc*"))
        for page in read(file.read_bytes())
        if isinstance(page, ArchivedPage)
    }
    assert {"http://example.com/", "http://commoncrawl.org/"} <= urls
