"""What chaos and soak are made on: generated articles on loopback, the service processes, and a disk of their own."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import IO

from aiohttp import ClientError, ClientSession, ClientTimeout, web

HOSTS = 16
ODD_WORKER = Path(__file__).with_name("odd_worker.py")
_WORDS = (
    *("council", "harbour", "minister", "river", "budget", "school", "report", "winter"),
    *("market", "bridge", "union", "vote", "storm", "court", "hospital"),
)
# Of a hundred pages one is not there, one holds no text, and one is there at the second asking only.
_NOT_THERE, _WITHOUT_TEXT, _LATE = 7, 23, 61


def is_article(number: int) -> bool:
    """Whether the page with this number becomes an article; the others are dropped."""
    return number % 100 not in (_NOT_THERE, _WITHOUT_TEXT)


def article_html(number: int) -> str:
    """A small article of its own: no two share a sentence."""
    dice = random.Random(number)  # noqa: S311 - made-up text

    def sentence() -> str:
        return f"The {' '.join(dice.choices(_WORDS, k=11))} of {dice.randrange(10**6)} was told to reporters on Monday."

    paragraphs = "".join(f"<p>{' '.join(sentence() for _ in range(3))}</p>" for _ in range(4))
    title = f"{dice.choice(_WORDS).title()} {dice.choice(_WORDS)} number {number} is debated in town"
    head = (
        f"<title>{title}</title><meta property='og:title' content='{title}'><meta property='og:type' content='article'>"
    )
    return f"<!doctype html><html lang=en><head>{head}</head><body><article><h1>{title}</h1>{paragraphs}</article></body></html>"


class Site:
    """Serves `/news/<number>.html` on several loopback addresses."""

    def __init__(self, *, texts_change: bool = False) -> None:
        self._texts_change = texts_change
        self.bases: list[str] = []
        self._asked: Counter[int] = Counter()
        app = web.Application()
        app.router.add_get(r"/news/{number:\d+}.html", self._page)
        app.router.add_get("/robots.txt", self._robots)
        self._runner = web.AppRunner(app, access_log=None)

    def url(self, number: int) -> str:
        """Address of the page with this number."""
        return f"{self.bases[number % HOSTS]}/news/{number}.html"

    async def start(self) -> None:
        """Listen."""
        await self._runner.setup()
        port = 0
        for last in range(1, HOSTS + 1):
            site = web.TCPSite(self._runner, f"127.0.0.{last}", port)
            await site.start()
            port = port or int(self._runner.addresses[0][1])
            self.bases.append(f"http://127.0.0.{last}:{port}")

    async def stop(self) -> None:
        """Listen no more."""
        await self._runner.cleanup()

    async def _page(self, request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        self._asked[number] += 1
        place = number % 100
        if place == _NOT_THERE:
            return web.Response(status=404)
        if place == _LATE and self._asked[number] == 1:
            return web.Response(status=500)  # of all failures the one that costs the host no pause
        if place == _WITHOUT_TEXT:
            return web.Response(text="<html><head><title>Nothing</title></head></html>", content_type="text/html")
        text_number = number + 1_000_000 * self._asked[number] if self._texts_change else number
        return web.Response(text=article_html(text_number), content_type="text/html")

    async def _robots(self, _request: web.Request) -> web.Response:
        return web.Response(status=404)


class Fleet:
    """The service processes, each started again when it has ended."""

    def __init__(self, data: Path, url: str, settings: dict[str, str] | None = None) -> None:
        self.data = data
        self.processes: list[tuple[str, tuple[str, ...], subprocess.Popen[bytes]]] = []
        self._addresses = data / "addresses"
        self._addresses.mkdir(parents=True, exist_ok=True)
        self._started = 0
        self._environment = {
            **os.environ,
            "CORANTO_REDIS__URL": url,
            "CORANTO_PAGES__PATH": str(data / "pages"),
            "CORANTO_SINK__DATABASE": str(data / "articles.sqlite"),
            "CORANTO_FEEDER__DATA": str(data / "feeder"),
            "CORANTO_FETCHER__MIN_DELAY": "0",
            "CORANTO_FETCHER__ALLOWED_NETWORKS": '["127.0.0.0/8"]',
            "CORANTO_FEEDER__ALLOWED_NETWORKS": '["127.0.0.0/8"]',
            "CORANTO_DELIVERY__CLAIM_AFTER": "4",
            # An entry is told to be poison by three lost workers; here every worker is lost all the time.
            "CORANTO_DELIVERY__MAX_DELIVERIES": "1000",
            # Minutes of probing would only make the run longer.
            "CORANTO_BREAKER__PROBE_AFTER": "1",
            "CORANTO_BREAKER__MAX_PAUSE": "4",
            "CORANTO_LOG__LEVEL": "warning",
            "CORANTO_LOG__FORMAT": "json",
            **(settings or {}),
        }

    @property
    def claim_after_seconds(self) -> float:
        """Idle time after which a message is taken from its worker."""
        return float(self._environment["CORANTO_DELIVERY__CLAIM_AFTER"])

    def start(self, service: str, *oddities: str) -> None:
        """Start one process of the service; with oddities (see odd_worker.py) one that differs from the others."""
        program = [str(ODD_WORKER), service, *oddities] if oddities else ["-m", f"coranto_{service}"]
        self._started += 1
        address_file = self._addresses / f"{service}-{self._started}"
        environment = {**self._environment, "CORANTO_HEALTH__READY_FILE": str(address_file)}
        with self._log(service) as log:
            process = subprocess.Popen([sys.executable, *program], env=environment, stdout=log, stderr=log)
        self.processes.append((service, oddities, process))

    async def is_ready(self) -> bool:
        """Whether every process says that it can work."""
        files = list(self._addresses.iterdir())
        if len(files) < len(self.processes):
            return False
        async with ClientSession(timeout=ClientTimeout(total=2)) as web_client:
            for file in files:
                try:
                    async with web_client.get(f"{file.read_text().strip()}/ready") as answer:
                        if answer.status != 200:
                            return False
                except (OSError, ClientError, TimeoutError, ValueError):  # ValueError: the file is not written yet
                    return False
        return True

    def _log(self, service: str) -> IO[bytes]:
        try:
            return (self.data / f"{service}.log").open("ab")
        except OSError:  # a disk so full that it takes no new file
            return Path(os.devnull).open("ab")

    def count(self, service: str) -> int:
        """How many processes of the service there are."""
        return sum(name == service for name, _, _ in self.processes)

    def mend(self) -> None:
        """Start again what ended by itself, as a restart policy would."""
        for each in [each for each in self.processes if each[2].poll() is not None]:
            self.processes.remove(each)
            self.start(each[0], *each[1])

    def any(self, dice: random.Random) -> subprocess.Popen[bytes]:
        """Some process."""
        return dice.choice(self.processes)[2]

    def kill_one(self, dice: random.Random) -> None:
        """Kill some process at this instant, and start another."""
        process = self.any(dice)
        process.kill()
        process.wait()
        self.mend()

    def scale_down(self, service: str) -> None:
        """Stop one process of the service cleanly."""
        for each in self.processes:
            if each[0] == service:
                self.processes.remove(each)
                each[2].terminate()
                each[2].wait(60)
                return

    def stop(self) -> None:
        """Stop all."""
        for _, _, process in self.processes:
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
        for _, _, process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(40)
            process.kill()
            process.wait()
        self.processes.clear()

    def logs(self) -> str:
        """What the services have written, warnings and worse."""
        return "".join(file.read_text(errors="replace") for file in sorted(self.data.glob("*.log")))


class SmallDisk:
    """A file system in memory of so many bytes, which can be filled. Needs root, and leaves nothing behind."""

    def __init__(self, place: Path, size_bytes: int) -> None:
        self.place = place
        self._size = size_bytes
        self._ballast = place / "ballast"

    def mount(self) -> bool:
        """Make it; False where we may not."""
        self.place.mkdir(parents=True, exist_ok=True)
        return _run("mount", "-t", "tmpfs", "-o", f"size={self._size}", "tmpfs", str(self.place))

    def fill(self) -> None:
        """Leave no byte free."""
        with self._ballast.open("ab", buffering=0) as file, suppress(OSError):
            size = self._ballast.stat().st_size
            left = os.statvfs(self.place)
            os.posix_fallocate(file.fileno(), size, max(4096, left.f_bavail * left.f_frsize))
        with self._ballast.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))

    def free(self) -> None:
        """Give back what was filled."""
        self._ballast.unlink(missing_ok=True)

    def unmount(self) -> None:
        """Take it away with all that is on it."""
        _run("umount", "--lazy", str(self.place))


def _run(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
