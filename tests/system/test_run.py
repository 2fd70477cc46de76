"""`coranto run` on feeds, with all services: what it shows came of its own source, and of nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from coranto.client.blocking import submit
from coranto_cli.local.redis_server import EmbeddedRedis

SENTENCES = (
    "The city council voted on Friday to reopen the old river bridge, which had been closed to traffic for two years.",
    "Mayor Anna Keller said that repairs had cost less than planned, and that buses would cross it from Monday morning.",
    "Residents of the northern district, who had to take a detour of nine kilometres, welcomed the decision warmly.",
    "A second vote on the toll is expected in June, when the council returns from its recess and the audit is complete.",
)


class Site:
    """A site on loopback: feeds by name, each with the names of its articles; any /articles/NAME is an article."""

    def __init__(self) -> None:
        self.feeds: dict[str, list[str]] = {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body, content_type = site.answer(self.path.strip("/"))
                self.send_response(200 if body else 404)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, path: str) -> tuple[bytes, str]:
        if path.startswith("articles/"):
            name = path.removeprefix("articles/")
            text = "".join(f"<p>{name} {sentence}</p>" for sentence in SENTENCES)
            html = f"<html><head><title>About {name}</title></head><body><h1>About {name}</h1>{text}</body></html>"
            return html.encode(), "text/html"
        if path not in self.feeds:
            return b"", "text/html"
        items = "".join(
            f"<item><title>About {name}</title><link>{self.url}/articles/{name}</link><guid>{name}</guid></item>"
            for name in self.feeds[path]
        )
        return (
            f"<rss version='2.0'><channel><title>{path}</title>{items}</channel></rss>".encode(),
            "application/rss+xml",
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


def run(source: str, directory: Path, redis: EmbeddedRedis) -> subprocess.CompletedProcess[str]:
    """`coranto run` on the shared Redis, with a data directory of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CORANTO_")} | {
        "CORANTO_REDIS__URL": redis.url,
        "CORANTO_FEEDER__ALLOWED_NETWORKS": "127.0.0.0/8",
        "CORANTO_FETCHER__ALLOWED_NETWORKS": "127.0.0.0/8",
        "CORANTO_FETCHER__MIN_DELAY": "0.02",
    }
    command = [sys.executable, "-m", "coranto_cli", "run", source, "--data", str(directory)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)


def titles(ended: subprocess.CompletedProcess[str]) -> set[str]:
    return {line for line in ended.stdout.splitlines() if line.startswith("About ")}


def test_run_shows_what_its_feed_named_and_nothing_of_others(
    site: Site, tmp_path: Path, own_redis: EmbeddedRedis
) -> None:
    site.feeds = {"feed.xml": ["one", "two"], "other.xml": ["other"]}
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    first = run(f"{site.url}/feed.xml", ours, own_redis)
    assert (first.returncode, titles(first)) == (0, {"About one", "About two"}), first.stderr

    # Another program's page and feed wait in Redis, and come out during this run, of which nothing comes.
    submit(f"{site.url}/articles/stranger", redis_url=own_redis.url)
    submit(f"{site.url}/other.xml", kind="feed", source="them", redis_url=own_redis.url)
    second = run(f"{site.url}/missing.xml", theirs, own_redis)
    assert (second.returncode, titles(second)) == (3, set()), second.stderr
    assert "0 articles; 1 page rejected; 2 stored in total." in second.stdout

    # A feed that was known before is read again for this run, and what is new in it counts.
    site.feeds["feed.xml"].append("three")
    submit(f"{site.url}/articles/stranger-2", redis_url=own_redis.url)
    third = run(f"{site.url}/feed.xml", ours, own_redis)
    assert (third.returncode, titles(third)) == (0, {"About one", "About two", "About three"}), third.stderr
    assert "3 articles; 0 pages rejected" in third.stdout
