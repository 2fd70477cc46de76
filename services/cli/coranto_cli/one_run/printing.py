"""What a run says of what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final

from coranto.admin.idle import IdleResult
from coranto.records import FinishedArticle
from coranto_cli.errors import FAILED
from coranto_cli.one_run.job import RunSummary
from coranto_cli.terminal.article_printing import print_article, print_entry
from coranto_cli.terminal.console import out, print_message, print_result
from coranto_cli.terminal.text import count, describe_delays, describe_unfinished, without_reason

if TYPE_CHECKING:
    from coranto_samplesite import Mismatch

# Known already, and looked at again without a change: what is stored is still the answer.
STORED_BEFORE: Final = frozenset({"unchanged", "not_modified", "outdated"})

_OUTCOMES: Final = {"dropped": "rejected by", "dead": "failed in"}


class Display:
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
            show_entry(self._held)
            self._held = None
        show_entry(article)

    def finish(self) -> None:
        """Show the one that stayed alone."""
        if self._held is not None:
            print_article(out, self._held)
            out.print()


def show_entry(article: FinishedArticle) -> None:
    """Print the article as one entry of a list."""
    print_entry(out, article)
    out.print()


def print_mismatches(found: Sequence[Mismatch]) -> None:
    """Say of each page of the sample site what is not as it has to be."""
    for (page, url), of_page in groupby(found, key=lambda mismatch: (mismatch.page, mismatch.url)):
        print_result(f"✗ {page}  {url}", style="red")
        for mismatch in of_page:
            print_result(f"    {mismatch.what}")


def print_refusals(summary: RunSummary) -> None:
    """Say of each page that was refused, or failed, why."""
    for dropped in summary.dropped:
        if dropped.reason not in STORED_BEFORE:
            detail = without_reason(dropped.detail or "", dropped.reason)
            seen = f" ({detail})" if detail else ""
            ended = f"{_OUTCOMES[dropped.outcome]} the {dropped.stage}: {dropped.reason}{seen}"
            print_result(f"✗ {dropped.url}\n  {ended}", style="yellow")


def print_summary(summary: RunSummary, stored: int) -> None:
    """Say what came of it in numbers, and why pages were refused."""
    refused = [dropped for dropped in summary.dropped if dropped.reason not in STORED_BEFORE]
    articles, pages = count(len(summary.articles), "article"), count(len(refused), "page")
    print_result(f"{articles}; {pages} rejected; {stored} stored in total.")
    if refused:
        reasons = Counter(f"{dropped.reason} ({dropped.stage})" for dropped in refused)
        print_result("  " + ", ".join(f"{number} {reason}" for reason, number in reasons.most_common()), style="dim")


def report_delays(result: IdleResult) -> None:
    """Say what is left for later, if anything."""
    if result.long_delays:
        print_message(
            f"left for later: {describe_delays(result.long_delays)}; `coranto up` resumes them", style="yellow"
        )


def report_unfinished(result: IdleResult) -> int:
    """Say what the time did not suffice for; gives the exit code."""
    left = describe_unfinished(result)
    print_message(f"not done in time: {left}; unfinished work resumes at the next `coranto up`", style="red")
    return FAILED
