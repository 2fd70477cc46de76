"""`coranto export`, called as the command line calls it."""

from __future__ import annotations

import asyncio
import csv
import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from tests.shared.store.articles import build_article, store
from typer.testing import CliRunner

from coranto.formats import to_json_line
from coranto.records import ClassifiedArticle, FinishedArticle
from coranto.store.sqlite.writer import SqliteArticleStore
from coranto_cli.application import app
from coranto_cli.commands.export import _PIECES, ExportFormat
from coranto_cli.errors import CommandError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A directory with a store of three articles."""

    async def fill() -> None:
        article_store = SqliteArticleStore(tmp_path / "articles.sqlite")
        await article_store.open()
        for number in range(3):
            await store(
                build_article(f"https://news.example/{number}", title=f"Ferry {number} <runs>"),
                article_store=article_store,
            )
        await article_store.close()

    asyncio.run(fill())
    return tmp_path


def test_export_writes_one_record_a_line(data: Path) -> None:
    result = CliRunner().invoke(app, ["export", "--data", str(data)])
    assert result.exit_code == 0
    records = [FinishedArticle.model_validate_json(line) for line in result.stdout.splitlines()]
    assert [record.content.title for record in records] == ["Ferry 0 <runs>", "Ferry 1 <runs>", "Ferry 2 <runs>"]


@pytest.mark.parametrize(("form", "key"), [("ninjs", "headlines"), ("jsonld", "headline")])
def test_export_writes_other_formats_a_line_each(data: Path, form: str, key: str) -> None:
    result = CliRunner().invoke(app, ["export", "--format", form, "--data", str(data)])
    assert [key in json.loads(line) for line in result.stdout.splitlines()] == [True] * 3


def test_csv_export_is_read_back_by_a_reader_of_csv_and_runs_no_formula(data: Path) -> None:
    async def add() -> None:
        article_store = SqliteArticleStore(data / "articles.sqlite")
        await article_store.open()
        await store(
            build_article(
                "https://news.example/evil", title='=HYPERLINK("https://evil.example"; "a")', text='Say "a",\nb.'
            ),
            article_store=article_store,
        )
        await article_store.close()

    asyncio.run(add())
    target = data / "articles.csv"
    assert CliRunner().invoke(app, ["export", "--format", "csv", "-o", str(target), "--data", str(data)]).exit_code == 0
    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["title"] for row in rows[:3]] == ["Ferry 0 <runs>", "Ferry 1 <runs>", "Ferry 2 <runs>"]
    assert rows[3]["title"] == '\'=HYPERLINK("https://evil.example"; "a")'
    assert (rows[3]["text"], rows[3]["authors"], rows[3]["topic_codes"]) == ('Say "a",\nb.', "Anna Petrova", "13000000")
    assert target.read_bytes().count(b"\r\n") == 5
    refused = CliRunner().invoke(app, ["export", "--format", "csv", "--json", "--data", str(data)])
    assert isinstance(refused.exception, CommandError)


def test_atom_export_is_one_well_formed_feed(data: Path) -> None:
    result = CliRunner().invoke(app, ["export", "--format", "atom", "--data", str(data)])
    feed = ET.fromstring(result.stdout)  # noqa: S314 - our own output
    assert len(feed.findall("{http://www.w3.org/2005/Atom}entry")) == 3


def test_export_to_a_file_says_how_much_and_leaves_no_half_file(data: Path) -> None:
    target = data / "articles.jsonl"
    result = CliRunner().invoke(app, ["export", "--data", str(data), "--output", str(target)])
    assert len(target.read_text(encoding="utf-8").splitlines()) == 3
    assert "3 articles written to" in " ".join(result.stderr.split())
    assert [file.name for file in data.glob(".*")] == []


def test_export_to_a_dash_is_standard_output(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data)
    result = CliRunner().invoke(app, ["export", "--data", str(data), "--output", "-"])
    assert len(result.stdout.splitlines()) == 3
    assert not (data / "-").exists()


def test_export_through_a_link_writes_the_file_behind_it(data: Path) -> None:
    (data / "elsewhere").mkdir()
    (link := data / "link.jsonl").symlink_to(data / "elsewhere" / "articles.jsonl")
    assert CliRunner().invoke(app, ["export", "--data", str(data), "--output", str(link)]).exit_code == 0
    assert link.is_symlink()
    assert len((data / "elsewhere" / "articles.jsonl").read_text(encoding="utf-8").splitlines()) == 3


def test_export_writes_to_a_pipe_and_leaves_it_one(data: Path) -> None:
    os.mkfifo(pipe := data / "pipe")
    with ThreadPoolExecutor() as reader:
        read = reader.submit(pipe.read_text, encoding="utf-8")
        assert CliRunner().invoke(app, ["export", "--data", str(data), "--output", str(pipe)]).exit_code == 0
        assert len(read.result(10).splitlines()) == 3
    assert pipe.is_fifo()


@pytest.mark.parametrize("output", ["/", ".", "missing/articles.jsonl"])
def test_export_to_what_cannot_be_a_file_is_wrong_usage(data: Path, output: str) -> None:
    error = CliRunner().invoke(app, ["export", "--data", str(data), "--output", output]).exception
    assert isinstance(error, CommandError)
    assert error.exit_code == 2
    assert f"cannot write to {output}: " in str(error)


def test_missing_store_is_explained_with_code_3(tmp_path: Path) -> None:
    error = CliRunner().invoke(app, ["export", "--data", str(tmp_path)]).exception
    assert isinstance(error, CommandError)
    assert error.exit_code == 3
    assert "no article store at" in str(error)


def test_store_is_found_through_the_data_directory(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CORANTO_SINK__DATABASE", raising=False)
    monkeypatch.setenv("CORANTO_DATA", str(data))
    assert len(CliRunner().invoke(app, ["export"]).stdout.splitlines()) == 3


def add(data: Path, *articles: ClassifiedArticle, is_announced: bool = True) -> None:
    async def fill() -> None:
        article_store = SqliteArticleStore(data / "articles.sqlite")
        await article_store.open()
        for each in articles:
            kept = await store(each, article_store=article_store)
            if is_announced:
                await article_store.mark_announced([(kept.id, kept.storage.revision)])
        await article_store.close()

    asyncio.run(fill())


def read(file: Path) -> list[tuple[str, int]]:
    records = [FinishedArticle.model_validate_json(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [(record.url.rpartition("/")[2], record.storage.revision) for record in records]


def test_export_that_was_cut_off_goes_on_where_it_was_and_a_later_one_has_what_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(tmp_path, *(build_article(f"https://news.example/{number}") for number in range(7)))
    add(tmp_path, build_article("https://news.example/waiting"), is_announced=False)
    target, call = tmp_path / "all.jsonl", ["export", "--data", str(tmp_path), "--output"]
    target.write_text("an earlier export\n", encoding="utf-8")
    monkeypatch.setattr("coranto_cli.exports.resumable._BETWEEN_NOTES", 2)

    def fail_at_the_sixth(article: FinishedArticle) -> str:
        if article.url.endswith("/5"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return f"{to_json_line(article)}\n"

    with monkeypatch.context() as patch:
        patch.setitem(_PIECES, ExportFormat.jsonl, fail_at_the_sixth)  # type: ignore[arg-type]
        assert isinstance(CliRunner().invoke(app, [*call, str(target)]).exception, OSError)
    assert target.read_text(encoding="utf-8") == "an earlier export\n"  # until the new one is whole
    other = CliRunner().invoke(app, [*call, str(target), "--resume", "--format", "csv"]).exception
    assert "give the same options" in str(other)
    # One that is written already changes meanwhile: its later revision follows.
    add(tmp_path, build_article("https://news.example/0", title="Another headline", fetch=2))
    resumed = CliRunner().invoke(app, [*call, str(target), "--resume"])
    assert resumed.exit_code == 0, resumed.output
    assert read(target) == [*((str(number), 1) for number in range(7)), ("0", 2), ("waiting", 1)]
    assert [file.name for file in tmp_path.glob(".*")] == []
    assert "--after 8 writes what is announced later" in " ".join(resumed.stderr.split())
    nothing = CliRunner().invoke(app, [*call, str(target), "--resume"]).exception
    assert isinstance(nothing, CommandError)
    assert nothing.exit_code == 3

    assert CliRunner().invoke(app, [*call, str(target)]).exit_code == 0
    assert read(target) == [*((str(number), 1) for number in range(1, 7)), ("0", 2), ("waiting", 1)]
    add(tmp_path, build_article("https://news.example/new"))
    assert CliRunner().invoke(app, [*call, str(tmp_path / "new.jsonl"), "--after", "8"]).exit_code == 0
    assert read(tmp_path / "new.jsonl") == [("new", 1), ("waiting", 1)]


@pytest.mark.parametrize(
    "options", [["--resume"], ["--resume", "--format", "atom", "-o", "a.xml"], ["--after", "3", "--format", "atom"]]
)
def test_options_that_do_not_go_together_are_wrong_usage(data: Path, options: list[str]) -> None:
    error = CliRunner().invoke(app, ["export", "--data", str(data), *options]).exception
    assert isinstance(error, CommandError)
    assert error.exit_code == 2


def test_parquet_lies_in_folders_by_day_and_a_stopped_export_goes_on(data: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra `parquet` (pyarrow)")

    async def add(url: str, day: str) -> None:
        article = build_article(url)
        at = datetime.fromisoformat(f"{day}T09:00:00+00:00")
        published = article.content.published.model_copy(update={"local": f"{day}T12:00", "at": at})  # type: ignore[union-attr]
        content = article.content.model_copy(update={"published": published})
        article_store = SqliteArticleStore(data / "articles.sqlite")
        await article_store.open()
        await store(article.model_copy(update={"content": content}), article_store=article_store)
        await article_store.close()

    asyncio.run(add("https://news.example/early", "2026-02-01"))
    folder = data / "parquet"
    command = ["export", "--format", "parquet", "-o", str(folder), "--data", str(data)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "4 articles of 2 days written" in done.stderr
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")) == [
        "day=2026-02-01", "day=2026-02-01/articles.parquet", "day=2026-03-14", "day=2026-03-14/articles.parquet",
    ]  # fmt: skip
    (early,) = parquet.read_table(folder / "day=2026-02-01" / "articles.parquet").to_pylist()
    assert (early["url"], early["authors"]) == ("https://news.example/early", ["Anna Petrova"])
    assert early["published_at"] == datetime(2026, 2, 1, 9, tzinfo=UTC)
    assert early["entities"] == [{"type": "place", "name": "Neva", "count": 1}]
    (folder / "day=2026-02-01" / "articles.parquet").unlink()
    resumed = CliRunner().invoke(app, [*command, "--resume"])
    assert "1 article of 1 day written" in resumed.stderr


def test_parquet_without_a_folder_is_refused(data: Path) -> None:
    for arguments in (["--format", "parquet"], ["--format", "jsonl", "--resume"]):
        refused = CliRunner().invoke(app, ["export", *arguments, "--data", str(data)])
        assert isinstance(refused.exception, CommandError)
        assert refused.exception.exit_code == 2
