"""Text files named on the command line: a list of addresses is read as one, an article's text as a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from coranto_cli.articles.single_page import try_page
from coranto_cli.errors import CommandError
from coranto_cli.given.sources import Source, find_sources


def sources_of(file: Path, text: str) -> tuple[list[Source], list[str]]:
    file.write_text(text, encoding="utf-8")
    refused = list[str]()
    return find_sources([str(file)], [], refuse=refused.append), refused


def test_text_file_of_addresses_is_read_as_a_list(tmp_path: Path) -> None:
    text = "\ufeff# from the desk\nhttps://paper.example/1\n\n  HTTP://paper.example/2\nfeed://paper.example/rss\n"
    found, refused = sources_of(tmp_path / "urls.txt", text)
    assert [one.url.lower() for one in found] == [
        "https://paper.example/1",
        "http://paper.example/2",
        "http://paper.example/rss",
    ]
    assert all(one.file is None for one in found)
    assert not refused


def test_line_of_a_list_that_is_no_address_is_refused_with_its_number(tmp_path: Path) -> None:
    lines = [f"https://paper.example/{number}" for number in range(30)] + ["paper"]
    found, refused = sources_of(tmp_path / "urls.txt", "\n".join(lines))
    assert len(found) == 30
    assert "urls.txt, line 31: " in refused[0]


def test_text_of_an_article_with_an_address_in_it_is_a_page(tmp_path: Path) -> None:
    file = tmp_path / "article.txt"
    for text in (
        "https://paper.example/1\nThe council voted on Monday.",
        "https://paper.example/1 says so.",
        "",
        "# only\n",
    ):
        found, refused = sources_of(file, text)
        assert [one.file for one in found] == [file]
        assert not refused


@pytest.mark.parametrize("count", [1, 2])
def test_a_list_is_not_tried_and_what_to_do_instead_is_told(tmp_path: Path, count: int) -> None:
    file = tmp_path / "urls.txt"
    file.write_text("https://paper.example/1\n" * count, encoding="utf-8")
    with pytest.raises(CommandError, match=rf"is a list of {count} address.*coranto run .*urls.txt"):
        try_page(str(file), as_json=False)
