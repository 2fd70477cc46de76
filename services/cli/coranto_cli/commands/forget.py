"""`coranto forget`: removes every trace of an article, as the right to erasure asks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from coranto.admin.erasure import InFlightError, Trace, erase, find_trace
from coranto.admin.find_article import ArticleRef
from coranto.admin.pipeline import ConnectedPipeline, connected, pages_directory
from coranto.pages import FilePageStore
from coranto.store.address import open_article_upkeep
from coranto.store.interface import ArticleReader, ArticleUpkeep
from coranto_cli.articles.stored_articles import opened_store, store_address
from coranto_cli.errors import FAILED, NOT_FOUND, CommandError
from coranto_cli.terminal.console import confirm, print_message, print_result, write_json_lines
from coranto_cli.terminal.options import DataOption, DryRunOption, JsonOption, YesOption
from coranto_cli.terminal.text import count


def forget(
    articles: Annotated[list[str], typer.Argument(metavar="URL|ID...", help="Address, id, or path of a saved page.")],
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Remove articles for good: stored revisions, search index, pages, audit log, announcements, and that they are known.

    Needs the running system. Exit code 3 when nothing is kept of one of them. What it does not reach: backups, exports, log files,
    and what subscribers have made of the articles.
    """
    asyncio.run(_forget([ArticleRef.of(text) for text in articles], dry_run, yes, as_json, data))


async def _forget(refs: Sequence[ArticleRef], dry_run: bool, yes: bool, as_json: bool, data: Path | None) -> None:
    pages = FilePageStore(pages_directory(data))
    async with connected(data) as pipeline:
        with opened_store(data) as store:
            upkeep = open_article_upkeep(store_address(data))
            traces = [await _trace(pipeline, ref, store, upkeep, pages) for ref in refs]
        found = [trace for trace in traces if not trace.is_empty]
        for trace in traces:
            if trace.is_empty:
                print_message(f"nothing is kept of {trace.ref.text}", style="yellow")
            elif not as_json:
                print_result(f"{trace.ref.text}: {_in_words(trace)}")
        if found and not dry_run:
            if not yes:
                confirm(f"remove {count(len(found), 'article')} for good?")
            for trace in found:
                await erase(pipeline, trace, upkeep, pages)
    if as_json:
        write_json_lines(_plain(trace, is_removed=not dry_run) for trace in found)
    elif found:
        print_result("nothing was removed; leave --dry-run out to do it" if dry_run else "removed")
    if len(found) < len(traces):
        raise typer.Exit(NOT_FOUND)


async def _trace(
    pipeline: ConnectedPipeline,
    ref: ArticleRef,
    store: ArticleReader,
    upkeep: ArticleUpkeep,
    pages: FilePageStore,
) -> Trace:
    try:
        return await find_trace(pipeline, ref, store, upkeep, pages)
    except InFlightError as error:
        raise CommandError(f"{ref.text} is not removed: {error}", exit_code=FAILED) from error


def _in_words(trace: Trace) -> str:
    stored = trace.stored
    parts = [
        count(stored.articles, "stored article"),
        count(stored.revisions, "revision"),
        count(stored.ledger_lines, "ledger line"),
        count(len(trace.pages), "page"),
        count(sum(map(len, trace.entries.values())), "entry in streams", "entries in streams"),
        count(len(trace.letters), "dead letter"),
        count(len(trace.keys), "key in Redis", "keys in Redis"),
    ]
    shared = f"; {count(trace.shared_pages, 'page')} that others use as well stay" if trace.shared_pages else ""
    return ", ".join(part for part in parts if not part.startswith("0 ")) + shared


def _plain(trace: Trace, *, is_removed: bool) -> dict[str, Any]:
    return {
        "article": trace.ref.text,
        "ids": sorted(trace.ids),
        "articles": trace.stored.articles,
        "revisions": trace.stored.revisions,
        "ledger_lines": trace.stored.ledger_lines,
        "pages": list(trace.pages),
        "shared_pages": trace.shared_pages,
        "entries": trace.entries,
        "dead_letters": list(map(str, trace.letters)),
        "keys": [key.decode("utf-8", "replace") for key in trace.keys],
        "removed": is_removed,
    }
