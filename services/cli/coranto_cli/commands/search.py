"""`coranto search`: stored articles by their words and by what is known about them."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from coranto.store.interface import EVERYTHING, SearchError, SearchFilter, SearchHit
from coranto_cli.articles.stored_articles import opened_store
from coranto_cli.errors import NOT_FOUND, USAGE, CommandError
from coranto_cli.terminal.console import print_message, print_result, write_json_lines
from coranto_cli.terminal.options import DataOption, JsonOption

_SPAN = re.compile(r"([0-9]{1,5})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 168}


def search(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            help='Words that must all occur, in any of their forms. "a phrase" is searched as written, begin* finds what begins '
            "so, and of (one | another) either is enough."
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="Published then or later: a date, a time (UTC unless it says otherwise), or a span before now: 12h, 7d, 2w.",
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Published before then; a date includes that day.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help="Name of the source or publisher, host, or domain above it."),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(help="Language of the article, such as ru or en; word forms are then of this language only."),
    ] = None,
    topic: Annotated[
        str | None, typer.Option(help="Code or name of an IPTC media topic; topics below it are included.")
    ] = None,
    entity: Annotated[
        str | None, typer.Option(help="Person, organisation or place in its normal form, as `coranto show` prints it.")
    ] = None,
    tag: Annotated[str | None, typer.Option(help="Tag of the feed, such as its OPML folder.")] = None,
    data: DataOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most articles to show.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Find stored articles that contain all the words and pass all the filters, best match first.

    Without words, the newest articles that pass the filters come first. Exit code 3 when nothing is found.
    """
    # The shell has taken the quotation marks off a phrase; an argument with a space in it was one, or a group in brackets.
    given = words or []
    query = " ".join(
        f'"{word}"' if " " in word and len(given) > 1 and not word.startswith("(") else word for word in given
    )
    where = SearchFilter(
        since=moment("--since", since),
        until=moment("--until", until, end_of_day=True),
        source=source,
        language=language,
        topic=topic,
        entity=entity,
        tag=tag,
    )
    _refuse_what_finds_nothing(query, where)
    with opened_store(data) as store:
        try:
            hits = store.search(query, where=where, limit=limit)
        except SearchError as error:
            raise CommandError(str(error), exit_code=USAGE) from error
    if as_json:
        write_json_lines(asdict(hit) for hit in hits)
    else:
        for hit in hits:
            _print_hit(hit)
        if not hits:
            print_message(_nothing_found(query, where))
    if not hits:
        raise typer.Exit(NOT_FOUND)


def _refuse_what_finds_nothing(query: str, where: SearchFilter) -> None:
    if not query.strip() and where == EVERYTHING:
        raise CommandError("say what to search for: words, or a filter such as --since 7d", exit_code=USAGE)
    for name, value in asdict(where).items():
        if isinstance(value, str) and not value.strip():
            raise CommandError(f"--{name} is empty", exit_code=USAGE)
    if where.since and where.until and where.since >= where.until:
        raise CommandError("--since must be before --until", exit_code=USAGE)


def moment(option: str, text: str | None, *, end_of_day: bool = False) -> datetime | None:
    """The time that the option gives. Raises CommandError."""
    if text is None:
        return None
    try:
        if span := _SPAN.fullmatch(text.strip()):
            return datetime.now(UTC) - timedelta(hours=int(span[1]) * _HOURS[span[2]])
        moment = datetime.fromisoformat(text.strip())
        if end_of_day and len(text.strip()) == len("2026-03-14"):
            moment += timedelta(days=1)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise CommandError(
            f"{option} takes a date such as 2026-03-14, a time such as 2026-03-14T12:00 or a span such as 7d, got {text!r}",
            exit_code=USAGE,
        ) from error


def _nothing_found(query: str, where: SearchFilter) -> str:
    if where == EVERYTHING:
        return "No stored article contains all of these words."
    return f"No stored article {'contains all of these words and ' if query.strip() else ''}passes these filters."


def _print_hit(hit: SearchHit) -> None:
    facts = [
        hit.published[:10] if hit.published else None,
        hit.language,
        hit.topic,
        "retracted" if hit.change == "retracted" else None,
    ]
    print_result(hit.title or hit.url, style="bold")
    print_result(" · ".join(fact for fact in facts if fact), style="dim")
    print_result(" ".join(hit.excerpt.split()))
    print_result(f"{hit.url}\n", style="blue")
