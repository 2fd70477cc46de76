"""`coranto extract`: reads saved pages without a pipeline, and compares two versions' readings of them."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from coranto_extractor import reader
from coranto_extractor.evaluation import compare, prediction
from coranto_extractor.page_type import NotAnArticle
from coranto_extractor.reader import Request

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
    pages = list(_parsed(sys.stdin, "standard input", needs=("id", "file")))
    # Read before the pages are: a file that is no reading should not cost a long run.
    earlier = _earlier(compare_with) if compare_with else {}
    readings = _with_progress(_read_all(pages, workers), len(pages))
    if compare_with is None:
        for reading in readings:
            sys.stdout.write(json.dumps(reading, ensure_ascii=False) + "\n")
        return
    for line in compare(earlier, list(readings), examples=examples):
        typer.echo(line)


def _earlier(path: Path) -> dict[str, dict[str, Any]]:
    try:
        with path.open(encoding="utf-8") as file:
            return {line["id"]: line for line in _parsed(file, str(path), needs=("id",))}
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path} cannot be read: {error}") from error


def _parsed(lines: Iterable[str], source: str, *, needs: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The JSON objects of the lines. Raises BadParameter for a line that is none, or that lacks one of these texts."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            parsed = json.loads(line)
        except ValueError as error:
            raise typer.BadParameter(f"line {number} of {source} is no JSON: {error}") from error
        missing = [name for name in needs if not isinstance(parsed, dict) or not isinstance(parsed.get(name), str)]
        if missing:
            raise typer.BadParameter(
                f"line {number} of {source} must be an object with the text {' and '.join(missing)}, got {line.strip()[:80]}"
            )
        yield parsed


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
        return prediction(page["id"], NotAnArticle("page_missing", str(error)))
    except Exception as error:  # noqa: BLE001 - whatever one page does, the others are read
        return prediction(page["id"], NotAnArticle(_SURPRISE, f"{type(error).__name__}: {error}"))


def _with_progress(readings: Iterable[dict[str, Any]], total: int) -> Iterator[dict[str, Any]]:
    if not sys.stderr.isatty():
        yield from readings
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(readings, total=total, description="Reading pages", console=Console(stderr=True))
