"""One run's work: submits, follows what comes of it while it comes, and waits until all of it is settled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from coranto.admin.idle import LONG_DELAY, IdleResult, wait_until_idle
from coranto.admin.pipeline import ConnectedPipeline, StageState, pages_directory
from coranto.client.follow import follow, positions
from coranto.pages import FilePageStore
from coranto.records import DroppedArticle, FinishedArticle
from coranto.streams.interface import Delayed
from coranto.topology import DROPPED, FINISHED, STAGES
from coranto.urls import UnsupportedUrlError, host_of
from coranto_cli.articles.descendants import Descendants
from coranto_cli.given.sources import Source, submit_all
from coranto_cli.terminal.console import cell, err, print_message, report_skipped
from coranto_cli.terminal.text import describe_states, span

_LONGEST_CATCH_UP_SECONDS: Final = 3.0
_DELAYS_TOLD: Final = 20


@dataclass(slots=True)
class RunSummary:
    """What came of the run."""

    articles: dict[str, FinishedArticle] = field(default_factory=dict)
    dropped: list[DroppedArticle] = field(default_factory=list)
    positions: dict[str, str] = field(default_factory=dict)
    """How far each stream has been read."""


class Job:
    """What was submitted in one run, on a system that is up."""

    def __init__(self, pipeline: ConnectedPipeline, data: Path | None, deadline: float) -> None:
        """`deadline` is a time of the monotonic clock, `data` what the user named."""
        self.pipeline = pipeline
        self.data = data
        self.deadline = deadline
        self.own = Descendants(pipeline)
        self._told: set[str] = set()

    async def submit_and_wait(self, sources: Sequence[Source], *, is_recrawl: bool = False) -> IdleResult:
        """Submit, and return when all that came of it is settled, or the time is over."""
        pages = FilePageStore(pages_directory(self.data))
        await submit_all(
            self.pipeline, sources, pages, is_recrawl=is_recrawl, refuse=_report_refused, note=self.own.note
        )
        return await self.wait()

    async def wait(self) -> IdleResult:
        """Return when all that came of what was submitted is settled, or the time is over."""
        with err.status("reading") as display:

            async def show(states: Sequence[StageState]) -> None:
                display.update(cell(describe_states(states)))
                if any(state.depth.delayed for state in states):
                    await self._tell_delays()

            left = max(0.0, self.deadline - time.monotonic())
            return await wait_until_idle(
                self.pipeline, timeout_seconds=left, horizon=LONG_DELAY, feeds=self.own.feeds, on_check=show
            )

    async def _tell_delays(self) -> None:
        """Say once of each submission that is delayed why it is: the first retries alone may take a minute."""
        for spec in STAGES:
            for streams in self.pipeline.streams[spec.name]:
                async for message in streams.delayed():
                    if len(self._told) >= _DELAYS_TOLD:
                        return
                    url = self.own.find_url(message.event)
                    if url is not None and url not in self._told:
                        self._told.add(url)
                        await _tell_delay(spec.name, url, message)

    @asynccontextmanager
    async def watching(self, show: Callable[[FinishedArticle], None]) -> AsyncIterator[RunSummary]:
        """What comes of our submissions while the block runs, each article shown as it comes."""
        summary, pipeline = RunSummary(), self.pipeline
        redis, topology = pipeline.redis, pipeline.topology
        finished, dropped = await positions(redis, topology, FINISHED), await positions(redis, topology, DROPPED)

        summary.positions |= finished | dropped

        async def articles() -> None:
            following = follow(redis, topology, FINISHED, FinishedArticle, after=finished, on_malformed=report_skipped)
            async for each in following:
                if await self.own.includes(each.record):
                    summary.articles[each.record.id] = each.record
                    show(each.record)
                summary.positions[each.key] = each.id

        async def refusals() -> None:
            following = follow(redis, topology, DROPPED, DroppedArticle, after=dropped, on_malformed=report_skipped)
            async for each in following:
                if each.record.outcome != "accepted" and await self.own.includes(each.record):
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
        redis, topology = self.pipeline.redis, self.pipeline.topology
        ends = await positions(redis, topology, FINISHED) | await positions(redis, topology, DROPPED)
        give_up_at = time.monotonic() + _LONGEST_CATCH_UP_SECONDS
        while any(_order(summary.positions[key]) < _order(end) for key, end in ends.items()):
            if time.monotonic() > give_up_at:
                return
            await asyncio.sleep(0.02)


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


def _report_refused(text: str) -> None:
    print_message(f"not submitted: {text}", style="yellow")
