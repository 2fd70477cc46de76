"""The page in Chromium: no script errors, nothing the policy had to stop, nothing wider than a phone, every action by keyboard."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis
from tests.conftest import eventually
from tests.services.gateway.conftest import Served
from tests.services.gateway.test_articles import article
from tests.services.gateway.test_operating import bury
from tests.services.gateway.test_page import hostile

if TYPE_CHECKING:
    from playwright.async_api import Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if CHROMIUM is None:
    pytest.skip("there is no Chromium on this machine: apt-get install chromium", allow_module_level=True)
playwright = pytest.importorskip("playwright.async_api", reason="the package playwright is not installed")

SCREENS = (
    "/",
    "/articles",
    "/articles?q=bridge",
    "/stories",
    "/sources",
    "/failures",
    "/subscribers",
    "/submit",
    "/sign-in",
)


class Window:
    """A browser's window that keeps what went wrong in it."""

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self._base = base
        self.complaints: list[str] = []
        page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"a dialog: {dialog.message}"))

    async def open(self, path: str) -> None:
        await self.page.goto(self._base + path)

    async def is_too_wide(self) -> bool:
        width: int = await self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return width > 0


@pytest.fixture
async def chromium() -> AsyncIterator[Any]:
    async with playwright.async_playwright() as driver:
        # As root, as in a container, Chromium starts without its sandbox only.
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest.fixture
async def window(chromium: Any, served: Served) -> AsyncIterator[Window]:
    context = await chromium.new_context(viewport={"width": 1280, "height": 900}, locale="en")
    page = await context.new_page()
    page.set_default_timeout(10_000)
    yield Window(page, str(served.client.base_url).rstrip("/"))
    await context.close()


async def fill(served: Served, redis: Redis) -> str:
    """Something on every screen; gives the id of an article of two revisions."""
    stored = await served.store(
        *(article(f"a{number}", hours=number) for number in range(25)),
        article("a24", hours=24, fetch=2, title="Bridge over the Neva closes again"),
        hostile(),
    )
    for number in range(3):
        await bury(redis, f"https://a.example/{number}")
    await served.post("/v1/sources", {"url": "https://news.example/feed.xml"}, status=201)
    return stored[-2].id


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_screen_fits_a_phone_and_nothing_complains(
    chromium: Any, served: Served, redis: Redis, scheme: str
) -> None:
    identity = await fill(served, redis)
    hostile_id = hostile().id
    context = await chromium.new_context(viewport={"width": 360, "height": 780}, color_scheme=scheme, locale="ru")
    window = Window(await context.new_page(), str(served.client.base_url).rstrip("/"))
    for path in (*SCREENS, f"/articles/{identity}", f"/articles/{hostile_id}"):
        await window.open(path)
        assert not await window.is_too_wide(), path
    assert [said for said in window.complaints if "401" not in said] == []
    await context.close()


async def test_the_overview_follows_the_pipeline_by_itself(window: Window, served: Served) -> None:
    await window.open("/")
    assert "Nothing has come in yet" in await window.page.inner_text("h1")
    await served.store(article("one", title="A headline that was not there"))

    async def is_shown() -> bool:
        return "A headline that was not there" in await window.page.inner_text("main")

    await eventually(is_shown, within_seconds=20, what="the article on the overview")
    assert window.complaints == []


async def test_search_and_reading_by_keyboard_alone(window: Window, served: Served, redis: Redis) -> None:
    await fill(served, redis)
    await window.open("/articles")
    await window.page.keyboard.press("Tab")
    assert await window.page.evaluate("document.activeElement.className") == "skip"
    await window.page.focus("#q")
    await window.page.keyboard.type("closes")
    await window.page.keyboard.press("Enter")
    await window.page.wait_for_url("**q=closes**")
    await window.page.focus("#found h3 a")
    await window.page.keyboard.press("Enter")
    await window.page.wait_for_selector("#diff ins")
    assert "Bridge over the Neva closes again" in await window.page.inner_text("h1")
    assert window.complaints == []


async def test_dead_letters_are_sent_back_with_two_presses(window: Window, served: Served, redis: Redis) -> None:
    await fill(served, redis)
    await window.open("/failures")
    assert "3 dead letters, from 1 cause." in await window.page.inner_text("h1")
    await window.page.click("text=this one")
    await window.page.click("button:has-text('Redeliver')")
    assert "2 dead letters" in await window.page.inner_text("h1")
    await window.page.fill("#sure", "2")
    await window.page.click("text=/^all 2/")
    await window.page.click("button:has-text('Discard')")
    assert "No dead letters." in await window.page.inner_text("h1")
    assert window.complaints == []


async def test_a_source_is_added_and_paused(window: Window) -> None:
    await window.open("/sources")
    await window.page.fill("#a-url", "https://news.example/feed.xml")
    await window.page.click("section#add button")
    await window.page.click("button:has-text('Pause')")
    assert "paused" in (await window.page.inner_text("#sources")).lower()
    await window.page.click("button:has-text('Remove')")
    assert "0 sources" in await window.page.inner_text("h1")
    assert window.complaints == []


async def test_a_submitted_page_is_watched_until_it_is_stored(window: Window, served: Served) -> None:
    await window.open("/submit")
    await window.page.fill("#urls", "https://news.example/late")
    await window.page.click("main form button")
    await window.page.wait_for_selector(".journey")
    await served.store(article("late"))
    await window.page.wait_for_selector("text=Read the article", timeout=15_000)
    assert window.complaints == []
