"""`coranto identity`: by what addresses lead to one article, and splitting one off that should not."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from coranto.store.address import open_article_upkeep
from coranto.store.interface import StoreError, UnsplittableError
from coranto.store.rules.identity import Identity, KnownAddress
from coranto.urls import UnsupportedUrlError, key_of
from coranto_cli.articles.stored_articles import opened_store, store_address
from coranto_cli.errors import NOT_FOUND, USAGE, CommandError
from coranto_cli.terminal.console import print_message, print_result, write_json
from coranto_cli.terminal.options import DataOption, JsonOption

app = typer.Typer(
    help="Which addresses lead to one article, why, and splitting one off.", add_completion=False, no_args_is_help=True
)

_REASONS: Final = {
    "own": "the article's own address, which its id is made from",
    "redirect": "it was asked for, and redirected to the article's page",
    "canonical": "the page at it declares the article's address as its canonical one, as AMP, print and mobile forms do",
    None: "it leads here since before reasons were kept",
}


@app.command("explain")
def explain(
    article: Annotated[str, typer.Argument(metavar="URL|ID", help="Any address that leads to the article, or its id.")],
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Show every address that leads to an article, by what, and since when. Exit code 3 when it is not stored."""
    with opened_store(data) as store:
        found = store.identity_of(article)
    if found is None:
        raise CommandError(f"no stored article is known by {article}", exit_code=NOT_FOUND)
    if as_json:
        write_json(asdict(found))
        return
    _print(found, _key(article))


def _key(url_or_id: str) -> str | None:
    try:
        return key_of(url_or_id)
    except UnsupportedUrlError:
        return None


def _print(identity: Identity, asked: str | None) -> None:
    print_result(f"{identity.url}\n  article {identity.article_id}", style="bold")
    for address in identity.addresses:
        since = f", since {address.known_since:%Y-%m-%d %H:%M} UTC" if address.known_since else ""
        print_result(f"  {address.key}\n    {_REASONS[address.led_by]}{since}{_marked(address, asked)}")
    for split in identity.splits:
        print_result(
            f"  {split.key}\n    split off by an operator, {split.split_at:%Y-%m-%d %H:%M} UTC", style="yellow"
        )


def _marked(address: KnownAddress, asked: str | None) -> str:
    return " (asked for)" if address.key == asked else ""


@app.command("split")
def split(
    url: Annotated[str, typer.Argument(help="Address that leads to an article and is another one.")],
    undo: Annotated[
        bool, typer.Option("--undo", help="Let it lead where it did again, from its next visit on.")
    ] = False,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Make an address lead to its article no longer: from its next visit on it is one of its own, whatever its page declares.

    What the article has of it stays in its revisions. Exit code 3 when the address leads to no article.
    """
    try:
        key_of(url)
    except UnsupportedUrlError as error:
        raise CommandError(str(error), exit_code=USAGE) from error
    article = _change(url, data, undo=undo)
    if article is None:
        what = "is not split off" if undo else "leads to no stored article"
        raise CommandError(f"{url} {what}; see `coranto identity explain`", exit_code=NOT_FOUND)
    if as_json:
        write_json({"url": url, "article": article, "is_split": not undo})
        return
    print_result(f"{url} {'leads to article' if undo else 'is split off article'} {article}")
    print_message(f"It takes effect with the next visit; to visit it now: coranto submit --refetch {url}")


def _change(url: str, data: Path | None, *, undo: bool) -> str | None:
    try:
        upkeep = open_article_upkeep(store_address(data))
        return upkeep.rejoin(url) if undo else upkeep.split(url)
    except FileNotFoundError as error:
        raise CommandError(str(error), exit_code=NOT_FOUND) from error
    except UnsplittableError as error:
        raise CommandError(str(error), exit_code=USAGE) from error
    except StoreError as error:
        raise CommandError(str(error)) from error
