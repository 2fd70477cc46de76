"""`coranto run`: the whole pipeline for as long as one job takes: the sample site, or a source of the user's own."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coranto.admin.feeds import find_feed, forget_feeds
from coranto.admin.idle import LONG_DELAY, IdleResult, wait_until_idle
from coranto.admin.pipeline import ConnectedPipeline, StageState, connected_to, pages_directory
from coranto.client import environment
from coranto.client.follow import follow, positions
from coranto.pages import FilePageStore
from coranto.records import DroppedArticle, FinishedArticle
from coranto.store.interface import ArticleReader
from coranto.streams.interface import Delayed
from coranto.topology import DROPPED, FINISHED, STAGES
from coranto.urls import UnsupportedUrlError, host_of
from coranto_cli.articles.descendants import Descendants
from coranto_cli.articles.stored_articles import EmptyArticleReader, opened_store_if_any
from coranto_cli.errors import FAILED, NOT_FOUND, USAGE, CommandError
from coranto_cli.given.contact import require_contact
from coranto_cli.given.resolution import require_addresses
from coranto_cli.given.sources import Source, find_sources, submit_all
from coranto_cli.local.plan import SAMPLE_SETTINGS, plan_for, refuse_invented_articles
from coranto_cli.local.supervised import StoppedError, stop_on_signals, supervised
from coranto_cli.terminal.article_printing import print_article, print_entry
from coranto_cli.terminal.console import cell, err, out, print_message, print_result, report_skipped, write_json_lines
from coranto_cli.terminal.options import DataOption
from coranto_cli.terminal.text import count, describe_delays, describe_states, describe_unfinished, span, without_reason

if TYPE_CHECKING:
    from coranto_samplesite import Mismatch, SampleSite

_SETTLE_SECONDS = 1.0
_LONGEST_POLL_SECONDS = 60.0
_LONGEST_SECONDS = 1800.0
_LONGEST_CATCH_UP_SECONDS = 3.0
_DELAYS_TOLD = 20
# Known already, and looked at again without a change: what is stored is still the answer.
_STORED_BEFORE = frozenset({"unchanged", "not_modified", "outdated"})

# Of a page that was submitted by itself: its feeds are what was meant.
_LISTS = frozenset({"index_page", "home_page"})

_OUTCOMES = {"dropped": "rejected by", "dead": "failed in"}


@dataclass(slots=True)
class RunSummary:
    """What came of the run."""

    articles: dict[str, FinishedArticle] = field(default_factory=dict)
    dropped: list[DroppedArticle] = field(default_factory=list)
    positions: dict[str, str] = field(default_factory=dict)
    """How far each stream has been read."""


def run(
    source: Annotated[
        str | None,
        typer.Argument(metavar="SOURCE", help="A feed, page, file or directory; by default the sample site."),
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, metavar="SECONDS", help="Give up after so many seconds.")
    ] = _LONGEST_SECONDS,
    keep: Annotated[
        bool, typer.Option("--keep", help="Go on serving the page with the articles afterwards, until Ctrl-C.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print a JSON line for each article and each refused page of SOURCE, at the end."),
    ] = False,
    data: DataOption = None,
) -> None:
    """Run the whole pipeline once on the sample site or your own source, print the articles, and exit.

    Every page of the sample site is checked afterwards; the exit code is 1 when one does not match its expected result.
    With your own source it is 3 when there was no article.
    """
    if as_json and (source is None or keep):
        raise CommandError("--json goes with a SOURCE, and without --keep", exit_code=USAGE)
    sources: list[Source] = []
    if source is not None:
        wrong: list[str] = []
        sources = find_sources([source], [], refuse=wrong.append)
        if wrong or not sources:
            raise CommandError("; ".join(wrong) or f"{source} names nothing to read", exit_code=USAGE)
        urls = [each.url for each in sources if each.file is None]
        require_contact(urls)
        asyncio.run(require_addresses(urls))
    code = asyncio.run(_run(sources, timeout, data, is_kept=keep, as_json=as_json))
    if code:
        raise typer.Exit(code)


async def _run(
    sources: Sequence[Source], timeout_seconds: float, data: Path | None, *, is_kept: bool, as_json: bool
) -> int:
    if sources:
        plan = plan_for(data)
    else:
        # Invented articles have no place in the user's article store, and every run checks what it has read itself.
        data = environment.data_directory(data) / "sample"
        plan = plan_for(data, settings=SAMPLE_SETTINGS, is_fresh=True)
        refuse_invented_articles(plan)
    async with AsyncExitStack() as stack:
        stop = await stack.enter_async_context(stop_on_signals())
        began = time.monotonic()
        print_message(f"starting {sum(plan.replicas.values())} services in {plan.data}")
        try:
            supervisor = await stack.enter_async_context(supervised(plan, stop))
            print_message(f"ready after {time.monotonic() - began:.1f} s")
            page = await supervisor.page_address()
            if page is not None:
                print_message(f"watch it on {page}")
            pipeline = await stack.enter_async_context(connected_to(supervisor.redis_url))
            job = _Job(pipeline, data, began + timeout_seconds)
            code = await _unless_stopped(job.read(sources, as_json=as_json) if sources else job.read_sample(), stop)
            if is_kept and page is not None:
                print_result(f"\nThe articles are on {page} until Ctrl-C.")
                await stop.wait()
        except StoppedError:
            print_message("stopped; unfinished work resumes at the next `coranto up` or `coranto run`")
            return 1
    if code == 0 and not as_json:
        _print_next(plan.data, data, is_sample=not sources)
    return code


async def _unless_stopped(job: Awaitable[int], stop: asyncio.Event) -> int:
    """What the job gives. Raises StoppedError when the user asks to stop before it is done."""
    working, stopped = asyncio.ensure_future(job), asyncio.ensure_future(stop.wait())
    await asyncio.wait([working, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not working.done():
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
        raise StoppedError
    return working.result()


class _Job:
    """One run's work, on a system that is up."""

    def __init__(self, pipeline: ConnectedPipeline, data: Path | None, deadline: float) -> None:
        self._pipeline = pipeline
        self._data = data
        self._deadline = deadline
        self._own = Descendants(pipeline)
        self._told: set[str] = set()

    # --- the sample site -------------------------------------------------------------------------------------------

    async def read_sample(self) -> int:
        """Read the sample site, and check how each page came out; 1 when one differs from what it states."""
        from coranto_samplesite import SampleSite  # late: a web server that nothing else here needs

        async with SampleSite() as site:
            print_result(f"The sample site is served at {site.base_url}/ and {site.wire_url}/.\n")
            try:
                async with self._watching(_print_entry) as summary:
                    result = await self._submit_and_wait([Source(url) for url in site.sources])
                    if result.is_idle and await self._polled_again(site):
                        # One article has been corrected since it was read.
                        result = await self._wait()
            finally:
                await forget_feeds(self._pipeline, site.sources)
            if not result.is_idle:
                return self._report_unfinished(result)
            _report_delays(result)
            return self._check(site, summary)

    async def _polled_again(self, site: SampleSite) -> bool:
        """Whether every feed has been polled once more, which brings the correction to light."""
        paths = {url.removeprefix(site.base_url).removeprefix(site.wire_url) for url in site.sources}
        asked = len(site.asked)
        deadline = min(self._deadline, time.monotonic() + _LONGEST_POLL_SECONDS)
        with err.status("polling the feeds once more"):
            while paths - {request.path for request in site.asked[asked:]}:
                if time.monotonic() > deadline:
                    print_message("the feeds were not polled again in time", style="yellow")
                    return False
                await asyncio.sleep(0.1)
        # A feed counts as polled when its account is written, a moment after its answer.
        await asyncio.sleep(_SETTLE_SECONDS)
        return True

    def _check(self, site: SampleSite, summary: RunSummary) -> int:
        from coranto_samplesite import expectations_for, mismatches

        expectations = expectations_for({str(host): url for host, url in site.urls().items()})
        bases = tuple(f"{url}/" for url in site.urls().values())
        with opened_store_if_any(self._data) as store:
            # On a Redis of the user's own, other articles may come in at the same time.
            records = [record for record in store.iterate() if record.url.startswith(bases)]
            found = mismatches(expectations, records, store.ledger(), corrections_seen=True)
        _print_summary(summary, len(records))
        listed = sum(expectation.is_listed for expectation in expectations)
        if found:
            _print_mismatches(found)
            pages = len({mismatch.url for mismatch in found})
            print_result(f"\n{pages} of {listed} pages do not match their expected result.", style="bold red")
            return FAILED
        print_result(
            f"✓ Each of the {listed} pages of the sample site matches its expected result.", style="bold green"
        )
        return 0

    # --- a source of the user's own --------------------------------------------------------------------------------

    async def read(self, sources: Sequence[Source], *, as_json: bool = False) -> int:
        """Read the user's sources; 3 when no article came of them."""
        display = _Display(may_be_single=len(sources) == 1, is_silent=as_json)
        async with self._watching(display.show) as summary:
            result = await self._submit_and_wait(sources, is_recrawl=True)
        with opened_store_if_any(self._data) as store:
            await self._add_stored(summary, store, display.show)
            stored = store.count()
        display.finish()
        if as_json:
            refused = [each for each in summary.dropped if each.reason not in _STORED_BEFORE]
            write_json_lines(
                each.model_dump(mode="json", exclude_none=True) for each in (*summary.articles.values(), *refused)
            )
        else:
            _print_refusals(summary)
            await self._tell_troubled_feeds()
            _print_summary(summary, stored)
            _tell_of_feeds(summary)
        if not result.is_idle:
            return self._report_unfinished(result)
        _report_delays(result)
        return 0 if summary.articles else NOT_FOUND

    async def _add_stored(
        self, summary: RunSummary, store: ArticleReader | EmptyArticleReader, show: Callable[[FinishedArticle], None]
    ) -> None:
        """Add what was stored before and has not changed: it is the answer all the same."""
        for dropped in list(summary.dropped):
            is_known = dropped.reason in _STORED_BEFORE or dropped.reason == "duplicate"
            stored = store.revisions_of(dropped.url) if is_known else []
            if stored:
                summary.dropped.remove(dropped)
                if stored[-1].id not in summary.articles:
                    summary.articles[stored[-1].id] = stored[-1]
                    show(stored[-1])
        known = [url for url, is_known in self._own.feeds.items() if is_known]
        if not known:
            return
        print_message(f"already subscribed to {', '.join(known)}; showing its stored articles too")
        for article in store.iterate():
            if article.id not in summary.articles and await self._own.is_of_own_feed(article):
                summary.articles[article.id] = article
                show(article)

    # --- both ------------------------------------------------------------------------------------------------------

    async def _submit_and_wait(self, sources: Sequence[Source], *, is_recrawl: bool = False) -> IdleResult:
        """Submit, and return when all that came of it is settled, or the time is over."""
        pages = FilePageStore(pages_directory(self._data))
        await submit_all(
            self._pipeline, sources, pages, is_recrawl=is_recrawl, refuse=_report_refused, note=self._own.note
        )
        return await self._wait()

    async def _wait(self) -> IdleResult:
        with err.status("reading") as display:

            async def show(states: Sequence[StageState]) -> None:
                display.update(cell(describe_states(states)))
                if any(state.depth.delayed for state in states):
                    await self._tell_delays()

            left = max(0.0, self._deadline - time.monotonic())
            return await wait_until_idle(
                self._pipeline, timeout_seconds=left, horizon=LONG_DELAY, feeds=self._own.feeds, on_check=show
            )

    async def _tell_troubled_feeds(self) -> None:
        """Say of each feed of ours that failed, or that could be read in part only, what was seen."""
        for url in self._own.feeds:
            feed = await find_feed(self._pipeline, url)
            if feed is not None and feed.needs_attention:
                problem = feed.last_error if feed.failures else feed.last_warning
                print_message(f"{feed.last_outcome} of the feed {url}: {problem}", style="yellow")

    async def _tell_delays(self) -> None:
        """Say once of each submission that is delayed why it is: the first retries alone may take a minute."""
        for spec in STAGES:
            for streams in self._pipeline.streams[spec.name]:
                async for message in streams.delayed():
                    if len(self._told) >= _DELAYS_TOLD:
                        return
                    url = self._own.find_url(message.event)
                    if url is not None and url not in self._told:
                        self._told.add(url)
                        await _tell_delay(spec.name, url, message)

    @asynccontextmanager
    async def _watching(self, show: Callable[[FinishedArticle], None]) -> AsyncIterator[RunSummary]:
        """What comes of our submissions while the block runs, each article shown as it comes."""
        summary, pipeline = RunSummary(), self._pipeline
        redis, topology = pipeline.redis, pipeline.topology
        finished, dropped = await positions(redis, topology, FINISHED), await positions(redis, topology, DROPPED)

        summary.positions |= finished | dropped

        async def articles() -> None:
            following = follow(redis, topology, FINISHED, FinishedArticle, after=finished, on_malformed=report_skipped)
            async for each in following:
                if await self._own.includes(each.record):
                    summary.articles[each.record.id] = each.record
                    show(each.record)
                summary.positions[each.key] = each.id

        async def refusals() -> None:
            following = follow(redis, topology, DROPPED, DroppedArticle, after=dropped, on_malformed=report_skipped)
            async for each in following:
                if each.record.outcome != "accepted" and await self._own.includes(each.record):
                    summary.dropped.append(each.record)
                summary.positions[each.key] = each.id

        tasks = [asyncio.create_task(articles()), asyncio.create_task(refusals())]
        try:
            yield summary
            await self._catch_up(summary)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _catch_up(self, summary: RunSummary) -> None:
        """Return when what had been announced by now has been read; soon in any case, as an entry may be unreadable."""
        redis, topology = self._pipeline.redis, self._pipeline.topology
        ends = await positions(redis, topology, FINISHED) | await positions(redis, topology, DROPPED)
        give_up_at = time.monotonic() + _LONGEST_CATCH_UP_SECONDS
        while any(_order(summary.positions[key]) < _order(end) for key, end in ends.items()):
            if time.monotonic() > give_up_at:
                return
            await asyncio.sleep(0.02)

    @staticmethod
    def _report_unfinished(result: IdleResult) -> int:
        left = describe_unfinished(result)
        print_message(f"not done in time: {left}; unfinished work resumes at the next `coranto up`", style="red")
        return FAILED


class _Display:
    """Shows articles as they come in a list; one that stays alone is shown whole in the end."""

    def __init__(self, *, may_be_single: bool, is_silent: bool = False) -> None:
        self._is_silent = is_silent
        self._holds_back = may_be_single
        self._held: FinishedArticle | None = None

    def show(self, article: FinishedArticle) -> None:
        """Show the article, unless it may be the only one."""
        if self._is_silent:
            return
        if self._holds_back and (self._held is None or self._held.id == article.id):
            self._held = article
            return
        self._holds_back = False
        if self._held is not None:
            _print_entry(self._held)
            self._held = None
        _print_entry(article)

    def finish(self) -> None:
        """Show the one that stayed alone."""
        if self._held is not None:
            print_article(out, self._held)
            out.print()


def _order(entry_id: str) -> tuple[int, ...]:
    return tuple(map(int, entry_id.split("-")))


async def _tell_delay(stage: str, url: str, message: Delayed) -> None:
    seconds = max(0.0, message.due_ms / 1000 - time.time())
    seen = message.reason
    with suppress(UnsupportedUrlError):
        if (host := host_of(url)) and not await _has_address(host):
            seen = f"there is no address for {host} ({message.reason})"
    print_message(f"{url}: {seen}; the {stage} tries again in {span(seconds)}", style="yellow")


async def _has_address(host: str) -> bool:
    try:
        await asyncio.get_running_loop().getaddrinfo(host, None)
    except OSError:
        return False
    return True


def _print_mismatches(found: Sequence[Mismatch]) -> None:
    for (page, url), of_page in groupby(found, key=lambda mismatch: (mismatch.page, mismatch.url)):
        print_result(f"✗ {page}  {url}", style="red")
        for mismatch in of_page:
            print_result(f"    {mismatch.what}")


def _report_refused(text: str) -> None:
    print_message(f"not submitted: {text}", style="yellow")


def _print_refusals(summary: RunSummary) -> None:
    for dropped in summary.dropped:
        if dropped.reason not in _STORED_BEFORE:
            detail = without_reason(dropped.detail or "", dropped.reason)
            seen = f" ({detail})" if detail else ""
            ended = f"{_OUTCOMES[dropped.outcome]} the {dropped.stage}: {dropped.reason}{seen}"
            print_result(f"✗ {dropped.url}\n  {ended}", style="yellow")


def _print_entry(article: FinishedArticle) -> None:
    print_entry(out, article)
    out.print()


def _print_summary(summary: RunSummary, stored: int) -> None:
    refused = [dropped for dropped in summary.dropped if dropped.reason not in _STORED_BEFORE]
    articles, pages = count(len(summary.articles), "article"), count(len(refused), "page")
    print_result(f"{articles}; {pages} rejected; {stored} stored in total.")
    if refused:
        reasons = Counter(f"{dropped.reason} ({dropped.stage})" for dropped in refused)
        print_result("  " + ", ".join(f"{number} {reason}" for reason, number in reasons.most_common()), style="dim")


def _tell_of_feeds(summary: RunSummary) -> None:
    """Say of a page that lists articles how to read what it lists."""
    for url in [dropped.url for dropped in summary.dropped if dropped.reason in _LISTS and not dropped.feed][:1]:
        command = shlex.quote(_command())
        print_message(
            f"{url} lists articles and is not one. To see the feeds it names: {command} feeds try {shlex.quote(url)}\n"
            f"Run one of those, or have the site read from now on: {command} feeds add {shlex.quote(url)} beside `{command} up`"
        )


def _report_delays(result: IdleResult) -> None:
    if result.long_delays:
        print_message(
            f"left for later: {describe_delays(result.long_delays)}; `coranto up` resumes them", style="yellow"
        )


def _print_next(directory: Path, data: Path | None, *, is_sample: bool) -> None:
    option, coranto = "" if data is None else f" --data {shlex.quote(str(data))}", shlex.quote(_command())
    print_result(f"\nThe records are in {directory / 'articles.sqlite'}. What to do next:")
    lines = [
        (f"{coranto} search{option} WORDS", "find articles"),
        (f"{coranto} export{option} --format jsonl", "export them all"),
        (f"{coranto} up{option}", "start the system and its page, and keep them running"),
    ]
    if is_sample:
        lines.insert(0, (f"{coranto} run https://example.org/feed.xml", "the same with a feed or page of your own"))
    width = max(len(command) for command, _ in lines)
    for command, what in lines:
        print_result(f"  {command:<{width}}  {what}")


def _command() -> str:
    """The command as it can be typed here: by its path where it is not on PATH, as after `make run`."""
    script = Path(sys.executable).with_name("coranto")
    if shutil.which("coranto") is not None or not script.exists():
        return "coranto"
    return str(script.relative_to(Path.cwd()) if script.is_relative_to(Path.cwd()) else script)
