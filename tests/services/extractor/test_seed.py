"""The page that started the project, in all its forms."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coranto.records import Content

Read = Callable[..., Content]
FORMS = ("utf-8", "windows-1251", "dump")


def _folded(texts: list[str]) -> list[str]:
    return [" ".join(text.split()) for text in texts]


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def truth(material: Path) -> dict[str, Any]:
    return dict(json.loads((material / "seed" / "truth.json").read_text("utf-8")))


@pytest.fixture
def seed(material: Path, form: str, read_article: Read, truth: dict[str, Any]) -> Content:
    folder = material / "seed"
    if form == "dump":
        return read_article((folder / "page.txt").read_bytes(), None, content_type="text/plain")
    text = (folder / "page.html").read_text("utf-8").replace('charset="utf-8"', f'charset="{form}"')
    return read_article(text.encode(form, "xmlcharrefreplace"), truth["url"], content_type="text/html")


def test_text_is_all_paragraphs_in_order_and_nothing_else(seed: Content, truth: dict[str, Any]) -> None:
    assert [block.text for block in seed.paragraphs] == _folded(truth["body"])


def test_nothing_of_ticker_rates_and_player_is_in_the_text(seed: Content, truth: dict[str, Any]) -> None:
    assert [words for words in truth["absent"] if words in seed.text] == []


def test_title_and_section_are_those_of_the_page(seed: Content, truth: dict[str, Any]) -> None:
    assert (seed.title, seed.section) == (truth["title"], truth["section"])


def test_photo_credit_is_not_in_the_caption_and_not_an_author(seed: Content, truth: dict[str, Any]) -> None:
    assert seed.image is not None
    assert (seed.image.caption, seed.image.credit) == (truth["image"]["caption"], truth["image"]["credit"])
    assert seed.authors == ()


def test_no_date_is_invented(seed: Content) -> None:
    assert seed.published is None
