"""Submitting web archives: each page once, into the page store, with its own address."""

from __future__ import annotations

import io
from pathlib import Path

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from coranto.pages import FilePageStore
from coranto.records import Submission
from coranto_cli.given.sources import archived, find_sources


def write_archive(file: Path, pages: int) -> None:
    with file.open("wb") as out:
        writer = WARCWriter(out, gzip=True)
        for number in range(pages):
            headers = StatusAndHeaders("200 OK", [("Content-Type", "text/html")], protocol="HTTP/1.1")
            body = io.BytesIO(f"<html><title>Page {number}</title>".encode())
            url = f"https://paper.example/{number}"
            writer.write_record(writer.create_warc_record(url, "response", payload=body, http_headers=headers))
        headers = StatusAndHeaders("404 Not Found", [("Content-Type", "text/html")], protocol="HTTP/1.1")
        writer.write_record(
            writer.create_warc_record(
                "https://paper.example/x", "response", payload=io.BytesIO(b"x"), http_headers=headers
            )
        )


async def submissions_of(file: Path, pages: FilePageStore, refused: list[str]) -> list[Submission]:
    return [one async for batch in archived(file, pages, refuse=refused.append) for one in batch]


async def test_pages_of_an_archive_are_submitted_with_their_addresses_and_once(tmp_path: Path) -> None:
    file, pages, refused = tmp_path / "news.warc.gz", FilePageStore(tmp_path / "pages"), list[str]()
    write_archive(file, 120)
    found = await submissions_of(file, pages, refused)
    assert [one.url for one in found] == [f"https://paper.example/{number}" for number in range(120)]
    first = found[0]
    assert (first.discovered_via, first.kind, first.source, first.priority) == (
        "warc",
        "page",
        "news.warc.gz",
        "backlog",
    )
    assert first.saved is not None
    assert await pages.get(first.saved.page) == b"<html><title>Page 0</title>"
    assert [one.id for one in await submissions_of(file, pages, refused)] == [one.id for one in found]
    assert refused == []


async def test_archive_that_breaks_off_gives_what_it_has(tmp_path: Path) -> None:
    file, pages, refused = tmp_path / "cut.warc.gz", FilePageStore(tmp_path / "pages"), list[str]()
    write_archive(file, 20)
    file.write_bytes(file.read_bytes()[:-3000])
    found = await submissions_of(file, pages, refused)
    assert 0 < len(found) < 20


def test_archives_are_sources_alone_and_in_directories(tmp_path: Path) -> None:
    for name in ("a.warc.gz", "b.warc", "c.arc.gz", "page.html", "notes.md"):
        (tmp_path / name).write_bytes(b"x")
    refused: list[str] = []
    found = find_sources([str(tmp_path), str(tmp_path / "b.warc")], [], refuse=refused.append)
    names = [source.file.name for source in found if source.file is not None]
    assert names == ["a.warc.gz", "b.warc", "c.arc.gz", "page.html", "b.warc"]
    assert refused == []
