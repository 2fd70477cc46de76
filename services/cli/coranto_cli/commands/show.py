"""`coranto show`: one article as it is stored, or where it is and why it is missing."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from redis.exceptions import RedisError

from coranto.admin.feeds import find_feed
from coranto.admin.find_article import ArticleRef, Location, find_locations
from coranto.admin.pipeline import connected
from coranto.client.environment import NotRunningError
from coranto.records import FinishedArticle, time_text
from coranto.store.interface import LedgerLine
from coranto_cli.article_printing import print_article
from coranto_cli.console import out, print_message, print_result, write_json
from coranto_cli.errors import NOT_FOUND
from coranto_cli.options import DataOption, JsonOption
from coranto_cli.stored_articles import opened_store_if_any
from coranto_cli.text import count, span, without_reason


def show(
    article: Annotated[str, typer.Argument(metavar="URL|ID", help="Address, id, or path of a saved page.")],
    revisions: Annotated[bool, typer.Option("--revisions", help="Every stored revision, first to latest.")] = False,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Show a stored article, or where it is and why it is missing. Exit code 3 when it is not stored."""
    ref = ArticleRef.of(article)
    stored, ledger = _read_store(ref, data)
    locations, is_feed, is_running = asyncio.run(_locate(ref, data))
    if as_json:
        write_json(
            {
                "record": stored[-1].model_dump(mode="json", exclude_none=True) if stored else None,
                "revisions": [each.model_dump(mode="json", exclude_none=True) for each in stored]
                if revisions
                else None,
                "ledger": [_plain_line(line) for line in ledger],
                "is_feed": is_feed,
                "whereabouts": [_plain_location(location) for location in locations],
            }
        )
    else:
        for record in stored if revisions else stored[-1:]:
            print_article(out, record)
        if is_feed:
            print_result("It is a feed, which is polled: see `coranto feeds list`.")
        _print_whereabouts(ref, stored, ledger, locations, is_known=is_feed, is_running=is_running)
    if not stored:
        raise typer.Exit(NOT_FOUND)


def _read_store(ref: ArticleRef, data: Path | None) -> tuple[list[FinishedArticle], list[LedgerLine]]:
    with opened_store_if_any(data) as store:
        for name in (ref.text, *ref.ids):
            stored, ledger = store.revisions_of(name), store.ledger_of(name)
            if stored or ledger:
                return stored, ledger
    return [], []


async def _locate(ref: ArticleRef, data: Path | None) -> tuple[list[Location], bool, bool]:
    """Where the article is in the running system, whether it is a feed there instead, and whether there is a system."""
    try:
        async with connected(data) as pipeline:
            return await find_locations(pipeline, ref), await find_feed(pipeline, ref.text) is not None, True
    except (NotRunningError, RedisError, TimeoutError):
        return [], False, False


def _print_whereabouts(
    ref: ArticleRef,
    stored: list[FinishedArticle],
    ledger: list[LedgerLine],
    locations: list[Location],
    *,
    is_known: bool,
    is_running: bool,
) -> None:
    for location in locations:
        print_result(f"It {_in_words(location)}.", style="yellow")
    if stored:
        return
    for line in ledger:
        detail = without_reason(line.detail or "", line.reason)
        seen = f": {detail}" if detail else ""
        print_result(f"{line.at:%Y-%m-%d %H:%M:%S} UTC  {line.outcome} by the {line.stage}: {line.reason}{seen}")
    if not locations and not ledger and not is_known:
        print_result(f"{ref.text} is unknown here.")
        if not is_running:
            print_message(
                "No running system was found, so its streams were not searched; say where it is with --data DIR."
            )
        else:
            print_message(
                f"Submit it with: coranto submit {ref.text}" if "://" in ref.text else "Look it up by its address."
            )


def _in_words(location: Location) -> str:
    match location.state:
        case "waiting":
            return f"waits for the {location.stage}"
        case "in_flight":
            return f"is in flight in the {location.stage} (worker {location.worker}, for {span(location.seconds or 0)})"
        case "delayed":
            due, tried = span(location.seconds or 0), count(location.attempts or 0, "attempt")
            return f"is delayed in the {location.stage} because of {location.reason}, due in {due}, after {tried}"
        case "dead":
            error = f"{location.reason}: {location.error}"
            return (
                f"is a dead letter of the {location.stage} because of {error} (`coranto dead show {location.letter}`)"
            )


def _plain_location(location: Location) -> dict[str, Any]:
    facts = {name: value for name, value in asdict(location).items() if value is not None}
    return {**facts, "text": _in_words(location)}


def _plain_line(line: LedgerLine) -> dict[str, Any]:
    names = ("url", "stage", "outcome", "reason", "detail")
    return {name: getattr(line, name) for name in names} | {"at": time_text(line.at)}
