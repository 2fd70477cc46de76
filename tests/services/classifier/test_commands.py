"""The command line: lines in, lines out, in the shapes that scorers read."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from coranto.records import Story
from coranto.testing import samples
from coranto_classifier.commands import classify_app, stories_app, topics_app

_ROWS: list[dict[str, Any]] = [
    {
        "id": "1",
        "title": "Жапаров прилетел в Москву",
        "text": "Президент Киргизии Садыр Жапаров прибыл в Москву.",
        "section": "Политика",
    },
    {
        "id": "2",
        "title": None,
        "text": "The striker scored twice in the cup final in London.",
        "tags": ["Football"],
        "lang": "en",
    },
    {"id": "3", "title": "", "text": ""},
]


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def answers(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_each_line_is_answered_in_order_and_in_shape() -> None:
    result = CliRunner().invoke(classify_app, ["--lines"], input=lines(_ROWS))
    assert result.exit_code == 0, result.output
    first, second, third = answers(result.stdout)
    assert first["id"] == "1"
    assert (first["language"], first["topic"]) == ("ru", "11000000")
    assert {topic["code"]: topic["from"] for topic in first["topics"]} == {"11000000": ["section", "model"]}
    person = next(entity for entity in first["entities"] if entity["type"] == "person" and " " in entity["text"])
    assert person["normal"] == "Садыр Жапаров"
    joined = f"{_ROWS[0]['title']}\n{_ROWS[0]['text']}"
    assert all(joined[each["start"] : each["end"]] == each["text"] for each in first["entities"])
    assert second["topic"] == "15000000"
    assert (third["language"], third["topic"], third["entities"], third["keywords"]) == ("und", None, [], [])


def test_positions_count_in_the_text_alone_when_there_is_no_title() -> None:
    text = "Президент Киргизии Садыр Жапаров прибыл в Москву."
    for row in (
        {"id": "1", "text": text},
        {"id": "1", "title": None, "text": text},
        {"id": "1", "title": "", "text": text},
    ):
        (answer,) = answers(CliRunner().invoke(classify_app, ["--lines"], input=lines([row])).stdout)
        assert answer["entities"]
        assert all(text[each["start"] : each["end"]] == each["text"] for each in answer["entities"])


def test_gzipped_file_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(lines(_ROWS[:1]).encode()))
    result = CliRunner().invoke(classify_app, ["--lines", str(path)])
    assert [answer["id"] for answer in answers(result.stdout)] == ["1"]


@pytest.mark.parametrize("line", ["no json", "[1, 2]", '{"x": 1}', "[" * 100_000])
def test_line_that_is_no_object_is_named(line: str) -> None:
    result = CliRunner().invoke(classify_app, ["--lines"], input=f'{{"id": "1", "text": ""}}\n{line}\n')
    assert result.exit_code == 2
    assert "line 2" in result.output


def test_stories_are_placed_in_order_of_arrival(redis_url: str) -> None:
    text = "Мост через реку открыли утром в присутствии жителей, рабочие закончили стройку раньше срока на два месяца."
    other = "Музей получил в дар коллекцию картин, которую собирали три поколения семьи, выставка откроется осенью в главном зале."
    rows = [
        {"id": "a", "title": "", "text": text},
        {"id": "b", "title": "", "text": other},
        {"id": "c", "title": "", "text": text},
    ]
    for options in ([], ["--redis", redis_url, "--index", "trial"]):
        result = CliRunner().invoke(
            stories_app, ["--lines", *options], input=lines(rows), env={"CORANTO_REDIS__URL": None}
        )
        assert result.exit_code == 0, result.output
        assert [(each["id"], each["cluster"], each["role"], each["of"]) for each in answers(result.stdout)] == [
            ("a", "a", "original", None),
            ("b", "b", "original", None),
            ("c", "a", "copy", "a"),
        ]


def test_exported_records_enter_an_index_under_the_story_they_were_announced_in(redis_url: str) -> None:
    text = "Мост через реку открыли утром в присутствии жителей, рабочие закончили стройку раньше срока на два месяца."
    record = samples.finished(title="Мост открыли", text=text)
    story = Story(id="first", role="copy")
    section = record.classification.model_copy(update={"story": story})
    storage = record.storage.model_copy(update={"stored_at": datetime.now(UTC)})
    exported = record.model_copy(update={"classification": section, "storage": storage}).model_dump(mode="json")
    options = ["--lines", "--redis", redis_url]
    CliRunner().invoke(stories_app, options, input=lines([exported]))
    result = CliRunner().invoke(stories_app, options, input=lines([{"id": "b", "title": "", "text": text}]))
    assert answers(result.stdout)[0]["cluster"] == "first"


def test_record_that_is_no_finished_article_is_said_to_be_none() -> None:
    result = CliRunner().invoke(stories_app, ["--lines"], input=lines([{"id": "a", "storage": {}}]))
    assert result.exit_code == 2
    assert "the record a is not a finished article" in " ".join(result.output.split())


def test_explanation_shows_section_and_words(tmp_path: Path) -> None:
    article = tmp_path / "article.json"
    article.write_text(
        json.dumps({"title": "Сборная выиграла матч", "text": "Вратарь отразил удар.", "section": "Спорт"}),
        encoding="utf-8",
    )
    shown = json.loads(CliRunner().invoke(topics_app, ["explain", str(article)]).stdout)
    assert shown["sections"][0]["word"] == "Спорт"
    assert shown["topics"][0]["code"] == "15000000"
    assert shown["words"]["15000000"]


def test_plain_text_can_be_explained_too(tmp_path: Path) -> None:
    article = tmp_path / "article.txt"
    article.write_text("Суд арестовал чиновника\nСледствие просило два месяца.\n", encoding="utf-8")
    shown = json.loads(CliRunner().invoke(topics_app, ["explain", str(article)]).stdout)
    assert shown["topics"][0]["code"] == "02000000"


@pytest.mark.parametrize("command", [(classify_app,), (stories_app,), (topics_app, "explain")])
@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("page.html", b"<!doctype html><html lang=de><title>Hallo</title><p>Die Stadt"),
        ("wrong.json", b"{"),
        ("latin1.json", b'{"id": "1", "title": "\xe9"}'),
        ("cut.jsonl.gz", gzip.compress(b'{"id": "1", "text": "words"}\n' * 100, mtime=0)[:-12]),
    ],
)
def test_file_that_is_no_input_is_wrong_usage(command: tuple[Any, ...], name: str, body: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(body)
    app, *words = command
    assert CliRunner().invoke(app, [*words, str(path)]).exit_code == 2
