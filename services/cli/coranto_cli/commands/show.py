"""`coranto show`: one article as it is stored, or where it is and why it is missing."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from coranto.admin.find_article import ArticleRef
from coranto_cli.articles.whereabouts import locate, plain_line, plain_location, print_whereabouts, read_store
from coranto_cli.errors import NOT_FOUND
from coranto_cli.terminal.article_printing import print_article
from coranto_cli.terminal.console import out, write_json
from coranto_cli.terminal.options import DataOption, JsonOption


def show(
    article: Annotated[str, typer.Argument(metavar="URL|ID", help="Address, id, or path of a saved page.")],
    revisions: Annotated[bool, typer.Option("--revisions", help="Every stored revision, first to latest.")] = False,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Show a stored article, or where it is and why it is missing. Exit code 3 when it is not stored."""
    ref = ArticleRef.of(article)
    stored, ledger = read_store(ref, data)
    locations, is_feed, is_running = asyncio.run(locate(ref, data))
    if as_json:
        write_json(
            {
                "record": stored[-1].model_dump(mode="json", exclude_none=True) if stored else None,
                "revisions": [each.model_dump(mode="json", exclude_none=True) for each in stored]
                if revisions
                else None,
                "ledger": [plain_line(line) for line in ledger],
                "is_feed": is_feed,
                "whereabouts": [plain_location(location) for location in locations],
            }
        )
    else:
        for record in stored if revisions else stored[-1:]:
            print_article(out, record)
        print_whereabouts(ref, stored, ledger, locations, is_feed=is_feed, is_running=is_running)
    if not stored:
        raise typer.Exit(NOT_FOUND)
