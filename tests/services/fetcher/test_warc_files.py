"""WARC files of what was fetched, read by the library that the web's archives use."""

from __future__ import annotations

import errno
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.harness.hostile_server import GZIP, PAGE, Behaviour, redirect, response, serving
from warcio.archiveiterator import ArchiveIterator  # type: ignore[import-untyped]  # the package has no types
from warcio.checker import Checker  # type: ignore[import-untyped]

from coranto_fetcher.settings import FetcherSettings
from coranto_fetcher.single_fetch import SingleFetcher
from coranto_fetcher.warc_files import WarcFiles


def settings(directory: Path) -> FetcherSettings:
    return FetcherSettings(allowed_networks="127.0.0.0/8", min_delay=timedelta(0), warc_directory=directory)


def records(directory: Path) -> list[tuple[Any, bytes]]:
    """All records with their payloads; the files are checked against their digests."""
    found = []
    for path in sorted(directory.iterdir()):
        assert path.name.endswith(".warc.gz")
        with path.open("rb") as stream:
            found += [(record, record.content_stream().read()) for record in ArchiveIterator(stream)]
        assert not Checker(_Wants([str(path)])).process_all()
    return found


class _Wants:
    verbose = False

    def __init__(self, inputs: list[str]) -> None:
        self.inputs = inputs


async def test_every_exchange_is_kept_and_the_same_body_once(tmp_path: Path) -> None:
    site = Behaviour(
        "archived",
        "",
        None,
        {"/page": redirect("/story"), "/story": response(GZIP, "Content-Encoding: gzip"), "/copy": response()},
    )
    async with serving(site) as url, SingleFetcher(settings(tmp_path)) as fetcher:
        await fetcher.fetch(url)
        await fetcher.fetch(url.replace("/page", "/copy?a=b"))
    found = records(tmp_path)
    kinds = [(record.rec_type, (record.rec_headers["WARC-Target-URI"] or "").rpartition("/")[2]) for record, _ in found]
    assert kinds == [
        ("warcinfo", ""), ("response", "robots.txt"), ("request", "robots.txt"), ("response", "page"), ("request", "page"),
        ("response", "story"), ("request", "story"), ("revisit", "copy?a=b"), ("request", "copy?a=b"),
    ]  # fmt: skip
    story, body = found[5]
    assert body == PAGE
    assert story.http_headers.get_header("X-Archive-Orig-Content-Encoding") == "gzip"
    assert story.http_headers.get_statuscode() == "200"
    assert found[7][0].rec_headers["WARC-Refers-To-Target-URI"] == url.replace("/page", "/story")
    assert found[8][0].http_headers.get_header("User-Agent") == "CorantoBot/0.1"
    assert found[6][0].rec_headers["WARC-Concurrent-To"] == story.rec_headers["WARC-Record-ID"]


async def test_file_ends_at_its_size_and_the_next_one_begins(tmp_path: Path) -> None:
    site = Behaviour("archived", "", None, {f"/{number}": response(PAGE + bytes([65 + number])) for number in range(3)})
    files = WarcFiles(tmp_path, max_bytes=500)
    async with serving(site) as url, SingleFetcher(settings(tmp_path)) as fetcher:
        fetcher._web._files = files  # type: ignore[attr-defined]  # files of a size that a test can fill
        for number in range(3):
            await fetcher.fetch(url.replace("/page", f"/{number}"))
    assert len([record for record, _ in records(tmp_path) if record.rec_type == "warcinfo"]) >= 3


async def test_full_disk_is_our_trouble_and_leaves_the_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Behaviour("archived", "", None, {"/page": response(), "/next": response(PAGE + b"x")})
    async with serving(site) as url, SingleFetcher(settings(tmp_path)) as fetcher:
        await fetcher.fetch(url)
        write = WarcFiles._write_records

        def fill(self: WarcFiles, *arguments: Any) -> None:
            write(self, *arguments)
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(WarcFiles, "_write_records", fill)
        report = await fetcher.fetch(url.replace("/page", "/next"))
        assert (report.outcome, report.reason) == ("retry", "archive_unavailable")
        monkeypatch.undo()
    assert [record.rec_type for record, _ in records(tmp_path)].count("response") == 2
