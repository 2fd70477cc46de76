"""`coranto pages`: whether the page store is in order, and removing what nothing uses."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from redis.exceptions import RedisError

from coranto.admin.pages import OtherPartitionsError, PrunePlan, pages_in_pipeline, plan_prune, prune
from coranto.admin.pipeline import connected, pages_directory
from coranto.client.environment import NotRunningError
from coranto.pages import FilePageStore
from coranto.pages.retention import SAFETY_AGE, PageReport, Total, check
from coranto_cli.articles.stored_articles import opened_store
from coranto_cli.errors import FAILED, NOT_FOUND, USAGE, CommandError
from coranto_cli.terminal.age import parse_age
from coranto_cli.terminal.console import confirm, print_message, print_result, progress, write_json
from coranto_cli.terminal.options import DataOption, DryRunOption, JsonOption, YesOption
from coranto_cli.terminal.text import count, size

app = typer.Typer(
    help="The page store: check it, and remove pages that nothing uses.", add_completion=False, no_args_is_help=True
)

_SHOWN = 20


@app.command("check")
def check_pages(
    quick: Annotated[bool, typer.Option("--quick", help="Do not read the pages: corrupt ones are not found.")] = False,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Check that every stored record has its page and every page is whole; count unused pages and left-over files.

    Exit code 1 when a page is missing or corrupt.
    """
    pages = _page_store(data)
    in_pipeline = asyncio.run(_pages_in_pipeline(data))
    with opened_store(data) as store, progress() as bar:
        task = bar.add_task("checking", total=None)
        report = check(
            pages,
            store.page_uses(),
            in_pipeline or (),
            reads_pages=not quick,
            on_file=lambda: bar.advance(task),
        )
    if as_json:
        write_json(_plain(report, in_pipeline is not None))
    else:
        _print_report(report)
        if in_pipeline is None:
            print_message(
                "no running system was found, so pages that only a message refers to count as unused", style="yellow"
            )
    if not report.is_sound:
        raise typer.Exit(FAILED)


@app.command("prune")
def prune_pages(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="Only pages older than this, such as 36h or 30d.")
    ] = "1d",
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Remove pages that no stored record and no message in the pipeline refers to, and files of killed writers.

    Needs the running system and its article store. Safe while services run; pages younger than 24 hours always stay.
    """
    age = _safe_age(older_than)
    pages = _page_store(data)
    plan = asyncio.run(_plan(pages, age, data))
    if not as_json:
        print_result(f"{_amount(plan.total('page'), 'unused page')}, {_left_over(plan)}")
    if dry_run or not plan.files:
        if as_json:
            _write_removed(plan.total("page"), plan.total("partial"), is_dry_run=dry_run)
        elif dry_run and plan.files:
            print_result("nothing was removed; leave --dry-run out to do it")
        return
    if not yes:
        confirm("remove them?")
    with progress() as bar:
        task = bar.add_task("removing", total=len(plan.files))
        removed, left_over = asyncio.run(prune(pages, plan, on_file=lambda: bar.advance(task)))
    if as_json:
        _write_removed(removed, left_over, is_dry_run=False)
    else:
        print_result(f"{_amount(removed, 'page')} and {_amount(left_over, 'left-over file')} removed")


def _safe_age(text: str) -> timedelta:
    """The age in the text. Raises CommandError when it is none, or less than is safe."""
    age = parse_age("--older-than", text)
    if age < SAFETY_AGE:
        raise CommandError(
            f"--older-than {text}: pages younger than 24h are never removed, because the message that refers to one may "
            "not have been published yet",
            exit_code=USAGE,
        )
    return age


async def _pages_in_pipeline(data: Path | None) -> set[str] | None:
    """Pages that messages refer to; None where no system runs."""
    try:
        async with connected(data) as pipeline:
            return await pages_in_pipeline(pipeline)
    except OtherPartitionsError as error:
        raise CommandError(str(error), exit_code=USAGE) from error
    except (NotRunningError, RedisError, TimeoutError):
        return None


async def _plan(pages: FilePageStore, age: timedelta, data: Path | None) -> PrunePlan:
    try:
        async with connected(data) as pipeline:
            return await plan_prune(pipeline, lambda: opened_store(data), pages, older_than=age)
    except OtherPartitionsError as error:
        raise CommandError(str(error), exit_code=USAGE) from error


def _page_store(data: Path | None) -> FilePageStore:
    directory = pages_directory(data)
    if not directory.is_dir():
        raise CommandError(
            f"there is no page store at {directory}; say where it is with --data DIR or CORANTO_PAGES__PATH",
            exit_code=NOT_FOUND,
        )
    return FilePageStore(directory)


def _print_report(report: PageReport) -> None:
    print_result(_amount(report.pages, "page"))
    for use in report.missing[:_SHOWN]:
        print_result(
            f"missing: {use.sha256} of {use.url} (article {use.article_id}, revision {use.revision})", style="red"
        )
    for fault in list(report.corrupt.values())[:_SHOWN]:
        print_result(f"corrupt: {fault}", style="red")
    if len(report.missing) > _SHOWN or len(report.corrupt) > _SHOWN:
        print_result(
            f"in all {len(report.missing)} missing and {len(report.corrupt)} corrupt; --json lists them", style="red"
        )
    if report.is_sound:
        print_result("every stored record has its page")
    for total, what in (
        (report.orphans, "unused page"),
        (report.abandoned, "left-over file"),
        (report.foreign, "foreign file"),
    ):
        if total.count:
            print_result(_amount(total, what))
    if report.orphans.count or report.abandoned.count:
        print_message("`coranto pages prune --dry-run` shows what can be removed")


def _plain(report: PageReport, is_pipeline_known: bool) -> dict[str, Any]:
    return {
        "pages": _plain_total(report.pages),
        "missing": [
            {"sha256": use.sha256, "article": use.article_id, "revision": use.revision, "url": use.url}
            for use in report.missing
        ],
        "corrupt": [{"sha256": sha256, "error": error} for sha256, error in report.corrupt.items()],
        "unused": _plain_total(report.orphans),
        "left_over": _plain_total(report.abandoned),
        "foreign": _plain_total(report.foreign),
        "pipeline_searched": is_pipeline_known,
    }


def _write_removed(pages: Total, left_over: Total, *, is_dry_run: bool) -> None:
    write_json({"pages": _plain_total(pages), "left_over": _plain_total(left_over), "dry_run": is_dry_run})


def _plain_total(total: Total) -> dict[str, int]:
    return {"count": total.count, "bytes": total.size_bytes}


def _left_over(plan: PrunePlan) -> str:
    return _amount(plan.total("partial"), "left-over file")


def _amount(total: Total, what: str) -> str:
    return f"{count(total.count, what)} ({size(total.size_bytes)})"
