"""`coranto reprocess`: stored articles through extractor and classifier again, from their pages, and what that changes."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import asdict
from datetime import timedelta
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Final

import typer

from coranto.admin.pipeline import connected, pages_directory
from coranto.admin.reprocessing import Reprocessed, page_of
from coranto.admin.reprocessing import reprocess as reprocess_all
from coranto.filter import Filter, FilterError, compile_filter
from coranto.pages import FilePageStore
from coranto.records import ClassifiedArticle, FinishedArticle
from coranto.store.interface import ArticleReader, SearchFilter
from coranto.store.rules.revisions import changed_fields, digests_of
from coranto.topology import CLASSIFIER, EXTRACTOR
from coranto_cli.articles.single_page import ENTRY_POINTS, load_stage, one_stage, started
from coranto_cli.articles.stored_articles import opened_store
from coranto_cli.commands.search import moment
from coranto_cli.errors import FAILED, USAGE, CommandError
from coranto_cli.terminal.console import confirm, print_message, print_result, progress, write_json_lines
from coranto_cli.terminal.options import DataOption, DryRunOption, YesOption
from coranto_cli.terminal.text import count

_AT_ONCE: Final = 200
_SHOWN: Final = 20
_PATIENCE: Final = timedelta(seconds=60)


def reprocess(
    where: Annotated[
        str | None, typer.Option("--where", help="Filter that the articles pass, as for subscriptions.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="WHEN", help="Published then or later: a date, a time or a span: 12h, 7d, 2w."),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="WHEN", help="Published before then; a date includes the day.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--source", help="Name of the source or publisher, host, or domain above it."),
    ] = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for each article.")] = False,
    timeout: Annotated[
        float | None, typer.Option("--timeout", min=0, metavar="SECONDS", help="Stop waiting after so many seconds.")
    ] = None,
    data: DataOption = None,
) -> None:
    """Read stored articles again from their pages, with the extractor and classifier of now, and tell field by field what changes.

    Changes are stored as revisions `reprocessed`. With --dry-run the stages run here, and nothing is stored. Articles whose page is
    gone, or whose publisher has withdrawn them, are passed over. Exit code 1 when --timeout came first.
    """
    chosen = SearchFilter(
        since=moment("--since", since),
        until=moment("--until", until, end_of_day=True),
        source=source,
        also=_filter(where),
    )
    with opened_store(data) as store:
        number = store.count_found(where=chosen)
        if not dry_run and number and not yes:
            confirm(f"reprocess {count(number, 'article')}?")
        selection = _Selection(store, chosen, FilePageStore(pages_directory(data)))
        is_whole = asyncio.run(
            _reprocess(selection, number, dry_run=dry_run, as_json=as_json, seconds=timeout, data=data)
        )
    if not is_whole:
        raise typer.Exit(FAILED)


def _filter(where: str | None) -> Filter | None:
    try:
        return None if where is None else compile_filter(where)
    except FilterError as error:
        raise CommandError(f"--where: {error}", exit_code=USAGE) from error


class _Selection:
    """The articles to be read again."""

    def __init__(self, store: ArticleReader, where: SearchFilter, pages: FilePageStore) -> None:
        self._store = store
        self._where = where
        self._pages = pages
        self.passed_over: Counter[str] = Counter()

    def __iter__(self) -> Iterator[FinishedArticle]:
        before = None
        while found := self._store.page(where=self._where, before=before, limit=_AT_ONCE):
            for each in found:
                article = self._store.find(each.id)
                if article is None:
                    continue
                if article.storage.change == "retracted":
                    self.passed_over["withdrawn by the publisher"] += 1
                elif not self._pages.path_of(article.fetch.page).exists():
                    self.passed_over["whose page is gone"] += 1
                else:
                    yield article
            before = found[-1].place


async def _reprocess(
    selection: _Selection, number: int, *, dry_run: bool, as_json: bool, seconds: float | None, data: Path | None
) -> bool:
    told = _Told(as_json=as_json)
    is_whole = True
    with progress() as bar:
        task = bar.add_task("reading again", total=number)
        try:
            async with asyncio.timeout(seconds), AsyncExitStack() as stack:
                if dry_run:
                    results = _tried_here(selection, data, stack)
                else:
                    pipeline = await stack.enter_async_context(connected(data))
                    results = reprocess_all(pipeline, iter(selection), run=uuid.uuid4().hex)
                results = await stack.enter_async_context(aclosing(results))
                async for each in results:
                    told.tell(each)
                    bar.advance(task)
        except TimeoutError:
            is_whole = False
            print_message(f"not done after {seconds:g} s; what is under way goes on", style="yellow")
    for why, how_many in selection.passed_over.items():
        print_message(f"passed over: {count(how_many, 'article')} {why}")
    told.sum_up(is_dry=dry_run)
    return is_whole


async def _tried_here(selection: _Selection, data: Path | None, stack: AsyncExitStack) -> AsyncGenerator[Reprocessed]:
    os.environ["CORANTO_PAGES__PATH"] = str(pages_directory(data))
    points = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    missing = [spec.name for spec in (EXTRACTOR, CLASSIFIER) if spec.name not in points]
    if missing:
        raise CommandError(f"not installed: {', '.join(missing)}, which --dry-run runs here")
    stages = [await started(load_stage(points[spec.name]), stack) for spec in (EXTRACTOR, CLASSIFIER)]
    for article in selection:
        record = page_of(article, run="dry")
        for stage in stages:
            ended, made = await one_stage(stage, record, time.monotonic() + _PATIENCE.total_seconds())
            if ended is not None:
                yield Reprocessed(
                    article.id,
                    article.url,
                    "refused" if ended.outcome == "refused" else "dead",
                    stage=ended.stage,
                    reason=ended.reason,
                )
                break
            record = made  # type: ignore[assignment]  # each stage reads what the one before makes
        if isinstance(record, ClassifiedArticle):
            changed = changed_fields(digests_of(article), digests_of(record))
            yield Reprocessed(article.id, article.url, "changed" if changed else "unchanged", changed)


class _Told:
    """What came of the articles, as it is told."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._outcomes: Counter[str] = Counter()
        self._fields: Counter[str] = Counter()
        self._reasons: Counter[tuple[str, str]] = Counter()

    def tell(self, each: Reprocessed) -> None:
        """Count the article; of the first that change, say what."""
        self._outcomes[each.outcome] += 1
        self._fields.update(each.changed_fields)
        if each.reason is not None:
            self._reasons[each.stage or "", each.reason] += 1
        if self._as_json:
            write_json_lines([asdict(each)])
        elif each.outcome == "changed" and self._outcomes["changed"] <= _SHOWN:
            print_result(f"{each.url}\n  {', '.join(each.changed_fields)}")

    def sum_up(self, *, is_dry: bool) -> None:
        """How many changed, in which fields, and how many did not or ended."""
        if self._as_json:
            return
        would = "would change" if is_dry else "changed"
        print_result(
            f"{count(self._outcomes.total(), 'article')} read again: {self._outcomes['changed']} {would}, "
            f"{self._outcomes['unchanged']} as before",
            style="bold",
        )
        for field, number in self._fields.most_common():
            print_result(f"  {number:7}  {field}")
        for (stage, reason), number in self._reasons.most_common():
            print_result(f"  {number:7}  no article by the {stage}: {reason}; as before in the store")
