"""`coranto tail`: finished articles as they come."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any

import typer

from coranto.admin.pipeline import ConnectedPipeline, connected
from coranto.client.follow import follow
from coranto.records import FinishedArticle
from coranto.topology import FINISHED
from coranto_cli.errors import USAGE, CommandError
from coranto_cli.terminal.article_printing import print_entry
from coranto_cli.terminal.console import out, print_message, report_skipped, write_json_lines
from coranto_cli.terminal.options import DataOption, JsonOption


def tail(
    group: Annotated[
        str | None,
        typer.Option(
            "--group",
            help="Read as this consumer group, which is made if there is none: articles are acknowledged and shared with its "
            "other members. A group keeps its place until `coranto groups remove`.",
        ),
    ] = None,
    last: Annotated[int, typer.Option("--last", min=0, metavar="N", help="Begin with the last N articles.")] = 0,
    count: Annotated[int | None, typer.Option("--count", min=1, metavar="N", help="Stop after N articles.")] = None,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Print finished articles as they come. Ctrl-C ends it."""
    if group is not None and last:
        raise CommandError(
            "--last shows articles announced earlier, and a --group resumes where it stopped: use one or the other",
            exit_code=USAGE,
        )
    asyncio.run(_tail(group, last, count, as_json, data))


async def _tail(group: str | None, last: int, count: int | None, as_json: bool, data: Path | None) -> None:
    async with connected(data) as pipeline:
        if sys.stdout.isatty() and not as_json:
            print_message("waiting for finished articles; Ctrl-C ends")
        articles: Any = _followed(pipeline, last) if group is None else pipeline.client.subscribe(group)
        seen = 0
        async with aclosing(articles):
            async for article in articles:
                if as_json:
                    write_json_lines([article.model_dump(mode="json", exclude_none=True)])
                else:
                    print_entry(out, article)
                    out.print()
                seen += 1
                if seen == count:
                    return


async def _followed(pipeline: ConnectedPipeline, last: int) -> AsyncIterator[FinishedArticle]:
    """Finished articles without a group."""
    following = follow(
        pipeline.redis, pipeline.topology, FINISHED, FinishedArticle, last=last, on_malformed=report_skipped
    )
    async for each in following:
        yield each.record
