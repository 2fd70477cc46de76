"""`coranto try`: one page through all stages in this process, without Redis and without leaving anything behind."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Annotated

import typer

from coranto.process_pool import start_server

PRELOAD = "coranto.preload"
"""Entry points that name the modules which the processes of a service begin with."""


def try_(
    source: Annotated[str, typer.Argument(metavar="URL|FILE", help="Page to try: an address, or a saved page.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the record, or where and why it ended, as JSON.")
    ] = False,
) -> None:
    """Run one page through all stages here, without Redis, and print the article. Exit code 3 when it is refused."""
    # First of all: the server has half a second of imports before it, and so have we.
    start_server(preload=[point.value for point in entry_points(group=PRELOAD)])
    from coranto_cli.articles.single_page import try_page

    try_page(source, as_json=as_json)
