"""What it costs to fetch a page, beside the bare libraries, and to read a feed, beside the bare XML parser.

The same pages on loopback, plain and over TLS, in one run: aiohttp and httpx as they are, the guarded client of `coranto.http`,
and the fetcher's whole stage with robots.txt, leases, page store and its reading process. Pages for each second of the
processor in the client's processes; the server and Redis are others. Counts are asserted, times are reported as ratios.

    python tests/benchmarks/fetching.py [--pages 600] [--rounds 2]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import platform
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import aiohttp
import httpx
from redis.asyncio import Redis

from coranto.http import AddressGuard, WebClient
from coranto.records import DiscoveredArticle, Discovery, FetchedArticle, article_id
from coranto.settings import PageStoreSettings
from coranto.urls import key_of
from coranto.worker.stage import Stage, Transient
from coranto_cli.local.redis_server import EmbeddedRedis
from coranto_feeder.sources import parse_feed
from coranto_fetcher.app import create_stage
from coranto_fetcher.settings import FetcherSettings, Settings

RESULTS = Path(__file__).parent / "results"
# So many hosts that each has had its pause before it is asked again, and their connections stay open.
HOSTS, CONCURRENCY = 100, 16
FEEDS_AT_ONCE = 20
_PARAGRAPH = "<p>The harbour office counted the boats and found more people on the river than in any week before.</p>\n"
_PAGE = (
    "<!doctype html><html lang=en><head><meta charset=utf-8><title>Boats counted: {}</title></head><body><article>"
    + _PARAGRAPH * 200
    + "</article></body></html>"
)
Get = Callable[[str], Awaitable[int]]


def serve(port: Any, certificate: str | None) -> None:
    """Serve pages on all loopback addresses for as long as the process lives."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode()
                status, body = (
                    ("404 Not Found", b"") if path == "/robots.txt" else ("200 OK", _PAGE.format(path).encode())
                )
                writer.write(
                    f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def main() -> None:
        context = None
        if certificate is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(f"{certificate}/cert.pem", f"{certificate}/key.pem")
        server = await asyncio.start_server(answer, "0.0.0.0", 0, ssl=context)  # noqa: S104 - all of 127.0.0.0/8
        port.value = server.sockets[0].getsockname()[1]
        await server.serve_forever()

    asyncio.run(main())


@contextmanager
def serving(certificate: Path | None) -> Iterator[str]:
    """A server in a process of its own; gives the beginning of its addresses."""
    port = multiprocessing.Value("i", 0)
    process = multiprocessing.Process(target=serve, args=(port, str(certificate) if certificate else None), daemon=True)
    process.start()
    try:
        while port.value == 0:
            time.sleep(0.01)
        yield f"{'http' if certificate is None else 'https'}://127.0.0.{{}}:{port.value}/{{}}/{{}}"
    finally:
        process.kill()
        process.join()


def make_certificate(folder: Path) -> Path | None:
    """A self-signed certificate for the loopback addresses; None without the program for it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        return None
    names = ",".join(f"IP:127.0.0.{number + 1}" for number in range(HOSTS))
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "1",
         "-subj", "/CN=localhost", "-addext", f"subjectAltName={names}"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return folder


async def cpu_for(get: Get, urls: list[str], others: Callable[[], Awaitable[float]]) -> float:
    """Seconds of the processor that it took to get all of them, some at a time."""
    began = time.process_time() + await others()
    left = iter(urls)

    async def get_some() -> int:
        return sum([await get(url) for url in left])

    sizes = sum(await asyncio.gather(*(get_some() for _ in range(CONCURRENCY))))
    assert sizes == sum(len(_PAGE.format("/" + url.split("/", 3)[3])) for url in urls)
    return time.process_time() + await others() - began


async def nothing_else() -> float:
    return 0.0


async def fetch_in_turn(stage: Stage[DiscoveredArticle, FetchedArticle], url: str) -> int:
    """Fetch as the fetcher does; gives the size of the page. Where the host rests, it waits."""
    discovery = Discovery(
        url=url,
        submission=article_id(url),
        source="bench",
        discovered_via="submit",
        discovered_at="2026-05-01T12:00:00Z",  # type: ignore[arg-type]  # pydantic reads it
    )
    key = key_of(url)
    article = DiscoveredArticle(id=article_id(key), key=key, url=url, discovery=discovery)
    while True:
        try:
            fetched = await stage.handle(article)
        except Transient as signal:
            if signal.reason != "host_busy":
                raise
            await asyncio.sleep((signal.retry_after or timedelta()).total_seconds())
        else:
            assert fetched is not None
            return fetched.fetch.page.size_bytes


async def compare(
    template: str, certificate: Path | None, pages: int, rounds: int, redis: Redis, folder: Path
) -> dict[str, float]:
    """Pages for each second of the processor, by way; of each way its best round."""
    trusting = ssl.create_default_context(cafile=certificate / "cert.pem") if certificate is not None else None
    spent: dict[str, list[float]] = {}
    settings = Settings(
        fetcher=FetcherSettings(
            allowed_networks=["127.0.0.0/8"],
            min_delay=timedelta(0),
            concurrency=CONCURRENCY,
            ca_file=certificate / "cert.pem" if certificate is not None else None,
        ),
        pages=PageStoreSettings(path=folder / "pages"),
    )
    stage = create_stage(settings, redis=redis)
    reader: Any = stage.handle.keywords["reader"]  # type: ignore[attr-defined]  # it is a partial

    async def reading() -> float:
        return float(await reader._processes.call(time.process_time))

    connector = aiohttp.TCPConnector(limit=HOSTS, ssl=trusting or True)
    limits = httpx.Limits(max_connections=HOSTS, max_keepalive_connections=HOSTS)
    guard = AddressGuard(["127.0.0.0/8"])
    async with (
        aiohttp.ClientSession(connector=connector) as bare,
        httpx.AsyncClient(verify=trusting or True, limits=limits) as other,
        WebClient(user_agent="Bench/1", guard=guard, ssl_context=trusting, connections=HOSTS) as guarded,
    ):

        async def by_aiohttp(url: str) -> int:
            async with bare.get(url) as response:
                return len(await response.read())

        async def by_httpx(url: str) -> int:
            try:
                return len((await other.get(url)).content)
            except httpx.ReadError:  # on a busy machine it loses a connection now and then
                return len((await other.get(url)).content)

        async def by_guarded(url: str) -> int:
            return len((await guarded.get(url)).body)

        ways: dict[str, tuple[Get, Callable[[], Awaitable[float]]]] = {
            "aiohttp": (by_aiohttp, nothing_else),
            "httpx": (by_httpx, nothing_else),
            "coranto.http": (by_guarded, nothing_else),
            "fetcher": (partial(fetch_in_turn, stage), reading),
        }
        for number in range(rounds):
            for name, (get, others) in ways.items():
                urls = [template.format(page % HOSTS + 1, f"{name}-{number}", page) for page in range(pages)]
                firsts = [template.format(host + 1, f"{name}-{number}-first", host) for host in range(HOSTS)]
                await cpu_for(get, firsts, others)  # connections, robots.txt and processes are there
                spent.setdefault(name, []).append(await cpu_for(get, urls, others))
    assert stage.stop is not None
    await stage.stop()
    return {name: pages / min(seconds) for name, seconds in spent.items()}


def feeds() -> dict[str, tuple[bytes, int]]:
    """One feed of each kind, with the number of its entries."""
    item = (
        "<item><title>Boats counted on the river {0}</title><link>https://paper.example/2026/05/01/{0}.html</link><guid>{0}</guid>"
        "<pubDate>Fri, 01 May 2026 10:00:00 +0200</pubDate><description>The harbour office counted the boats again.</description>"
        "<content:encoded><![CDATA[" + _PARAGRAPH * 8 + "]]></content:encoded></item>"
    )
    entry = (
        "<entry><title>Boats counted {0}</title><id>tag:{0}</id><link href='https://paper.example/{0}'/><updated>2026-05-01T10:00:00Z"
        "</updated><summary>The harbour office counted the boats again.</summary></entry>"
    )
    url = "<url><loc>https://paper.example/2026/05/01/an-article-{0}.html</loc><lastmod>2026-05-01T10:00:00Z</lastmod></url>"
    rss = '<?xml version="1.0"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>Paper</title>'

    def made(start: str, one: str, end: str, number: int) -> tuple[bytes, int]:
        return (start + "".join(one.format(each) for each in range(number)) + end).encode(), number

    return {
        "rss": made(rss, item, "</channel></rss>", 50),
        "atom": made('<feed xmlns="http://www.w3.org/2005/Atom"><title>Paper</title>', entry, "</feed>", 50),
        "sitemap": made('<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">', url, "</urlset>", 1_000),
    }


def compare_feeds(rounds: int) -> dict[str, dict[str, float]]:
    """Feeds read for each second of the processor, and the bare parser's share of that time."""
    found: dict[str, dict[str, float]] = {}
    for name, (body, entries) in feeds().items():
        ours, bare = [], []
        for _ in range(rounds):
            began = time.process_time()
            for _ in range(FEEDS_AT_ONCE):
                assert len(parse_feed(body, url="https://paper.example/feed").entries) == entries
            ours.append(time.process_time() - began)
            began = time.process_time()
            for _ in range(FEEDS_AT_ONCE):
                ET.fromstring(body)  # noqa: S314 - our own text
            bare.append(time.process_time() - began)
        found[name] = {
            "bytes": len(body),
            "entries": entries,
            "per_cpu_second": round(FEEDS_AT_ONCE / min(ours)),
            "share_of_bare_parser": round(min(bare) / min(ours), 3),
        }
    return found


async def measure(pages: int, rounds: int) -> dict[str, Any]:
    """All figures of one run."""
    figures: dict[str, Any] = {"pages": pages, "bytes_per_page": len(_PAGE), "rounds": rounds}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = EmbeddedRedis(folder)
        server.start()
        redis: Redis = Redis.from_url(server.url)
        try:
            for kind, certificate in (("plain", None), ("tls", make_certificate(folder))):
                if kind == "tls" and certificate is None:
                    print("without TLS: there is no openssl program to make a certificate")
                    continue
                with serving(certificate) as template:
                    rates = await compare(template, certificate, pages, rounds, redis, folder)
                figures[kind] = {
                    way: {"pages_per_cpu_second": round(rate), "share_of_aiohttp": round(rate / rates["aiohttp"], 3)}
                    for way, rate in rates.items()
                }
        finally:
            await redis.aclose()
            server.kill()
    figures["feeds"] = compare_feeds(rounds)
    return figures | {"python": platform.python_version(), "machine": platform.machine()}


def main() -> None:
    """Measure and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pages", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    text = json.dumps(asyncio.run(measure(arguments.pages, arguments.rounds)), indent=2)
    print(text)
    if arguments.pages == parser.get_default("pages"):
        (RESULTS / "fetching.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
