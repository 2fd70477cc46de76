"""Stories over HTTP and on the page: which there are, in what order, page by page, and how they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.services.gateway.conftest import Served
from tests.services.gateway.test_articles import article, date_of
from tests.services.gateway.test_page import ATTACK, look

from coranto.records import ClassifiedArticle, Story
from coranto_gateway.page.stories import Axis

Role = Literal["original", "copy", "excerpt", "update"]


def member(
    story: str, name: str, role: Role, at: datetime, *, language: str = "en", **options: Any
) -> ClassifiedArticle:
    built = article(f"{story}-{name}", language=language, title=f"{story} {name}", **options)
    content = built.content.model_copy(update={"published": date_of(at), "publisher": f"The {name}"})
    story_id = story.encode().hex().ljust(32, "0")[:32]
    classification = built.classification.model_copy(update={"story": Story(id=story_id, role=role)})
    return built.model_copy(update={"content": content, "classification": classification})


def hours_ago(number: float) -> datetime:
    return datetime.now(UTC) - timedelta(hours=number)


async def titles(served: Served, **asked: Any) -> list[str]:
    return [each["title"] for each in (await served.get("/v1/stories", params=asked))["items"]]


async def test_only_stories_of_several_articles_are_listed_the_latest_copy_first(served: Served) -> None:
    assert await served.get("/v1/stories") == {"items": [], "next": None}
    await served.store(
        member("flood", "Times", "original", hours_ago(9)),
        member("flood", "Post", "copy", hours_ago(5)),
        member("flood", "Bote", "update", hours_ago(1), language="de"),
        member("quake", "Herald", "original", hours_ago(4)),
        member("quake", "Courier", "excerpt", hours_ago(3)),
        member("alone", "Herald", "original", hours_ago(2)),
        article("none", hours=1),
    )
    assert await titles(served) == ["flood Times", "quake Herald"]
    (flood, _) = (await served.get("/v1/stories"))["items"]
    assert (flood["articles"], flood["publishers"], flood["languages"]) == (
        3, ["The Times", "The Post", "The Bote"], ["en", "de"],
    )  # fmt: skip
    assert [each["title"] for each in (await served.get(f"/v1/stories/{flood['id']}"))["items"]] == [
        "flood Times", "flood Post", "flood Bote",
    ]  # fmt: skip
    assert await titles(served, at_least=3) == ["flood Times"]
    assert await titles(served, since=hours_ago(2).isoformat()) == ["flood Times"]
    problem = await served.get("/v1/stories", params={"since": "2026-03-14T00:00"}, status=400)
    assert "since" in str(problem)


async def test_each_story_is_on_one_page_however_its_copies_are_mixed(served: Served) -> None:
    mixed: list[ClassifiedArticle] = []
    for number in range(11):
        mixed.append(member(f"s{number}", "first", "original", hours_ago(100 + number)))
        mixed += [
            member(f"s{number}", f"copy{copy}", "copy", hours_ago((7 * number + 13 * copy) % 83)) for copy in range(4)
        ]
    await served.store(*mixed)
    seen: list[str] = []
    cursor = ""
    while True:
        page = await served.get("/v1/stories", params={"limit": 3, "cursor": cursor})
        seen += [each["title"] for each in page["items"]]
        if page["next"] is None:
            break
        cursor = page["next"]
    assert sorted(seen) == sorted(f"s{number} first" for number in range(11))
    wrong = await served.get("/v1/stories", params={"limit": 3, "cursor": cursor, "at_least": 3}, status=400)
    assert wrong["type"] == "urn:coranto:problem:bad-cursor"


async def test_the_page_draws_the_shortest_span_that_has_stories(served: Served) -> None:
    await served.store(
        member("flood", "Times", "original", hours_ago(24 * 9)),
        member("flood", "Post", "copy", hours_ago(24 * 5)),
        member("flood", "Bote", "copy", hours_ago(24 * 3), language="de"),
        member("flood", "Herald", "update", hours_ago(24 * 2)),
    )
    page = await look(served, "/stories")
    assert "1 story in more than one place" in page.said
    (chosen,) = [
        each["value"] for each in page.all("option") if "selected" in each and not str(each["value"]).isdigit()
    ]
    assert chosen == "week"
    # The original came before the line begins: it is told of, and not drawn.
    assert "since" in page.said
    shapes = [name for name, each in page.elements if str(each.get("class", "")).startswith("c-node")]
    assert shapes[4:] == ["circle", "rect", "path"]
    assert "No story in more than one place" in (await look(served, "/stories?span=day")).said
    assert "flood Herald" in (await look(served, "/stories?span=all", **{"Accept-Language": "ru"})).said


async def test_sixty_copies_within_ten_minutes_are_marks_that_can_be_told_apart(served: Served) -> None:
    began = hours_ago(5)
    copies = [member("wire", f"p{n}", "copy", began + timedelta(seconds=10 * n)) for n in range(1, 60)]
    await served.store(member("wire", "agency", "original", began), *copies)
    page = await look(served, "/stories?span=day")
    assert "60 articles" in page.said
    nodes = [each for name, each in page.elements if name == "svg" and each.get("y") == "30"]
    assert len(nodes) == 1
    assert "×60" in page.said
    assert "60 at about the same time" in page.said
    assert len([each for each in page.all("a") if str(each.get("href")).startswith("/articles/")]) == 61


async def test_attacks_in_headlines_and_names_are_drawn_as_text(served: Served) -> None:
    bad = [member("bad", f"{role}{n}", role, hours_ago(n + 1)) for n, role in enumerate(("copy", "original"))]  # type: ignore[arg-type]
    await served.store(
        *(each.model_copy(update={"content": each.content.model_copy(update={"title": ATTACK, "publisher": ATTACK})})
          for each in bad)
    )  # fmt: skip
    page = await look(served, "/stories")
    assert page.text.count("<script>alert(1)</script>") >= 4


@given(
    began=st.integers(min_value=631_152_000, max_value=4_102_444_800).map(
        lambda unix: datetime.fromtimestamp(unix, UTC)
    ),
    seconds=st.integers(min_value=600, max_value=40 * 365 * 86_400),
)
def test_a_line_of_any_length_has_a_few_ticks_in_order(began: datetime, seconds: int) -> None:
    axis = Axis(began, began + timedelta(seconds=seconds))
    ticks: Sequence[tuple[float, datetime]] = axis.ticks()
    assert len(ticks) <= 8
    assert [moment for _, moment in ticks] == sorted({moment for _, moment in ticks})
    assert all(axis.began <= moment <= axis.ended for _, moment in ticks)


@pytest.mark.parametrize(("moment", "place"), [(-5, 0.0), (0, 0.0), (6, 50.0), (12, 100.0), (90, 100.0)])
def test_what_is_outside_of_the_line_stands_at_its_end(moment: int, place: float) -> None:
    began = datetime(2026, 3, 14, tzinfo=UTC)
    assert Axis(began, began + timedelta(hours=12)).place(began + timedelta(hours=moment)) == place
