"""`coranto run`: the whole system for as long as one job takes: the sample site, or a source of the user's own."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coranto.admin.pipeline import RunningSystem, StageState, connected_to, pages_directory
from coranto.client import environment
from coranto.pages import FilePageStore
from coranto.records import DroppedArticle, FinishedArticle
from coranto.store.interface import Catalogue
from coranto.topology import DROPPED, FINISHED
from coranto.urls import host_of
from coranto_cli.article_printing import print_article, print_entry
from coranto_cli.commands.submit import Source, find_sources, submit_all
from coranto_cli.commands.up import (
    SAMPLE_SETTINGS,
    StoppedError,
    plan_for,
    refuse_invented_articles,
    running,
    stop_on_signals,
)
from coranto_cli.commands.watching import (
    Stillness,
    describe,
    describe_delayed,
    describe_rest,
    follow,
    positions,
    until_done,
    without_reason,
)
from coranto_cli.console import cell, err, out, say, tell
from coranto_cli.errors import FAILED, NOT_FOUND, USAGE, CommandError
from coranto_cli.options import DataOption
from coranto_cli.stored_articles import EmptyCatalogue, opened_library
from coranto_cli.unread_feeds import forget_feeds

if TYPE_CHECKING:
    from coranto_samplesite import Difference, SampleSite

_HORIZON = timedelta(seconds=60)
"""A message that is delayed for longer is left for the next time: its host is down or asks for patience."""

_SETTLE_SECONDS = 1.0
_LONGEST_POLL_SECONDS = 60.0
_LONGEST_SECONDS = 1800.0
# Known already, and looked at again without a change: what is stored is still the answer.
_STORED_BEFORE = frozenset({"unchanged", "not_modified", "outdated"})


@dataclass(slots=True)
class Harvest:
    """What came in during the run."""

    articles: dict[str, FinishedArticle] = field(default_factory=dict)
    dropped: list[DroppedArticle] = field(default_factory=list)
    known_feeds: list[str] = field(default_factory=list)
    """Feeds that were handed in and had been read before."""


def run(
    source: Annotated[
        str | None, typer.Argument(metavar="[SOURCE]", help="A feed, page, file or directory; else the sample site.")
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, metavar="SECONDS", help="Longest time for the work.")
    ] = _LONGEST_SECONDS,
    data: DataOption = None,
) -> None:
    """Start everything, take the sample site or a source of your own in, print the articles, and stop again.

    With the sample site every page is checked afterwards, and the exit code is 1 when one did not come out as it must.
    With a source of your own it is 3 when no article came of it.
    """
    sources: list[Source] = []
    if source is not None:
        wrong: list[str] = []
        sources = find_sources([source], [], refuse=wrong.append)
        if wrong or not sources:
            raise CommandError("; ".join(wrong) or f"{source} names nothing to read", exit_code=USAGE)
    code = asyncio.run(_run(sources, timeout, data))
    if code:
        raise typer.Exit(code)


async def _run(sources: Sequence[Source], timeout_seconds: float, data: Path | None) -> int:
    if sources:
        plan = plan_for(data)
    else:
        # Invented articles have no place in the user's library, and every run checks what it has read itself.
        data = environment.data_directory(data) / "sample"
        plan = plan_for(data, settings=SAMPLE_SETTINGS, is_fresh=True)
        refuse_invented_articles(plan)
    async with AsyncExitStack() as stack:
        stop = await stack.enter_async_context(stop_on_signals())
        began = time.monotonic()
        tell(f"starting {sum(plan.replicas.values())} services in {plan.data}")
        try:
            processes = await stack.enter_async_context(running(plan, stop))
            tell(f"ready after {time.monotonic() - began:.1f} s")
            system = await stack.enter_async_context(connected_to(processes.redis_url))
            job = _Job(system, data, began + timeout_seconds)
            code = await _unless_stopped(job.read(sources) if sources else job.read_sample(), stop)
        except StoppedError:
            tell("stopped; what was not done goes on with the next `coranto up` or `coranto run`")
            return 1
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

    def __init__(self, system: RunningSystem, data: Path | None, deadline: float) -> None:
        self._system = system
        self._data = data
        self._deadline = deadline

    # --- the sample site -------------------------------------------------------------------------------------------

    async def read_sample(self) -> int:
        """Read the sample site, and check what became of each page; 1 when one differs from what it states."""
        from coranto_samplesite import SampleSite  # late: a web server that nothing else here needs

        async with SampleSite() as site:
            say(f"The sample site is served at {site.base_url}/ and {site.wire_url}/.\n")
            try:
                async with self._harvesting(_print_entry) as harvest:
                    stillness = await self._submit_and_wait([Source(url) for url in site.sources])
                    if stillness.is_still and await self._polled_again(site):
                        # One article has been corrected since it was read.
                        stillness = await self._wait()
            finally:
                await forget_feeds(self._system, site.sources)
            if not stillness.is_still:
                return self._tell_unfinished(stillness)
            _tell_far(stillness)
            return self._check(site, harvest)

    async def _polled_again(self, site: SampleSite) -> bool:
        """Whether every feed has been polled once more, which brings the correction to light."""
        paths = {url.removeprefix(site.base_url).removeprefix(site.wire_url) for url in site.sources}
        asked = len(site.asked)
        deadline = min(self._deadline, time.monotonic() + _LONGEST_POLL_SECONDS)
        with err.status("the feeds are polled once more"):
            while paths - {request.path for request in site.asked[asked:]}:
                if time.monotonic() > deadline:
                    tell("the feeds were not polled again in time", style="yellow")
                    return False
                await asyncio.sleep(0.1)
        # A feed counts as polled when its account is written, a moment after its answer.
        await asyncio.sleep(_SETTLE_SECONDS)
        return True

    def _check(self, site: SampleSite, harvest: Harvest) -> int:
        from coranto_samplesite import differences, expectations_for

        expectations = expectations_for({str(host): url for host, url in site.urls().items()})
        bases = tuple(f"{url}/" for url in site.urls().values())
        with opened_library(self._data, may_be_missing=True) as library:
            # On a Redis of the user's own, other articles may come in at the same time.
            records = [record for record in library.finished() if record.discovery.canonical_url.startswith(bases)]
            found = differences(expectations, records, library.ledger(), corrections_seen=True)
        _print_account(harvest, len(records))
        listed = sum(expectation.is_listed for expectation in expectations)
        if found:
            _print_differences(found)
            pages = len({difference.url for difference in found})
            say(f"\n{pages} of {listed} pages did not come out as they must.", style="bold red")
            return FAILED
        say(f"✓ Each of the {listed} pages of the sample site came out as it must.", style="bold green")
        return 0

    # --- a source of the user's own --------------------------------------------------------------------------------

    async def read(self, sources: Sequence[Source]) -> int:
        """Read the user's sources; 3 when no article came of them."""
        display = _Display(may_be_single=len(sources) == 1)
        async with self._harvesting(display.show) as harvest:
            stillness = await self._submit_and_wait(sources, is_revisit=True)
        with opened_library(self._data, may_be_missing=True) as library:
            self._recall(harvest, library, display.show)
            stored = library.count()
        display.finish()
        _print_refusals(harvest)
        _print_account(harvest, stored)
        if not stillness.is_still:
            return self._tell_unfinished(stillness)
        _tell_far(stillness)
        return 0 if harvest.articles else NOT_FOUND

    def _recall(
        self, harvest: Harvest, library: Catalogue | EmptyCatalogue, show: Callable[[FinishedArticle], None]
    ) -> None:
        """Add what was stored before and has not changed: it is the answer all the same."""
        for dropped in harvest.dropped:
            stored = library.revisions_of(dropped.url) if dropped.reason in _STORED_BEFORE else []
            if stored and stored[-1].id not in harvest.articles:
                harvest.articles[stored[-1].id] = stored[-1]
                show(stored[-1])
        if not harvest.known_feeds:
            return
        feeds = ", ".join(harvest.known_feeds)
        tell(
            f"{feeds} had been read before and is polled when it is due (`coranto feeds list`); this is what is stored of it"
        )
        hosts = {host_of(url) for url in harvest.known_feeds}
        for article in library.finished():
            if article.discovery.source in hosts and article.id not in harvest.articles:
                harvest.articles[article.id] = article
                show(article)

    # --- both ------------------------------------------------------------------------------------------------------

    async def _submit_and_wait(self, sources: Sequence[Source], *, is_revisit: bool = False) -> Stillness:
        """Submit, and return when all that came of it is settled, or the time is over."""
        pages = FilePageStore(pages_directory(self._data))
        await submit_all(self._system, sources, pages, is_revisit=is_revisit, refuse=_tell_refused)
        return await self._wait()

    async def _wait(self) -> Stillness:
        with err.status("reading") as display:

            async def show(states: Sequence[StageState]) -> None:
                display.update(cell(describe(states)))

            left = max(0.0, self._deadline - time.monotonic())
            return await until_done(self._system, timeout_seconds=left, horizon=_HORIZON, on_look=show)

    @asynccontextmanager
    async def _harvesting(self, show: Callable[[FinishedArticle], None]) -> AsyncIterator[Harvest]:
        """What comes in while the block runs, each article shown as it comes."""
        harvest, system = Harvest(), self._system
        finished, dropped = await positions(system, FINISHED), await positions(system, DROPPED)

        async def articles() -> None:
            async for article in follow(system, FINISHED, FinishedArticle, after=finished):
                harvest.articles[article.id] = article
                show(article)

        async def refusals() -> None:
            async for each in follow(system, DROPPED, DroppedArticle, after=dropped):
                if each.reason != "feed_registered":
                    harvest.dropped.append(each)
                elif each.detail is not None:
                    harvest.known_feeds.append(each.url)

        tasks = [asyncio.create_task(articles()), asyncio.create_task(refusals())]
        try:
            yield harvest
            # What was announced last is on its way to us.
            await asyncio.sleep(0.3)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @staticmethod
    def _tell_unfinished(stillness: Stillness) -> int:
        tell(f"not done in time: {describe_rest(stillness)}; `coranto up` goes on with it", style="red")
        return FAILED


class _Display:
    """Shows articles as they come in a list; one that stays alone is shown whole in the end."""

    def __init__(self, *, may_be_single: bool) -> None:
        self._holds_back = may_be_single
        self._held: FinishedArticle | None = None

    def show(self, article: FinishedArticle) -> None:
        """Show the article, unless it may be the only one."""
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


def _print_differences(found: Sequence[Difference]) -> None:
    for (page, url), of_page in groupby(found, key=lambda difference: (difference.page, difference.url)):
        say(f"✗ {page}  {url}", style="red")
        for difference in of_page:
            say(f"    {difference.what}")


def _tell_refused(text: str) -> None:
    tell(f"not submitted: {text}", style="yellow")


def _print_refusals(harvest: Harvest) -> None:
    for dropped in harvest.dropped:
        if dropped.reason not in _STORED_BEFORE:
            detail = without_reason(dropped.detail or "", dropped.reason)
            seen = f" ({detail})" if detail else ""
            say(f"✗ {dropped.url}\n  {dropped.outcome} by the {dropped.stage}: {dropped.reason}{seen}", style="yellow")


def _print_entry(article: FinishedArticle) -> None:
    print_entry(out, article)
    out.print()


def _print_account(harvest: Harvest, stored: int) -> None:
    refused = [dropped for dropped in harvest.dropped if dropped.reason not in _STORED_BEFORE]
    articles, pages = _count(len(harvest.articles), "article"), _count(len(refused), "page")
    say(f"{articles} and {pages} that did not become one; {stored} stored in all.")
    if refused:
        reasons = Counter(f"{dropped.reason} ({dropped.stage})" for dropped in refused)
        say("  " + ", ".join(f"{number} {reason}" for reason, number in reasons.most_common()), style="dim")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _tell_far(stillness: Stillness) -> None:
    if stillness.far:
        tell(f"left for later: {describe_delayed(stillness.far)}; `coranto up` goes on with them", style="yellow")


def _print_next(directory: Path, data: Path | None, *, is_sample: bool) -> None:
    option = "" if data is None else f" --data {data}"
    say(f"\nThe records are in {directory / 'library.sqlite'}. What to type next:")
    lines = [
        (f"coranto search{option} WORDS", "find articles"),
        (f"coranto export{option} --format jsonl", "write them all out"),
        (f"coranto up{option}", "start the system and leave it running"),
    ]
    if is_sample:
        lines.insert(0, ("coranto run https://example.org/feed.xml", "the same with a feed or page of your own"))
    for command, what in lines:
        say(f"  {command:<50}  {what}")
