"""The page in Chromium: no script errors, nothing the policy had to stop, nothing wider than a phone, every action by keyboard."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis
from tests.conftest import eventually
from tests.services.gateway.conftest import Served
from tests.services.gateway.test_articles import article
from tests.services.gateway.test_operating import bury
from tests.services.gateway.test_page import ATTACK, hostile
from tests.services.gateway.test_stories import hours_ago, member
from tests.services.gateway.test_subscribers import finished, group

from coranto.sources.registry import FeedRegistry
from coranto.topology import Keys
from coranto_gateway.webhooks.deliveries import Attempt
from coranto_gateway.webhooks.registry import Webhooks

if TYPE_CHECKING:
    from playwright.async_api import Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if CHROMIUM is None:
    pytest.skip("there is no Chromium on this machine: apt-get install chromium", allow_module_level=True)
playwright = pytest.importorskip("playwright.async_api", reason="the package playwright is not installed")

SUBMITTED_URL = "https://news.example/submitted"
# What WCAG asks for at levels A and AA, and what the makers of axe hold to be good practice.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SCREENS = (
    *("/", "/articles", "/articles?q=bridge", "/articles?where=<", "/stories", "/sources", "/sources?state=attention"),
    *("/failures", "/alerts", "/subscribers", "/submit", f"/submit?url={SUBMITTED_URL}", "/sign-in", "/nothing-here"),
)


LOOKED_AFTER = ("/subscribers/webhooks/desk", "/subscribers/webhooks/spoilt", "/alerts/bridges", "/alerts/spoilt")


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
    for number, role in enumerate(("original", "copy", "update")):
        await served.store(member("flood", f"Paper{number}", role, hours_ago(9 - number)))  # type: ignore[arg-type]
    await served.post("/v1/sources", {"url": "https://news.example/feed.xml", "tags": ["Regional"]}, status=201)
    await served.post("/v1/sources", {"url": "https://fails.example/feed.xml", "source": ATTACK}, status=201)
    registry, now = FeedRegistry(redis, Keys()), datetime.now(UTC)
    failing = await registry.find("https://fails.example/feed.xml")
    assert failing is not None
    failed = {"failures": 3, "polls": 9, "last_error": ATTACK, "last_outcome": "unreadable", "polled_at": now}
    await registry.save(failing.model_copy(update=failed), now + timedelta(hours=1))
    await served.post("/v1/feeds", {"title": ATTACK, "where": "language == 'ru'"}, status=201)
    await finished(redis, "1000-1")
    await group(redis, "archive")
    await served.post("/v1/submit", {"urls": [SUBMITTED_URL]}, status=202)
    return stored[-2].id


async def faults_by_axe(page: Page) -> list[str]:
    """What axe finds wrong with the accessibility of the page."""
    # Evaluated, and not put into the page: its policy allows no script but its own.
    await page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    asked = json.dumps({"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]})
    found: Any = await page.evaluate(f"axe.run({asked})")
    return [f"{each['id']}: {node['html'][:200]}" for each in found["violations"] for node in each["nodes"]]


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_screen_fits_and_can_be_used_by_all_and_nothing_complains(
    chromium: Any, served: Served, redis: Redis, scheme: str, width: int
) -> None:
    identity = await fill(served, redis)
    (source, *_) = (await served.get("/v1/sources"))["items"]
    await served.post("/v1/webhooks", {"name": "desk", "url": "https://desk.example/in"}, status=201)
    await served.post("/v1/webhooks/desk/pause", {})
    refused = Attempt(at=datetime.now(UTC), webhook_id="5-1", number=1, article=identity, revision=1, outcome="retried",
                      reason="address_refused", detail=f"set CORANTO_GATEWAY__{'X' * 60}")  # fmt: skip
    await Webhooks(redis, "coranto").write_log("desk", refused)
    await redis.hset("coranto:{webhooks}:desk:dead", "5", "x" * 300)  # type: ignore[misc]
    await served.post("/v1/alerts", {"name": "bridges", "q": "bridge", "to": ["mailto:desk@example.org"]}, status=201)
    for kind in ("webhooks", "alerts"):
        await redis.hset(f"coranto:{{{kind}}}:all", "spoilt", '{"where": "mood == 1"}')  # type: ignore[misc]
    context = await chromium.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, locale="ru" if width == 360 else "en"
    )
    window = Window(await context.new_page(), str(served.client.base_url).rstrip("/"))
    faults: list[str] = []
    articles = (f"/articles/{identity}", f"/articles/{hostile().id}")
    for path in (*SCREENS, *articles, f"/sources/{source['id']}", *LOOKED_AFTER):
        await window.open(path)
        if await window.is_too_wide():
            faults.append(f"{path} is wider than the window")
        faults += [f"{path} {fault}" for fault in await faults_by_axe(window.page)]
    assert faults == []
    # That a page is not there is what one of them is about.
    assert [said for said in window.complaints if "404" not in said] == []
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
    await window.page.click("section#add button:text-is('Add')")
    await window.page.click("button:has-text('Pause')")
    assert "paused" in (await window.page.inner_text("#sources")).lower()
    await window.page.click("button:has-text('Remove')")
    assert "0 sources" in await window.page.inner_text("h1")
    assert window.complaints == []


async def test_an_alert_is_changed_and_what_is_wrong_stands_beside_its_field(window: Window, served: Served) -> None:
    await served.post("/v1/alerts", {"name": "bridges", "q": "bridge", "to": ["telegram:1"]}, status=201)
    await window.open("/alerts/bridges")
    page = window.page
    await page.get_by_label("Words").fill("ferry")
    await page.get_by_label("Time zone").fill("Berlin")
    await page.get_by_role("button", name="Save").click()
    zone = page.get_by_label("Time zone")
    assert await zone.get_attribute("aria-invalid") == "true"
    assert await page.get_by_label("Words").input_value() == "ferry"
    await zone.fill("Europe/Berlin")
    await page.get_by_label("When", exact=True).select_option("daily")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("daily, 08:00 Europe/Berlin").wait_for()
    assert (await served.get("/v1/alerts/bridges"))["q"] == "ferry"
    # The browser notes every answer that says no.
    assert [said for said in window.complaints if "422" not in said] == []


async def test_a_list_of_sources_is_added_and_looked_at_by_group(window: Window) -> None:
    await window.open("/sources")
    outline = '<outline text="Regional"><outline text="The Paper" xmlUrl="https://paper.example/rss"/></outline>'
    await window.page.fill("#i-list", f"<opml><body>{outline}</body></opml>")
    await window.page.click("section#import button")
    assert "1 source added" in await window.page.inner_text("[role=status]")
    await window.page.select_option("#f-t", "Regional")
    await window.page.click("form.filters button")
    assert "The Paper" in await window.page.inner_text("#sources")
    async with window.page.expect_download() as download:
        await window.page.click("text=Export OPML")
    assert (await download.value).suggested_filename == "coranto.opml"
    assert window.complaints == []


async def test_stories_are_narrowed_and_opened(window: Window, served: Served, redis: Redis) -> None:
    await fill(served, redis)
    await window.open("/stories")
    await window.page.click("text=The 3 articles, in order of time")
    assert not await window.page.is_visible("text=flood Paper2")
    await window.page.click("text=The 3 articles, in order of time")
    await window.page.click("a:has-text('flood Paper2')")
    await window.page.wait_for_url("**/articles/*")
    await window.open("/stories")
    await window.page.select_option("#s-least", "5")
    await window.page.click("form.filters button")
    assert "No story in more than one place" in await window.page.inner_text("h1")
    assert window.complaints == []


async def test_a_group_is_removed_and_a_feed_taken_back(window: Window, served: Served, redis: Redis) -> None:
    await fill(served, redis)
    await window.open("/subscribers")
    assert "1 group behind." in await window.page.inner_text("h1")
    await window.page.click("summary:has-text('Remove')")
    await window.page.fill("input[name=sure]", "archive")
    await window.page.keyboard.press("Enter")
    await window.page.click("button:has-text('Take back')")
    assert "Nobody has subscribed yet." in await window.page.inner_text("h1")
    assert window.complaints == []


async def test_a_search_becomes_a_feed_whose_address_is_shown(window: Window, served: Served, redis: Redis) -> None:
    await fill(served, redis)
    await window.open("/articles?q=bridge")
    await window.page.click("text=Feed of this search")
    await window.page.wait_for_selector("text=It is shown this once")
    assert window.complaints == []


async def test_the_language_is_chosen_and_kept(window: Window) -> None:
    await window.open("/articles?q=bridge")
    await window.page.click("a[hreflang=ru]")
    await window.page.wait_for_url("**/articles?q=bridge")
    await window.open("/sources")
    assert await window.page.get_attribute("html", "lang") == "ru"
    assert window.complaints == []


async def test_a_dead_letter_is_mended_and_a_wrong_one_goes_nowhere(
    window: Window, served: Served, redis: Redis
) -> None:
    await bury(redis, "https://a.example/broken")
    await window.open("/failures")
    await window.page.fill("#msg", "{}")
    await window.page.click("button:has-text('Save and redeliver')")
    assert "This was not done." in await window.page.inner_text("h1")
    await window.open("/failures")
    await window.page.click("button:has-text('Save and redeliver')")
    assert "No dead letters." in await window.page.inner_text("h1")
    assert [said for said in window.complaints if "422" not in said] == []


async def test_a_submitted_page_is_watched_until_it_is_stored(window: Window, served: Served) -> None:
    await window.open("/submit")
    await window.page.fill("#urls", "https://news.example/late")
    await window.page.click("main form button")
    await window.page.wait_for_selector(".journey")
    await served.store(article("late"))
    await window.page.wait_for_selector("text=Read the article", timeout=15_000)
    assert window.complaints == []
