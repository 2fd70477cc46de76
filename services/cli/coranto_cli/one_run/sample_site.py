"""Runs the bundled sample site, and checks how each of its pages came out."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from coranto.admin.feeds import forget_feeds
from coranto_cli.articles.stored_articles import opened_store_if_any
from coranto_cli.errors import FAILED
from coranto_cli.given.sources import Source
from coranto_cli.one_run.job import Job, RunSummary
from coranto_cli.one_run.printing import print_mismatches, print_summary, report_delays, report_unfinished, show_entry
from coranto_cli.terminal.console import err, print_message, print_result

if TYPE_CHECKING:
    from coranto_samplesite import SampleSite

_SETTLE_SECONDS: Final = 1.0
_LONGEST_POLL_SECONDS: Final = 60.0


async def read_sample(job: Job) -> int:
    """Read the sample site, and check how each page came out; 1 when one differs from what it states."""
    from coranto_samplesite import SampleSite  # late: a web server that nothing else here needs

    async with SampleSite() as site:
        print_result(f"The sample site is served at {site.base_url}/ and {site.wire_url}/.\n")
        try:
            async with job.watching(show_entry) as summary:
                result = await job.submit_and_wait([Source(url) for url in site.sources])
                if result.is_idle and await _polled_again(job, site):
                    # One article has been corrected since it was read.
                    result = await job.wait()
        finally:
            await forget_feeds(job.pipeline, site.sources)
        if not result.is_idle:
            return report_unfinished(result)
        report_delays(result)
        return _check(job, site, summary)


async def _polled_again(job: Job, site: SampleSite) -> bool:
    """Whether every feed has been polled once more, which brings the correction to light."""
    paths = {url.removeprefix(site.base_url).removeprefix(site.wire_url) for url in site.sources}
    asked = len(site.asked)
    deadline = min(job.deadline, time.monotonic() + _LONGEST_POLL_SECONDS)
    with err.status("polling the feeds once more"):
        while paths - {request.path for request in site.asked[asked:]}:
            if time.monotonic() > deadline:
                print_message("the feeds were not polled again in time", style="yellow")
                return False
            await asyncio.sleep(0.1)
    # A feed counts as polled when its account is written, a moment after its answer.
    await asyncio.sleep(_SETTLE_SECONDS)
    return True


def _check(job: Job, site: SampleSite, summary: RunSummary) -> int:
    from coranto_samplesite import expectations_for, mismatches

    expectations = expectations_for({str(host): url for host, url in site.urls().items()})
    bases = tuple(f"{url}/" for url in site.urls().values())
    with opened_store_if_any(job.data) as store:
        # On a Redis of the user's own, other articles may come in at the same time.
        records = [record for record in store.iterate() if record.url.startswith(bases)]
        found = mismatches(expectations, records, store.ledger(), corrections_seen=True)
    print_summary(summary, len(records))
    listed = sum(expectation.is_listed for expectation in expectations)
    if found:
        print_mismatches(found)
        pages = len({mismatch.url for mismatch in found})
        print_result(f"\n{pages} of {listed} pages do not match their expected result.", style="bold red")
        return FAILED
    print_result(f"✓ Each of the {listed} pages of the sample site matches its expected result.", style="bold green")
    return 0
