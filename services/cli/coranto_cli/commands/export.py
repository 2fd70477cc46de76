"""`coranto export`: every stored article, in a format of the user's choice."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.progress import track

from coranto.formats import csv_header, to_atom_entry, to_atom_feed, to_csv_row, to_json_ld, to_json_line, to_ninjs
from coranto.records import FinishedArticle
from coranto.store.interface import ArticleReader
from coranto_cli.console import err, print_message, progress
from coranto_cli.errors import USAGE, CommandError
from coranto_cli.options import DataOption
from coranto_cli.stored_articles import opened_store
from coranto_cli.text import count


class ExportFormat(StrEnum):
    """What `coranto export` can write."""

    jsonl = "jsonl"
    ninjs = "ninjs"
    jsonld = "jsonld"
    csv = "csv"
    parquet = "parquet"
    atom = "atom"


_LINES: Mapping[ExportFormat, Callable[[FinishedArticle], str]] = {
    ExportFormat.jsonl: to_json_line,
    ExportFormat.ninjs: lambda article: json.dumps(to_ninjs(article), ensure_ascii=False),
    ExportFormat.jsonld: lambda article: json.dumps(to_json_ld(article), ensure_ascii=False),
}


def export(
    form: Annotated[
        ExportFormat,
        typer.Option(
            "--format",
            help="jsonl, ninjs and jsonld write one article per line, csv one per row, parquet a file per day.",
        ),
    ] = ExportFormat.jsonl,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines, as without the option.")] = False,
    data: DataOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write, of parquet a folder; - for standard output, the default."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="With parquet: leave out days whose file is there.")] = False,
) -> None:
    """Write every stored article in its latest revision.

    Parquet files lie in folders by the day of publication in UTC, day=2026-03-14, or of the first storing for an article that names
    none. A file appears when its day is whole.
    """
    if resume and form is not ExportFormat.parquet:
        raise CommandError(f"--resume goes with --format parquet, got {form}", exit_code=USAGE)
    if as_json and form in (ExportFormat.atom, ExportFormat.csv, ExportFormat.parquet):
        raise CommandError(f"--json and --format {form} exclude each other", exit_code=USAGE)
    is_file = output is not None and str(output) != "-"
    if form is ExportFormat.parquet:
        if output is None or not is_file or (output.exists() and not output.is_dir()):
            raise CommandError("parquet is written into a folder: name it with --output", exit_code=USAGE)
        _write_parquet(output, data, resumes=resume)
        return
    with opened_store(data) as store, _destination(output) as file:
        if form is ExportFormat.atom:
            file.writelines(_feed(store, _with_progress(store, is_shown=is_file)))
        elif form is ExportFormat.csv:
            file.write(csv_header())
            file.writelines(map(to_csv_row, _with_progress(store, is_shown=is_file)))
        else:
            to_line = _LINES[form]
            articles = _with_progress(store, is_shown=is_file)
            file.writelines(f"{to_line(article)}\n" for article in articles)
        if is_file:
            print_message(f"{store.count()} articles written to {output}")


def _write_parquet(folder: Path, data: Path | None, *, resumes: bool) -> None:
    from coranto_cli.parquet_export import write_days  # late: no other format needs it

    with opened_store(data) as store, progress() as bar:
        task = bar.add_task("Exporting", total=store.count())
        days, articles = write_days(store, folder, resumes=resumes, on_article=lambda: bar.advance(task))
    print_message(f"{articles} articles of {count(days, 'day')} written to {folder}")


@contextmanager
def _destination(output: Path | None) -> Iterator[TextIO]:
    if output is None or str(output) == "-":
        yield sys.stdout
        return
    target = output.resolve()  # the file behind a link, which stays a link
    if target.is_dir() or not target.parent.is_dir():
        what = "is a directory" if target.is_dir() else f"there is no directory {target.parent}"
        raise CommandError(f"cannot write to {output}: {what}", exit_code=USAGE)
    if target.exists() and not target.is_file():
        with target.open("w", encoding="utf-8", newline="") as file:  # a pipe or device: written to, never replaced
            yield file
        return
    # Written beside and moved into place: whoever reads the file never sees half of it.
    partial = target.with_name(f".{target.name}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            yield file
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _with_progress(store: ArticleReader, *, is_shown: bool) -> Iterator[FinishedArticle]:
    """The articles, with a bar on the terminal while they are written to a file."""
    is_shown = is_shown and err.is_terminal
    yield from track(store.iterate(), "Exporting", total=store.count(), console=err, disable=not is_shown)


def _feed(store: ArticleReader, articles: Iterator[FinishedArticle]) -> Iterator[str]:
    """The feed in pieces, so that a large store need not fit in memory."""
    updated = max((article.storage.stored_at for article in store.iterate()), default=datetime.now(UTC))
    empty = to_atom_feed([], feed_id="urn:coranto:articles", title="Coranto", updated=updated)
    head, end, _ = empty.rpartition("</feed>")
    yield head
    for article in articles:
        yield to_atom_entry(article) + "\n"
    yield end + "\n"
