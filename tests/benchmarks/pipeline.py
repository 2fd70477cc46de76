"""What the whole pipeline costs beside the bare library calls on the same pages, in the same run.

CPU time decides, not the clock: machines are shared. For each round the same pages go once through extractor and classifier
as plain function calls in this process, and once through all services as a user runs them, and the services' CPU time is
read from the operating system. Also: extraction with one and two processes, start-up time, memory of each service.

    python tests/benchmarks/pipeline.py [--copies 8]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from coranto.client import AsyncClient, new_submission
from coranto.pages import FilePageStore
from coranto.records import Content, SavedPage
from coranto.topology import FINISHED, WORKERS, Keys
from coranto_classifier.text_models import ArticleText, TextModels
from coranto_cli.local.redis_server import EmbeddedRedis
from coranto_extractor.page_request import PageRequest
from coranto_extractor.pool import ReaderPool
from coranto_extractor.reader import read
from coranto_extractor.settings import ExtractorSettings
from coranto_samplesite import load_pages
from coranto_samplesite.html import render

RESULTS = Path(__file__).parent / "results"
TICKS = os.sysconf("SC_CLK_TCK")


def sample_pages(copies: int) -> list[bytes]:
    """The articles of the sample site, each several times; a mark makes every copy a page of its own."""
    articles = [page for page in load_pages() if page.article is not None and page.fate.outcome == "stored"]
    return [
        f"<!-- {copy} -->{render(page, page.article, base_url='http://news.example')}".encode()
        for copy in range(copies)
        for page in articles
        if page.article is not None
    ]


def bare_calls(pages: list[bytes]) -> float:
    """CPU seconds of extraction and classification alone, in this process; pages that are refused are left out."""
    models = TextModels()
    read(pages[0], PageRequest())
    models.analyse(ArticleText("A title", "A text."))
    began = time.process_time()
    for page in pages:
        content = read(page, PageRequest(url="http://news.example/x", content_type="text/html"))
        if isinstance(content, Content):
            models.analyse(ArticleText(content.title or "", content.text, section=content.section, tags=content.tags))
    return time.process_time() - began


async def pages_per_second(pages: list[bytes], processes: int) -> float:
    """Pages read in a second by a pool of so many processes."""
    settings = ExtractorSettings()
    pool = ReaderPool(processes=processes, deadline=settings.page_deadline, limits=settings)
    await pool.start()
    began = time.perf_counter()
    await asyncio.gather(*(pool.read(page, PageRequest(content_type="text/html")) for page in pages))
    seconds = time.perf_counter() - began
    await pool.stop()
    return len(pages) / seconds


def cpu_seconds(pids: set[int]) -> float:
    """CPU time of these processes and all they started, from /proc."""
    total = 0.0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += sum(int(value) for value in fields[11:15]) / TICKS
    return total


def family(pid: int) -> set[int]:
    """The process and its descendants."""
    found = {pid}
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text(encoding="utf-8").split():
            found |= family(int(child))
    return found


def memory_mb(pid: int) -> float:
    """Proportional set size of the process and its descendants, in megabytes."""
    total = 0
    for each in family(pid):
        for line in Path(f"/proc/{each}/smaps_rollup").read_text(encoding="utf-8").splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return round(total / 1024, 1)


async def through_all_services(pages: list[bytes], data: Path) -> dict[str, Any]:
    """The same pages handed in as saved pages, until all are announced."""
    server = EmbeddedRedis(data)
    server.start()
    redis = Redis.from_url(server.url)
    environment = {
        **os.environ,
        "CORANTO_REDIS__URL": server.url,
        "CORANTO_PAGES__PATH": str(data / "pages"),
        "CORANTO_SINK__DATABASE": str(data / "articles.sqlite"),
        "CORANTO_FEEDER__DATA": str(data / "feeder"),
        "CORANTO_LOG__LEVEL": "warning",
    }
    processes: dict[str, subprocess.Popen[bytes]] = {}
    began = time.monotonic()
    for service in WORKERS:
        address = data / f"{service}.address"
        own = {**environment, "CORANTO_HEALTH__READY_FILE": str(address)}
        processes[service] = subprocess.Popen([sys.executable, "-m", f"coranto_{service}"], env=own)
    for service in WORKERS:
        await asyncio.to_thread(wait_until_ready, data / f"{service}.address")
    started_seconds = time.monotonic() - began
    store = FilePageStore(data / "pages")
    submissions = []
    for number, page in enumerate(pages):
        saved = SavedPage(page=await store.put(page), content_type="text/html")
        one = new_submission(f"http://news.example/{number}", kind="page")
        submissions.append(one.model_copy(update={"saved": saved, "discovered_via": "file"}))
    before = {service: cpu_seconds(family(process.pid)) for service, process in processes.items()}
    began = time.monotonic()
    async with AsyncClient(redis) as client:
        await client.submit(submissions)
        while await redis.xlen(Keys().stream(FINISHED)) < len(pages):
            await asyncio.sleep(0.05)
            if time.monotonic() - began > 900:
                raise TimeoutError(
                    f"{await redis.xlen(Keys().stream(FINISHED))} of {len(pages)} articles after 15 minutes"
                )
        seconds = time.monotonic() - began
        spent = {name: cpu_seconds(family(process.pid)) - before[name] for name, process in processes.items()}
        memory = {name: memory_mb(process.pid) for name, process in processes.items()}
    for process in processes.values():
        process.send_signal(signal.SIGTERM)
    for process in processes.values():
        process.wait(40)
    server.kill()
    return {
        "start_up_seconds": round(started_seconds, 1),
        "articles_per_second": round(len(pages) / seconds, 1),
        "cpu_ms_per_article": {name: round(value / len(pages) * 1000, 2) for name, value in spent.items()},
        "memory_mb": memory,
    }


def wait_until_ready(address: Path) -> None:
    """Return when the service answers that it is ready."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            url = address.read_text(encoding="utf-8").strip()
            with urllib.request.urlopen(f"{url}/ready", timeout=2):  # noqa: S310 - http on loopback, from our own file
                return
        except (OSError, ValueError):
            time.sleep(0.1)
    raise TimeoutError(f"{address.stem} is not ready")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--copies", type=int, default=8)
    arguments = parser.parse_args()
    pages = [page for page in sample_pages(arguments.copies) if isinstance(read(page, PageRequest()), Content)]
    bare = bare_calls(pages) / len(pages) * 1000
    one, two = (asyncio.run(pages_per_second(pages, processes)) for processes in (1, 2))
    with tempfile.TemporaryDirectory(prefix="coranto-bench-") as directory:
        whole = asyncio.run(through_all_services(pages, Path(directory)))
    cpu = whole["cpu_ms_per_article"]
    total = sum(cpu.values())
    result = {
        "articles": len(pages),
        "bare_cpu_ms_per_article": round(bare, 2),
        "pipeline_cpu_ms_per_article": round(total, 2),
        "share_of_bare": round(bare / total, 3),
        "delivery_share_of_extraction": round((cpu["feeder"] + cpu["fetcher"] + cpu["sink"]) / cpu["extractor"], 3),
        "extraction_with_two_processes": round(two / one, 2),
        **whole,
    }
    print(json.dumps(result, indent=2))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "pipeline.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
