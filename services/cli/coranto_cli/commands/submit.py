"""`coranto submit`: addresses, feeds, saved pages and whole directories of them go into the running pipeline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from coranto.admin.pipeline import connected, pages_directory
from coranto.client import Receipt
from coranto.pages import FilePageStore, PageStore
from coranto_cli.errors import NOT_FOUND, USAGE, CommandError
from coranto_cli.given.sources import Kind, Source, find_sources, submit_all
from coranto_cli.terminal.console import print_message, print_result, write_json_lines
from coranto_cli.terminal.options import DataOption, JsonOption

_NEXT = "follow them with `coranto tail` or `coranto status`"


def submit(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="URL|FILE|DIR|-",
            help="Pages, feeds, saved pages, archives of pages (WARC), lists of addresses (.txt), directories of pages; "
            "- reads a list.",
        ),
    ] = None,
    lists: Annotated[
        list[Path] | None,
        typer.Option("--from", metavar="LIST", help="File with one address per line; may be repeated."),
    ] = None,
    feed: Annotated[
        bool, typer.Option("--feed", help="The addresses are feeds; by default the feeder finds out.")
    ] = False,
    refetch: Annotated[bool, typer.Option("--refetch", help="Fetch pages again even if already known.")] = False,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Submit pages and feeds. Exit code 3 when some were not accepted."""
    if not sources and not lists:
        raise CommandError(
            "nothing to submit: name an address, a file, a directory, --from LIST, or - for a list on standard input",
            exit_code=USAGE,
        )
    refused: list[str] = []
    found = find_sources(sources or (), lists or (), refuse=refused.append)
    if not found:
        raise CommandError("; ".join(refused) or "nothing to submit: the list is empty", exit_code=USAGE)
    receipts = asyncio.run(
        _submit(found, kind="feed" if feed else "auto", is_recrawl=refetch, data=data, refuse=refused.append)
    )
    for text in refused:
        print_message(f"not submitted: {text}", style="yellow")
    if as_json:
        write_json_lines(
            {"submission": each.submission, "article": each.article_id, "url": each.url, "is_new": each.is_new}
            for each in receipts
        )
    else:
        print_result(f"{len(receipts)} submitted" + (f"; {_NEXT}" if receipts else ""))
    if refused:
        raise typer.Exit(NOT_FOUND)


async def _submit(
    sources: Sequence[Source], *, kind: Kind, is_recrawl: bool, data: Path | None, refuse: Callable[[str], None]
) -> list[Receipt]:
    async with connected(data) as pipeline:
        pages = _page_store(data, has_files=any(source.file for source in sources))
        return await submit_all(pipeline, sources, pages, kind=kind, is_recrawl=is_recrawl, refuse=refuse)


def _page_store(data: Path | None, *, has_files: bool) -> PageStore:
    directory = pages_directory(data)
    if has_files and not directory.is_dir() and not directory.parent.is_dir():
        raise CommandError(
            f"saved pages go to the page store that the services read, but there is no {directory}; "
            "say where it is with --data DIR or CORANTO_PAGES__PATH"
        )
    return FilePageStore(directory)
