"""`coranto extract`: reads saved pages without a pipeline, and compares two versions' readings of them."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from coranto_extractor import reader
from coranto_extractor.compare import compare
from coranto_extractor.predictions import prediction
from coranto_extractor.reader import Request
from coranto_extractor.refusal import Refusal

app = typer.Typer(add_completion=False, no_args_is_help=True)

_SURPRISE = "reader_crashed"


@app.command("extract")
def extract(
    *,
    lines: Annotated[
        bool,
        typer.Option("--lines", help="Read JSON lines {id, file, url?, content_type?} on stdin, print one line each."),
    ] = False,
    compare_with: Annotated[
        Path | None,
        typer.Option("--compare", help="Lines printed earlier: show what has changed since, field by field."),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="Processes that read pages.")] = 1,
    examples: Annotated[int, typer.Option("--examples", min=0, help="Examples for each field that changed.")] = 3,
) -> None:
    """Read saved pages named on stdin. One JSON line in, one JSON line out, in the same order."""
    if not lines and compare_with is None:
        raise typer.BadParameter("say --lines to print readings, or --compare OLD.jsonl to compare them")
    pages = [json.loads(line) for line in sys.stdin if line.strip()]
    readings = _with_progress(_read_all(pages, workers), len(pages))
    if compare_with is None:
        for reading in readings:
            sys.stdout.write(json.dumps(reading, ensure_ascii=False) + "\n")
        return
    with compare_with.open(encoding="utf-8") as file:
        earlier = {line["id"]: line for line in map(json.loads, filter(str.strip, file))}
    for line in compare(earlier, list(readings), examples=examples):
        typer.echo(line)


def _read_all(pages: list[dict[str, Any]], workers: int) -> Iterator[dict[str, Any]]:
    if workers == 1:
        yield from map(read_line, pages)
        return
    with multiprocessing.get_context("forkserver").Pool(workers) as pool:
        yield from pool.imap(read_line, pages, chunksize=4)


def read_line(page: Mapping[str, Any]) -> dict[str, Any]:
    """The prediction line for one input line; a page that breaks the reader is a refused one, not the end of the run."""
    try:
        body = Path(page["file"]).read_bytes()
        if body.startswith(b"\x1f\x8b"):
            body = gzip.decompress(body)
        request = Request(url=page.get("url"), content_type=page.get("content_type"))
        return prediction(page["id"], reader.read(body, request))
    except (OSError, EOFError) as error:
        return prediction(page["id"], Refusal("page_missing", str(error)))
    except Exception as error:  # noqa: BLE001 - whatever one page does, the others are read
        return prediction(page["id"], Refusal(_SURPRISE, f"{type(error).__name__}: {error}"))


def _with_progress(readings: Iterable[dict[str, Any]], total: int) -> Iterator[dict[str, Any]]:
    if not sys.stderr.isatty():
        yield from readings
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(readings, total=total, description="Reading pages", console=Console(stderr=True))
