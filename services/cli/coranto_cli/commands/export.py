"""`coranto export`: every stored article, in a format of the user's choice."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TextIO, TypeVar

import typer
from rich.progress import track

from coranto.formats import csv_header, to_atom_entry, to_atom_feed, to_csv_row, to_json_ld, to_json_line, to_ninjs
from coranto.records import FinishedArticle
from coranto.store.interface import ArticleReader
from coranto_cli.articles.stored_articles import opened_store
from coranto_cli.errors import USAGE, CommandError
from coranto_cli.exports.resumable import ResumableExport
from coranto_cli.terminal.console import err, print_message, progress
from coranto_cli.terminal.options import DataOption
from coranto_cli.terminal.text import count

T = TypeVar("T")


class ExportFormat(StrEnum):
    """What `coranto export` can write."""

    jsonl = "jsonl"
    ninjs = "ninjs"
    jsonld = "jsonld"
    csv = "csv"
    parquet = "parquet"
    atom = "atom"


_PIECES: Mapping[ExportFormat, Callable[[FinishedArticle], str]] = {
    ExportFormat.jsonl: lambda article: f"{to_json_line(article)}\n",
    ExportFormat.ninjs: lambda article: f"{json.dumps(to_ninjs(article), ensure_ascii=False)}\n",
    ExportFormat.jsonld: lambda article: f"{json.dumps(to_json_ld(article), ensure_ascii=False)}\n",
    ExportFormat.csv: to_csv_row,
}
"""Formats of which each article is a piece of its own."""


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
    after: Annotated[
        int, typer.Option(min=0, help="Only what was announced after this number, as an earlier export tells it.")
    ] = 0,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with an export that was cut off; with parquet, leave out days whose file is there."
        ),
    ] = False,
) -> None:
    """Write every stored article in its latest revision, in the order in which those were announced.

    The file appears when it is whole. The command tells the number of the last one in it: with --after, a later export writes only
    what is new or changed since.

    Parquet files lie in folders by the day of publication in UTC, day=2026-03-14, or of the first storing for an article that names
    none. A file appears when its day is whole.
    """
    is_file = output is not None and str(output) != "-"
    if as_json and form in (ExportFormat.atom, ExportFormat.csv, ExportFormat.parquet):
        raise CommandError(f"--json and --format {form} exclude each other", exit_code=USAGE)
    if resume and (form is ExportFormat.atom or not is_file):
        raise CommandError(
            f"--resume goes with --output and a format other than atom, got {form} to {output or 'standard output'}",
            exit_code=USAGE,
        )
    if after and form not in _PIECES:
        raise CommandError(f"--after goes with {', '.join(_PIECES)}, got {form}", exit_code=USAGE)
    if form is ExportFormat.parquet:
        if output is None or not is_file or (output.exists() and not output.is_dir()):
            raise CommandError("parquet is written into a folder: name it with --output", exit_code=USAGE)
        _write_parquet(output, data, resumes=resume)
        return
    with opened_store(data) as store:
        if form is ExportFormat.atom:
            with _destination(output) as file:
                file.writelines(_feed(store, _with_progress(store.iterate(), store.count(), is_shown=is_file)))
            if is_file:
                print_message(f"{count(store.count(), 'article')} written to {output}")
            return
        head = csv_header() if form is ExportFormat.csv else ""
        target = None if output is None or not is_file else _regular_file(output)
        if target is None:
            if resume:
                raise CommandError(f"--resume goes with a regular file, and {output} is none", exit_code=USAGE)
            with _destination(output) as file:
                file.write(head)
                articles = _with_progress(store.iterate_announced(after=after), store.count(), is_shown=is_file)
                file.writelines(_PIECES[form](article) for _, article in articles)
            return
        export = ResumableExport(target, form=form, store=store.store_id(), after=after)
        done = export.take_up() if resume else 0
        articles = _with_progress(
            store.iterate_announced(after=export.number), store.count(), is_shown=is_file, done=done
        )
        export.write(head, articles, _PIECES[form])
        print_message(
            f"{count(export.articles, 'article')} written to {output}; --after {export.number} writes what is announced later"
        )


def _write_parquet(folder: Path, data: Path | None, *, resumes: bool) -> None:
    from coranto_cli.exports.parquet import write_days  # late: no other format needs it

    with opened_store(data) as store, progress() as bar:
        task = bar.add_task("Exporting", total=store.count())
        days, articles = write_days(store, folder, resumes=resumes, on_article=lambda: bar.advance(task))
    print_message(f"{count(articles, 'article')} of {count(days, 'day')} written to {folder}")


def _regular_file(output: Path) -> Path | None:
    """The file behind a link, which stays a link; None for a pipe or device. Raises CommandError where there can be no file."""
    target = output.resolve()
    if target.is_dir() or not target.parent.is_dir():
        what = "is a directory" if target.is_dir() else f"there is no directory {target.parent}"
        raise CommandError(f"cannot write to {output}: {what}", exit_code=USAGE)
    return target if target.is_file() or not target.exists() else None


@contextmanager
def _destination(output: Path | None) -> Iterator[TextIO]:
    if output is None or str(output) == "-":
        yield sys.stdout
        return
    target = _regular_file(output)
    if target is None:
        with output.open("w", encoding="utf-8", newline="") as file:  # a pipe or device: written to, never replaced
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


def _with_progress(articles: Iterator[T], total: int, *, is_shown: bool, done: int = 0) -> Iterator[T]:
    """The articles, with a bar on the terminal while they are written to a file."""
    is_shown = is_shown and err.is_terminal
    yield from track(articles, "Exporting", total=total, completed=done, console=err, disable=not is_shown)


def _feed(store: ArticleReader, articles: Iterator[FinishedArticle]) -> Iterator[str]:
    """The feed in pieces, so that a large store need not fit in memory."""
    updated = max((article.storage.stored_at for article in store.iterate()), default=datetime.now(UTC))
    empty = to_atom_feed([], feed_id="urn:coranto:articles", title="Coranto", updated=updated)
    head, end, _ = empty.rpartition("</feed>")
    yield head
    for article in articles:
        yield to_atom_entry(article) + "\n"
    yield end + "\n"
