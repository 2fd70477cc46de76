"""`coranto extract`: reads saved pages without a pipeline, and compares the results of two versions."""

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
from coranto_extractor.page_request import PageRequest
from coranto_extractor.refusal import NotAnArticle

app = typer.Typer(add_completion=False, no_args_is_help=True)

_CRASHED = "reader_crashed"


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
        raise typer.BadParameter("say --lines to print predictions, or --compare OLD.jsonl to compare them")
    pages = list(_parsed(sys.stdin, "standard input", needs=("id", "file")))
    # Loaded before the pages are read, so that a wrong file is reported at once.
    earlier = _load_predictions(compare_with) if compare_with else {}
    predictions = _with_progress(_read_all(pages, workers), len(pages))
    if compare_with is None:
        for line in predictions:
            sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        return
    for report_line in compare(earlier, list(predictions), examples=examples):
        typer.echo(report_line)


def _load_predictions(path: Path) -> dict[str, dict[str, Any]]:
    try:
        with path.open(encoding="utf-8") as file:
            return {line["id"]: line for line in _parsed(file, str(path), needs=("id",))}
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path} cannot be read: {error}") from error


def _parsed(lines: Iterable[str], source: str, *, needs: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The JSON objects in the lines. Raises BadParameter for a line that is not one, or that lacks one of these texts."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            parsed = json.loads(line)
        except ValueError as error:
            raise typer.BadParameter(f"line {number} of {source} is not JSON: {error}") from error
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
    """The prediction for one input line. A page that crashes the reader counts as refused and does not end the run."""
    try:
        body = Path(page["file"]).read_bytes()
        if body.startswith(b"\x1f\x8b"):
            body = gzip.decompress(body)
        request = PageRequest(url=page.get("url"), content_type=page.get("content_type"))
        return prediction(page["id"], reader.read(body, request))
    except (OSError, EOFError) as error:
        return prediction(page["id"], NotAnArticle("page_missing", str(error)))
    except Exception as error:  # noqa: BLE001 - one page must not stop the others from being read
        return prediction(page["id"], NotAnArticle(_CRASHED, f"{type(error).__name__}: {error}"))


def _with_progress(predictions: Iterable[dict[str, Any]], total: int) -> Iterator[dict[str, Any]]:
    if not sys.stderr.isatty():
        yield from predictions
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(predictions, total=total, description="Reading pages", console=Console(stderr=True))
