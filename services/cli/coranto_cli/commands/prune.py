"""`coranto prune`: removes articles that have been stored for longer than they are to be kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from redis.exceptions import RedisError

from coranto.admin.pages import OtherPartitionsError, plan_prune
from coranto.admin.pages import prune as prune_pages
from coranto.admin.pipeline import connected, pages_directory
from coranto.client.environment import NotRunningError
from coranto.pages import FilePageStore
from coranto.pages.retention import SAFETY_AGE, Total
from coranto.store.address import open_article_upkeep
from coranto.store.interface import ArticleUpkeep, Removed, StoreError
from coranto_cli.articles.stored_articles import opened_store, store_address
from coranto_cli.errors import NOT_FOUND, USAGE, CommandError
from coranto_cli.terminal.age import parse_age
from coranto_cli.terminal.console import confirm, print_message, print_result, progress, write_json
from coranto_cli.terminal.options import DataOption, DryRunOption, JsonOption, YesOption
from coranto_cli.terminal.text import count, size

_AT_ONCE = 200  # the sink waits for each transaction


def prune(
    older_than: Annotated[
        str,
        typer.Option(
            "--older-than", metavar="AGE", help="Articles whose latest revision was stored longer ago: 90d, 2y."
        ),
    ],
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Remove articles that are older than that, with their revisions, then ledger lines and pages that nothing uses any more.

    Safe while services run, and safe to interrupt. Pages are removed only where the running system is found.
    """
    before = datetime.now(UTC) - parse_age("--older-than", older_than)
    try:
        upkeep = open_article_upkeep(store_address(data))
    except FileNotFoundError as error:
        raise CommandError(f"{error}; say where it is with --data", exit_code=NOT_FOUND) from error
    except StoreError as error:
        raise CommandError(str(error)) from error
    ids, lines = upkeep.stored_before(before), upkeep.count_ledger_before(before)
    stored = upkeep.count(ids)
    if not as_json:
        print_result(f"stored before {before:%Y-%m-%d %H:%M} UTC: {_in_words(stored, lines)}")
    pages = Total()
    if not dry_run and (ids or lines):
        if not yes:
            confirm("remove them?")
        stored, lines = _remove(upkeep, ids, before)
        pages = asyncio.run(_prune_pages(data))
    if as_json:
        write_json(
            {
                "before": before,
                "articles": stored.articles,
                "revisions": stored.revisions,
                "ledger_lines": lines + (0 if dry_run else stored.ledger_lines),
                "pages": {"count": pages.count, "bytes": pages.size_bytes},
                "dry_run": dry_run,
            }
        )
    elif dry_run:
        print_result("nothing was removed; leave --dry-run out to do it")
    elif ids or lines:
        done = (
            f"{_in_words(stored, lines + stored.ledger_lines)}, {count(pages.count, 'page')} ({size(pages.size_bytes)})"
        )
        print_result(f"removed: {done}")


def _remove(upkeep: ArticleUpkeep, ids: Sequence[str], before: datetime) -> tuple[Removed, int]:
    removed, lines = Removed(), 0
    with progress() as bar:
        task = bar.add_task("removing", total=len(ids))
        for first in range(0, len(ids), _AT_ONCE):
            removed += upkeep.remove(ids[first : first + _AT_ONCE])
            bar.update(task, completed=first + _AT_ONCE)
        while gone := upkeep.remove_ledger_before(before, at_most=10 * _AT_ONCE):
            lines += gone
    return removed, lines


async def _prune_pages(data: Path | None) -> Total:
    """Remove pages that nothing uses; none where no running system can say what its messages use."""
    pages = FilePageStore(pages_directory(data))
    try:
        async with connected(data) as pipeline:
            plan = await plan_prune(pipeline, lambda: opened_store(data), pages, older_than=SAFETY_AGE)
            removed, _ = await prune_pages(pages, plan)
            return removed
    except OtherPartitionsError as error:
        raise CommandError(str(error), exit_code=USAGE) from error
    except (NotRunningError, RedisError, TimeoutError):
        print_message(
            "no running system was found, so pages stay: remove them with `coranto pages prune` when it runs",
            style="yellow",
        )
        return Total()


def _in_words(stored: Removed, lines: int) -> str:
    return ", ".join(
        (count(stored.articles, "article"), count(stored.revisions, "revision"), count(lines, "ledger line"))
    )
