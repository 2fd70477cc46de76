"""Reading pages out of web archives, whole ones and broken ones."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from coranto.pages.archives import ArchivedPage, SkippedRecord, read_pages

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
    ],
)  # fmt: skip
def test_broken_zstandard_is_told_and_never_a_crash(body: bytes) -> None:
    assert all(isinstance(one, SkippedRecord) for one in read(body))


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
