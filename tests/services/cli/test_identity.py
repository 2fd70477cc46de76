"""`coranto identity`, called as the command line calls it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import Result
from tests.shared.store.articles import build_article, store
from typer.testing import CliRunner

from coranto.store.sqlite.writer import SqliteArticleStore
from coranto_cli.application import app
from coranto_cli.errors import CommandError

OWN, SHORT = "https://news.example/bridge", "https://nws.example/b1"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A store with one article, which a short address has led to."""

    async def fill() -> None:
        article_store = SqliteArticleStore(tmp_path / "articles.sqlite")
        await article_store.open()
        article = build_article(OWN)
        discovery = article.discovery.model_copy(update={"url": SHORT})
        await store(article.model_copy(update={"discovery": discovery}), article_store=article_store)
        await article_store.close()

    asyncio.run(fill())
    return tmp_path


def call(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["identity", *arguments, "--data", str(data)])


def test_addresses_of_an_article_are_told_with_what_led_there_and_one_is_split_off_and_back(data: Path) -> None:
    explained = call(data, "explain", SHORT)
    assert explained.exit_code == 0
    assert "it was asked for, and redirected to the article's page" in explained.output
    found = json.loads(call(data, "explain", OWN, "--json").stdout)
    assert [each["led_by"] for each in found["addresses"]] == ["own", "redirect"]
    done = json.loads(call(data, "split", SHORT, "--json").stdout)
    assert done == {"url": SHORT, "article": found["article_id"], "is_split": True}
    assert "split off by an operator" in call(data, "explain", OWN).output
    undone = call(data, "split", SHORT, "--undo")
    assert f"leads to article {found['article_id']}" in undone.output


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("split", OWN), 2, "own address"),
        (("split", "https://news.example/other"), 3, "leads to no stored article"),
        (("split", SHORT, "--undo"), 3, "is not split off"),
        (("split", "bridge"), 2, "bridge"),
        (("explain", "https://news.example/other"), 3, "no stored article"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(
    data: Path, arguments: tuple[str, ...], code: int, text: str
) -> None:
    refused = call(data, *arguments)
    assert isinstance(refused.exception, CommandError)
    assert refused.exception.exit_code == code
    assert text in str(refused.exception)
