"""`coranto store`: moving the article store between SQLite and PostgreSQL, and checking it."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from coranto.admin.pipeline import pages_directory
from coranto.pages import FilePageStore
from coranto.pages.retention import check as check_pages
from coranto.store.address import is_postgresql, open_article_reader, shown
from coranto.store.check import RepairedLists, StoreReport, repair_lists
from coranto.store.check import check as check_store
from coranto.store.interface import StoreError
from coranto.store.move import move
from coranto_cli.articles.stored_articles import store_address
from coranto_cli.errors import FAILED, NOT_FOUND, USAGE, CommandError
from coranto_cli.terminal.console import print_message, print_result, progress, write_json
from coranto_cli.terminal.options import DataOption, JsonOption
from coranto_cli.terminal.text import count

app = typer.Typer(
    help="The article store: move it between SQLite and PostgreSQL, check it.",
    add_completion=False,
    no_args_is_help=True,
)


@app.command("move")
def move_store(
    source: Annotated[str, typer.Argument(metavar="FROM", help="Path of a SQLite file, or postgresql://…")],
    target: Annotated[str, typer.Argument(metavar="TO", help="The same, of a store that holds nothing yet.")],
    as_json: JsonOption = False,
) -> None:
    """Copy everything into another store and compare both: articles, revisions, ledger, announcements and their numbers.

    Stop the sink first, and start it with the new address afterwards. The source stays as it is. When anything goes wrong, the
    target holds nothing. Exit code 1 then.
    """
    for address in (source, target):
        if "://" in address and not is_postgresql(address):
            raise CommandError(
                f"expected a path or postgresql://…, got {address.partition('://')[0]}://…", exit_code=USAGE
            )
    done: Counter[str] = Counter()
    with progress() as bar:
        task = bar.add_task("moving", total=None)

        def on_rows(table: str, number: int) -> None:
            done[table] += number
            bar.update(task, description=f"moving {table}", advance=number)

        try:
            moved = move(source, target, on_rows=on_rows)
        except FileNotFoundError as error:
            raise CommandError(str(error), exit_code=NOT_FOUND) from error
        except StoreError as error:
            raise CommandError(str(error)) from error
    if as_json:
        write_json({"from": shown(source), "to": shown(target), "rows": moved.rows})
        return
    rows = moved.rows
    print_result(
        f"moved and compared: {count(rows['articles'], 'article')}, {count(rows['revisions'], 'revision')}, "
        f"{count(rows['ledger'], 'ledger line')}, {count(rows['announcements'], 'announcement')}"
    )
    print_message(
        "next: set CORANTO_SINK__DATABASE (and CORANTO_GATEWAY__DATABASE) to the new address, and start the services"
    )


@app.command("check")
def check(
    is_to_repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="First make the lists of sources what the articles say. Nothing else is repaired."
        ),
    ] = False,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Check that the store agrees with itself, with its ledger, with its index of words, and with the page store.

    Services may run. Exit code 1 when something does not agree.
    """
    address = store_address(data)
    repaired: RepairedLists | None = None
    try:
        with progress() as bar:
            if is_to_repair:
                task = bar.add_task("repairing lists of sources", total=None)
                repaired = repair_lists(address, on_rows=lambda number: bar.advance(task, number))
                bar.remove_task(task)
            task = bar.add_task("reading records", total=None)
            report = check_store(address, on_record=lambda: bar.advance(task))
            missing = _missing_pages(address, data)
    except FileNotFoundError as error:
        raise CommandError(str(error), exit_code=NOT_FOUND) from error
    except StoreError as error:
        raise CommandError(str(error)) from error
    if as_json:
        lists = None if repaired is None else asdict(repaired)
        write_json({"store": shown(address), **asdict(report), "missing_pages": missing, "repaired_lists": lists})
    else:
        if repaired is not None:
            print_result(
                f"lists of sources: {count(repaired.added, 'row')} added, {count(repaired.removed, 'row')} removed"
            )
        _print(report, missing)
    if not report.is_sound or missing:
        raise typer.Exit(FAILED)


def _missing_pages(address: str | Path, data: Path | None) -> int | None:
    """Pages that a record refers to and that are gone; None where there is no page store here."""
    directory = pages_directory(data)
    if not directory.is_dir():
        return None
    with open_article_reader(address) as reader:
        return len(check_pages(FilePageStore(directory), reader.page_uses(), (), reads_pages=False).missing)


def _print(report: StoreReport, missing: int | None) -> None:
    rows = report.rows
    print_result(
        f"{count(rows['articles'], 'article')}, {count(rows['revisions'], 'revision')}, {count(rows['ledger'], 'ledger line')}"
    )
    for finding in report.findings:
        told = [f"{finding.count} {finding.what}", *([", ".join(finding.articles[:5])] if finding.articles else [])]
        print_result(": ".join(told), style="red")
    if any(finding.is_repairable for finding in report.findings):
        print_message("`coranto store check --repair` makes the lists of sources anew")
    if missing is None:
        print_message("there is no page store here, so pages were not looked for", style="yellow")
    elif missing:
        print_result(f"{count(missing, 'page')} missing: `coranto pages check` lists them", style="red")
    if report.is_sound and not missing:
        print_result("everything agrees")
