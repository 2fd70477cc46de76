"""Runs sources of the user's own: feeds, pages, files, directories."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from typing import Final

from coranto.admin.feeds import find_feed
from coranto.records import FinishedArticle
from coranto.store.interface import ArticleReader
from coranto_cli.articles.stored_articles import EmptyArticleReader, opened_store_if_any
from coranto_cli.errors import NOT_FOUND
from coranto_cli.given.sources import Source
from coranto_cli.one_run.job import Job, RunSummary
from coranto_cli.one_run.printing import (
    STORED_BEFORE,
    Display,
    print_refusals,
    print_summary,
    report_delays,
    report_unfinished,
)
from coranto_cli.terminal.console import print_message, write_json_lines
from coranto_cli.terminal.text import command_here

# Of a page that was submitted by itself: its feeds are what was meant.
_LISTS: Final = frozenset({"index_page", "home_page"})


async def read_sources(job: Job, sources: Sequence[Source], *, as_json: bool = False) -> int:
    """Read the user's sources; 3 when no article came of them."""
    display = Display(may_be_single=len(sources) == 1, is_silent=as_json)
    async with job.watching(display.show) as summary:
        result = await job.submit_and_wait(sources, is_recrawl=True)
    with opened_store_if_any(job.data) as store:
        await _add_stored(job, summary, store, display.show)
        stored = store.count()
    display.finish()
    if as_json:
        refused = [each for each in summary.dropped if each.reason not in STORED_BEFORE]
        write_json_lines(
            each.model_dump(mode="json", exclude_none=True) for each in (*summary.articles.values(), *refused)
        )
    else:
        print_refusals(summary)
        await _tell_troubled_feeds(job)
        print_summary(summary, stored)
        tell_of_feeds(summary)
    if not result.is_idle:
        return report_unfinished(result)
    report_delays(result)
    return 0 if summary.articles else NOT_FOUND


async def _add_stored(
    job: Job, summary: RunSummary, store: ArticleReader | EmptyArticleReader, show: Callable[[FinishedArticle], None]
) -> None:
    """Add what was stored before and has not changed: it is the answer all the same."""
    for dropped in list(summary.dropped):
        is_known = dropped.reason in STORED_BEFORE or dropped.reason == "duplicate"
        stored = store.revisions_of(dropped.url) if is_known else []
        if stored:
            summary.dropped.remove(dropped)
            if stored[-1].id not in summary.articles:
                summary.articles[stored[-1].id] = stored[-1]
                show(stored[-1])
    known = [url for url, is_known in job.own.feeds.items() if is_known]
    if not known:
        return
    print_message(f"already subscribed to {', '.join(known)}; showing its stored articles too")
    for article in store.iterate():
        if article.id not in summary.articles and await job.own.is_of_own_feed(article):
            summary.articles[article.id] = article
            show(article)


async def _tell_troubled_feeds(job: Job) -> None:
    """Say of each feed of ours that failed, or that could be read in part only, what was seen."""
    for url in job.own.feeds:
        feed = await find_feed(job.pipeline, url)
        if feed is not None and feed.needs_attention:
            problem = feed.last_error if feed.failures else feed.last_warning
            print_message(f"{feed.last_outcome} of the feed {url}: {problem}", style="yellow")


def tell_of_feeds(summary: RunSummary) -> None:
    """Say of a page that lists articles how to read what it lists."""
    for url in [dropped.url for dropped in summary.dropped if dropped.reason in _LISTS and not dropped.feed][:1]:
        command = shlex.quote(command_here())
        print_message(
            f"{url} lists articles and is not one. To see the feeds it names: {command} feeds try {shlex.quote(url)}\n"
            f"Run one of those, or have the site read from now on: {command} feeds add {shlex.quote(url)} beside `{command} up`"
        )
