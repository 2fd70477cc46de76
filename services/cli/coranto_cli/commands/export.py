"""The command line's part that reads the library: `coranto export` and `coranto search`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.progress import track

from coranto.formats import to_atom_entry, to_atom_feed, to_json_ld, to_json_line, to_ninjs
from coranto.records import FinishedArticle
from coranto.store.interface import Catalogue, Hit, LibraryError
from coranto.store.sqlite.reader import open_library
from coranto_cli.console import err, say, tell
from coranto_cli.errors import NOT_FOUND, CommandError
from coranto_cli.options import DataOption, JsonOption
from coranto_cli.stored_articles import library_path

export_app = typer.Typer(help="Write the stored articles out.", add_completion=False)
search_app = typer.Typer(help="Search the stored articles.", add_completion=False)


class ExportFormat(StrEnum):
    """What `coranto export` can write."""

    jsonl = "jsonl"
    ninjs = "ninjs"
    jsonld = "jsonld"
    atom = "atom"


_LINES: Mapping[ExportFormat, Callable[[FinishedArticle], str]] = {
    ExportFormat.jsonl: to_json_line,
    ExportFormat.ninjs: lambda article: json.dumps(to_ninjs(article), ensure_ascii=False),
    ExportFormat.jsonld: lambda article: json.dumps(to_json_ld(article), ensure_ascii=False),
}


@export_app.callback(invoke_without_command=True, subcommand_metavar="")
def export(
    form: Annotated[
        ExportFormat, typer.Option("--format", help="jsonl, ninjs and jsonld write one article a line.")
    ] = ExportFormat.jsonl,
    data: DataOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; standard output if absent.")
    ] = None,
) -> None:
    """Write every stored article in its latest revision."""
    with _open(data) as library, _destination(output) as file:
        if form is ExportFormat.atom:
            file.writelines(_feed(library, _with_progress(library, is_shown=output is not None)))
        else:
            to_line = _LINES[form]
            articles = _with_progress(library, is_shown=output is not None)
            file.writelines(f"{to_line(article)}\n" for article in articles)
        if output is not None:
            tell(f"{library.count()} articles written to {output}")


# Options may follow the words, as in `coranto search bridge --limit 5`.
@search_app.callback(
    invoke_without_command=True, subcommand_metavar="", context_settings={"allow_interspersed_args": True}
)
def search(
    words: Annotated[list[str], typer.Argument(help='Words that must all occur; "a phrase" and begin* work.')],
    data: DataOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Number of articles at most.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Find stored articles by their words, best first. Exit code 3 when none is found."""
    # The shell has taken the quotation marks off a phrase; an argument with a space in it was one.
    query = " ".join(f'"{word}"' if " " in word and len(words) > 1 else word for word in words)
    with _open(data) as library:
        hits = library.search(query, limit=limit)
    if as_json:
        for hit in hits:
            typer.echo(json.dumps(asdict(hit), ensure_ascii=False, default=str))
    else:
        for hit in hits:
            _show(hit)
        if not hits:
            tell("No stored article holds all of these words.")
    if not hits:
        raise typer.Exit(NOT_FOUND)


@contextmanager
def _open(data: Path | None) -> Iterator[Catalogue]:
    try:
        with open_library(library_path(data)) as library:
            yield library
    except FileNotFoundError as error:
        raise CommandError(str(error), exit_code=NOT_FOUND) from error
    except LibraryError as error:
        raise CommandError(str(error)) from error


@contextmanager
def _destination(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    # Written beside and moved into place: whoever reads the file never sees half of it.
    partial = output.with_name(f".{output.name}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


def _with_progress(library: Catalogue, *, is_shown: bool) -> Iterator[FinishedArticle]:
    """The articles, with a bar on the terminal while they are written to a file."""
    is_shown = is_shown and err.is_terminal
    yield from track(library.finished(), "Exporting", total=library.count(), console=err, disable=not is_shown)


def _feed(library: Catalogue, articles: Iterator[FinishedArticle]) -> Iterator[str]:
    """The feed in pieces, so that a large library need not fit in memory."""
    updated = max((article.storage.stored_at for article in library.finished()), default=datetime.now(UTC))
    empty = to_atom_feed([], feed_id="urn:coranto:library", title="Coranto", updated=updated)
    head, end, _ = empty.rpartition("</feed>")
    yield head
    for article in articles:
        yield to_atom_entry(article) + "\n"
    yield end + "\n"


def _show(hit: Hit) -> None:
    facts = [hit.published.date().isoformat() if hit.published else None, hit.language, hit.topic]
    say(hit.title or hit.url, style="bold")
    say(" · ".join(fact for fact in facts if fact), style="dim")
    say(" ".join(hit.excerpt.split()))
    say(f"{hit.url}\n", style="blue")
