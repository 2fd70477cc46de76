"""The pictures of the page in docs/images: the sample site goes through all services, and Chromium looks at what came of it.

They are made by hand (`make screenshots`): no two machines draw letters alike, so that nothing can be held against them.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import httpx

if TYPE_CHECKING:
    from playwright.sync_api import Browser

IMAGES: Final = Path(__file__).resolve().parents[1] / "images"
_CORANTO: Final = Path(sys.executable).with_name("coranto")
_LARGEST_BYTES: Final = 300_000
_SERVED: Final = re.compile(r"articles are on (http://\S+)/")


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: which screen, and how it is looked at."""

    name: str
    path: str
    height: int
    scheme: Literal["light", "dark"] = "light"
    width: int = 1280


def _pictures(base: str) -> Sequence[Picture]:
    found: Any = httpx.get(f"{base}/v1/articles", params={"q": "malaria vaccine"}).raise_for_status().json()
    article = f"/articles/{found['items'][0]['id']}"
    return (
        Picture("article", article, 900),
        Picture("overview", "/", 720),
        Picture("stories", "/stories", 500),
        Picture("article-dark", article, 900, "dark"),
    )


@contextmanager
def _sample() -> Iterator[str]:
    """The address of a gateway with the sample site's articles."""
    with tempfile.TemporaryDirectory() as data:
        command = [str(_CORANTO), "run", "--keep", "--data", data]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:  # noqa: S603 - our own program
            try:
                yield _address(running)
            finally:
                running.send_signal(signal.SIGTERM)


def _address(running: subprocess.Popen[str]) -> str:
    told: list[str] = []
    for line in running.stdout or ():
        told.append(line)
        if (served := _SERVED.search(line)) is not None:
            return served[1]
    raise RuntimeError("`coranto run --keep` ended without a page to look at:\n" + "".join(told[-20:]))


def _take(browser: Browser, base: str, picture: Picture) -> int:
    size: Any = {"width": picture.width, "height": picture.height}
    context = browser.new_context(viewport=size, color_scheme=picture.scheme, locale="en")
    page = context.new_page()
    page.goto(base + picture.path)
    file = IMAGES / f"{picture.name}.png"
    page.screenshot(path=file)
    context.close()
    return file.stat().st_size


def main() -> int:
    """Make all pictures; 1 when one is too large to be committed."""
    from playwright.sync_api import sync_playwright  # for tests and this alone

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.stderr.write("there is no Chromium on this machine: apt-get install chromium\n")
        return 1
    is_small = True
    with _sample() as base, sync_playwright() as driver:
        # As root, as in a container, Chromium starts without its sandbox only.
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for picture in _pictures(base):
            size = _take(browser, base, picture)
            is_small &= size <= _LARGEST_BYTES
            sys.stdout.write(f"docs/images/{picture.name}.png {size:,} bytes\n")
        browser.close()
    if not is_small:
        sys.stderr.write(f"a picture has more than {_LARGEST_BYTES:,} bytes: make its window smaller\n")
    return 0 if is_small else 1


if __name__ == "__main__":
    sys.exit(main())
