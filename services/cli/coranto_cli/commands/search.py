"""`coranto search`: stored articles by their words."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from coranto.store.interface import SearchHit
from coranto_cli.console import print_message, print_result, write_json_lines
from coranto_cli.errors import NOT_FOUND
from coranto_cli.options import DataOption, JsonOption
from coranto_cli.stored_articles import opened_store


def search(
    words: Annotated[
        list[str],
        typer.Argument(help='Words that must all occur, other endings included; "a phrase" and begin* work.'),
    ],
    data: DataOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most articles to show.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Find stored articles by their words, best first. Exit code 3 when none is found."""
    # The shell has taken the quotation marks off a phrase; an argument with a space in it was one.
    query = " ".join(f'"{word}"' if " " in word and len(words) > 1 else word for word in words)
    with opened_store(data) as store:
        hits = store.search(query, limit=limit)
    if as_json:
        write_json_lines(asdict(hit) for hit in hits)
    else:
        for hit in hits:
            _print_hit(hit)
        if not hits:
            print_message("No stored article contains all of these words.")
    if not hits:
        raise typer.Exit(NOT_FOUND)


def _print_hit(hit: SearchHit) -> None:
    facts = [hit.published.date().isoformat() if hit.published else None, hit.language, hit.topic]
    print_result(hit.title or hit.url, style="bold")
    print_result(" · ".join(fact for fact in facts if fact), style="dim")
    print_result(" ".join(hit.excerpt.split()))
    print_result(f"{hit.url}\n", style="blue")
