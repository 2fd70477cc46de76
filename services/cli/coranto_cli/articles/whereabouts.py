"""Where an article is and how it ended, for the commands that tell: read from the store and the streams, and put into words."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from coranto.admin.feeds import find_feed
from coranto.admin.find_article import ArticleRef, Location, find_locations
from coranto.admin.pipeline import connected
from coranto.client.environment import NotRunningError
from coranto.records import FinishedArticle, time_text
from coranto.store.rules.ledger import LedgerLine
from coranto_cli.articles.stored_articles import opened_store_if_any
from coranto_cli.terminal.console import print_message, print_result
from coranto_cli.terminal.text import count, span, without_reason


def read_store(ref: ArticleRef, data: Path | None) -> tuple[list[FinishedArticle], list[LedgerLine]]:
    """Every stored revision of the article, and how each submission of it ended."""
    with opened_store_if_any(data) as store:
        for name in (ref.text, *ref.ids):
            stored, ledger = store.revisions_of(name), store.ledger_of(name)
            if stored or ledger:
                return stored, ledger
    return [], []


async def locate(ref: ArticleRef, data: Path | None) -> tuple[list[Location], bool, bool]:
    """Where the article is in the running system, whether it is a feed there instead, and whether there is a system."""
    try:
        async with connected(data) as pipeline:
            return await find_locations(pipeline, ref), await find_feed(pipeline, ref.text) is not None, True
    except (NotRunningError, RedisError, TimeoutError):
        return [], False, False


def print_whereabouts(
    ref: ArticleRef,
    stored: list[FinishedArticle],
    ledger: list[LedgerLine],
    locations: list[Location],
    *,
    is_feed: bool,
    is_running: bool,
) -> None:
    """Where the article is now and, when it is not stored, why."""
    if is_feed:
        print_result("It is a feed, which is polled: see `coranto feeds list`.")
    for location in locations:
        print_result(f"It {in_words(location)}.", style="yellow")
    if stored:
        return
    print_lines(ledger)
    if not locations and not ledger and not is_feed:
        print_result(f"{ref.text} is unknown here.")
        if not is_running:
            print_message(
                "No running system was found, so its streams were not searched; say where it is with --data DIR."
            )
        else:
            print_message(
                f"Submit it with: coranto submit {ref.text}" if "://" in ref.text else "Look it up by its address."
            )


def print_lines(ledger: list[LedgerLine]) -> None:
    """How each submission ended."""
    for line in ledger:
        detail = without_reason(line.detail or "", line.reason)
        seen = f": {detail}" if detail else ""
        print_result(f"{line.at:%Y-%m-%d %H:%M:%S} UTC  {line.outcome} by the {line.stage}: {line.reason}{seen}")
        if line.stage_times:
            passed = ", ".join(f"{stage} {at:%H:%M:%S}" for stage, at in line.stage_times.items())
            print_result(f"  had passed: {passed}")


def in_words(location: Location) -> str:
    """Where it is, to follow “It”."""
    match location.state:
        case "waiting":
            return f"waits for the {location.stage}"
        case "in_flight":
            return f"is in flight in the {location.stage} (worker {location.worker}, for {span(location.seconds or 0)})"
        case "delayed":
            tried = f", after {count(location.attempts, 'attempt')}" if location.attempts else ""
            if location.host is not None:
                asked = count(location.host_failures or 0, "request")
                lasted = span(location.host_failing_seconds or 0)
                verb = "was" if location.host_failures == 1 else "were"
                tried += f"; {asked} in a row to {location.host} failed or {verb} refused, for {lasted} now"
            due = span(location.seconds or 0)
            return f"is delayed in the {location.stage} because of {location.reason}, due in {due}{tried}"
        case "dead":
            error = f"{location.reason}: {location.error}"
            return (
                f"is a dead letter of the {location.stage} because of {error} (`coranto dead show {location.letter}`)"
            )


def plain_location(location: Location) -> dict[str, Any]:
    """The same for programs."""
    facts = {name: value for name, value in asdict(location).items() if value is not None}
    return {**facts, "text": in_words(location)}


def plain_line(line: LedgerLine) -> dict[str, Any]:
    """A line of the ledger, for programs."""
    names = ("url", "stage", "outcome", "reason", "detail")
    times = {stage: time_text(at) for stage, at in (line.stage_times or {}).items()}
    return {name: getattr(line, name) for name in names} | {"at": time_text(line.at), "times": times}
