"""Every kind of source, given to a running system as users give it, leads to stored articles."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.harness.small_site import Site, article
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from coranto_cli.local.redis_server import EmbeddedRedis

Coranto = Callable[..., str]


@pytest.fixture
def coranto(tmp_path: Path, own_redis: EmbeddedRedis) -> Iterator[Coranto]:
    """Runs a command beside a running system, and gives what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CORANTO_")} | {
        "CORANTO_REDIS__URL": own_redis.url,
        "CORANTO_DATA": str(tmp_path / "data"),
        "CORANTO_FEEDER__ALLOWED_NETWORKS": "127.0.0.0/8",
        "CORANTO_FETCHER__ALLOWED_NETWORKS": "127.0.0.0/8",
        "CORANTO_FETCHER__MIN_DELAY": "0.02",
        "CORANTO_FEEDER__REFETCH_AFTER": ",".join(str(seconds) for seconds in range(5, 105, 5)),
    }

    def run(*arguments: str, exit_codes: Sequence[int] = (0,)) -> str:
        command = [sys.executable, "-m", "coranto_cli", *arguments]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert ended.returncode in exit_codes, ended.stdout + ended.stderr
        return ended.stdout

    with (tmp_path / "up.log").open("wb") as log:
        up = subprocess.Popen([sys.executable, "-m", "coranto_cli", "up"], env=environment, stdout=log, stderr=log)
    yield run
    up.terminate()
    up.wait(60)


def write_archive(file: Path, url: str, page: str) -> None:
    with file.open("wb") as out:
        headers = StatusAndHeaders("200 OK", [("Content-Type", "text/html")], protocol="HTTP/1.1")
        writer = WARCWriter(out, gzip=True)
        body = io.BytesIO(page.encode())
        writer.write_record(writer.create_warc_record(url, "response", payload=body, http_headers=headers))


def test_every_kind_of_source_leads_to_stored_articles(site: Site, tmp_path: Path, coranto: Coranto) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    link = '<link rel="alternate" type="application/rss+xml" href="/of-home.xml">'
    site.documents[""] = (f"<html><head><title>The Paper</title>{link}</head><body></body></html>", "text/html")
    sitemap = (
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
        'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">'
        f"<url><loc>{site.url}/articles/sitemap</loc><news:news><news:publication_date>{now}</news:publication_date>"
        "<news:title>About sitemap</news:title></news:news></url></urlset>"
    )
    site.documents["news.xml"] = (sitemap, "application/xml")
    site.feeds = {"of-home.xml": ["home"], "feed.xml": ["feed"], "of-opml.xml": ["opml"]}
    opml, archive, addresses = tmp_path / "feeds.opml", tmp_path / "pages.warc.gz", tmp_path / "urls.txt"
    outline = f'<outline type="rss" text="One" xmlUrl="{site.url}/of-opml.xml"/>'
    opml.write_text(f'<opml version="2.0"><body>{outline}</body></opml>', encoding="utf-8")
    write_archive(archive, "https://archived.example/articles/archive", article("archive"))
    addresses.write_text(f"{site.url}/articles/list\n", encoding="utf-8")

    coranto("feeds", "add", site.url)
    coranto("feeds", "add", f"{site.url}/feed.xml")
    coranto("feeds", "add", f"{site.url}/news.xml")
    coranto("feeds", "import", str(opml))
    coranto("submit", str(archive))
    coranto("submit", "--from", str(addresses))

    found = {f"About {name}" for name in ("home", "feed", "sitemap", "opml", "archive", "list")}
    stored: set[str] = set()
    deadline = time.monotonic() + 90
    while stored != found and time.monotonic() < deadline:
        time.sleep(0.5)
        stored = {json.loads(line)["content"]["title"] for line in coranto("export").splitlines()}
    assert stored == found


def test_article_whose_page_goes_is_retracted_and_is_back_when_the_page_is(site: Site, coranto: Coranto) -> None:
    site.feeds = {"feed.xml": ["one", "two"]}
    coranto("feeds", "add", f"{site.url}/feed.xml")

    def changes() -> dict[str, str]:
        # 3: there is no store yet.
        articles = [json.loads(line) for line in coranto("export", exit_codes=(0, 3)).splitlines()]
        return {each["content"]["title"]: each["storage"]["change"] for each in articles}

    wait_until(lambda: changes() == {"About one": "created", "About two": "created"})
    site.gone = {"one"}
    wait_until(lambda: changes() == {"About one": "retracted", "About two": "created"})
    site.gone = set()
    wait_until(lambda: changes() == {"About one": "updated", "About two": "created"})
    shown = json.loads(coranto("show", f"{site.url}/articles/one", "--revisions", "--json"))
    assert [each["storage"]["change"] for each in shown["revisions"]] == ["created", "retracted", "updated"]


def wait_until(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.5)
