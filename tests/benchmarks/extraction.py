"""Measures how well the extractor reads the corpora, and its CPU time, beside trafilatura and readability in the same run, and
beside newspaper4k where that is installed.

The figures are for the half of the corpora that is available here. The other half, of other sites, is kept for judging.

    python tests/benchmarks/extraction.py [--only-ours]
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib.util
import json
import logging
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coranto import charset
from coranto_extractor import reader
from coranto_extractor.evaluation import prediction
from coranto_extractor.page_request import PageRequest

MATERIAL = Path(os.environ.get("CORANTO_MATERIAL", Path(__file__).resolve().parents[3] / "shared"))
CORPUS = MATERIAL / "corpus"
RESULTS = Path(__file__).parent / "results"

Row = dict[str, Any]
Figures = dict[str, float]
_FOLDS = 5
TITLED = ("naeb", "fundus-test", "traf-eval", "wcxb", "ru-news")


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: the target, and the value that the gate does not let it fall below (or rise above)."""

    name: str
    reach: float
    gate: float
    is_better_low: bool = False

    def holds(self, value: float) -> bool:
        """True when the value is on the right side of the gate."""
        return value <= self.gate if self.is_better_low else value >= self.gate


TABLE = (
    Figure("text F1 aeb", 0.978, 0.975),
    Figure("text F1 naeb", 0.940, 0.931),
    Figure("text F1 fundus-eval", 0.950, 0.974),
    Figure("text F1 fundus-test", 0.958, 0.966),
    Figure("text F1 wcxb", 0.948, 0.952),
    Figure("text F1 traf-eval", 0.935, 0.943),
    Figure("text F1 daniel", 0.920, 0.957),
    Figure("text F1 ru-news", 0.955, 0.977),
    Figure("text F1 dumps", 0.88, 0.940),
    Figure("title exact, mean of five", 0.925, 0.925),
    Figure("title exact dumps", 0.75, 0.780),
    Figure("author F1 naeb", 0.88, 0.930),
    Figure("author F1 fundus-test", 0.90, 0.880),
    Figure("pages with a wrong name naeb", 0.05, 0.050, is_better_low=True),
    Figure("pages with a wrong name fundus-test", 0.05, 0.070, is_better_low=True),
    Figure("authors invented, of 80", 10, 10, is_better_low=True),
    Figure("dates invented, of 31", 8, 8, is_better_low=True),
    Figure("date right fundus-test", 0.99, 0.985),
    Figure("date right dates", 0.94, 0.925),
    Figure("date right traf-eval", 0.90, 0.905),
    Figure("date right ru-news", 0.97, 0.970),
    Figure("text F1 fresh", 0.960, 0.950),
    Figure("wanted snippets fresh", 0.955, 0.950),
    Figure("title exact fresh", 0.93, 0.925),
    Figure("author F1 fresh", 0.76, 0.805),
    Figure("pages with a wrong name fresh", 0.05, 0.040, is_better_low=True),
    Figure("date right fresh", 0.91, 0.930),
    Figure("tags F1 fundus-test", 0.65, 0.800),
    Figure("non-articles refused or doubtful", 0.85, 0.795),
    Figure("articles refused", 0.007, 0.0070, is_better_low=True),
    Figure("articles doubtful", 0.02, 0.0150, is_better_low=True),
)


def rows() -> Iterator[tuple[Row, bytes]]:
    """Every page of the corpora with its truth."""
    for truth in sorted(CORPUS.glob("*/truth.jsonl")):
        for line in truth.read_text("utf-8").splitlines():
            row = json.loads(line)
            yield row, gzip.decompress((truth.parent / row["page"]).read_bytes())


def by_us(row: Row, page: bytes) -> Row:
    """The extractor's prediction."""
    return prediction(
        row["id"], reader.read(page, PageRequest(url=row.get("url"), content_type=row.get("content_type")))
    )


def by_trafilatura(row: Row, page: bytes) -> Row:
    """The prediction of trafilatura alone, with its default settings."""
    from trafilatura import bare_extraction
    from trafilatura.settings import Document

    document = bare_extraction(
        charset.decode(page).text, url=row.get("url"), include_comments=False, with_metadata=True
    )
    if not isinstance(document, Document):
        return {"id": row["id"], "text": ""}
    return {
        "id": row["id"],
        "text": document.text,
        "title": document.title,
        "authors": (document.author or "").split("; "),
        "published": document.date,
        "tags": document.tags or [],
    }


def by_readability(row: Row, page: bytes) -> Row:
    """The prediction of readability-lxml: text and title."""
    from lxml import html  # type: ignore[import-untyped]  # lxml ships no types
    from readability import Document  # type: ignore[import-untyped]  # readability-lxml ships no types

    from coranto_extractor.page.blocks import split_blocks

    try:
        document = Document(charset.decode(page).text)
        blocks = split_blocks(html.document_fromstring(document.summary(html_partial=True)))
        return {"id": row["id"], "text": "\n".join(block.text for block in blocks), "title": document.short_title()}
    except Exception:  # noqa: BLE001 - it raises what lxml raises, and more; a page it cannot read counts as empty
        return {"id": row["id"], "text": ""}


def by_newspaper(row: Row, page: bytes) -> Row:
    """The prediction of newspaper4k, which decodes the page itself."""
    from newspaper import Article  # type: ignore[import-not-found]  # not among our requirements

    try:
        # Without the pictures, which it would fetch to find the largest one.
        article = Article(row.get("url") or "https://news.example/page", fetch_images=False)
        article.download(input_html=charset.decode(page).text)
        article.parse()
    except Exception:  # noqa: BLE001 - a page it cannot read counts as empty
        return {"id": row["id"], "text": ""}
    published = article.publish_date.isoformat() if article.publish_date else None
    return {
        "id": row["id"],
        "text": article.text,
        "title": article.title,
        "authors": article.authors,
        "published": published,
        "tags": sorted(article.tags or ()),
    }


def measure(predict: Callable[[Row, bytes], Row]) -> Figures:
    """The table's figures for one extractor, and its CPU time per page."""
    score = _scorer()
    pages: dict[str, list[Row]] = {}
    milliseconds: list[float] = []
    for row, page in rows():
        begun = time.process_time()
        predicted = predict(row, page)
        if row["corpus"] != "dumps":
            milliseconds.append((time.process_time() - begun) * 1000)
        scored = score.score_page(row, predicted)
        scored["doubtful"] = float(scored["refused"] or bool(predicted.get("doubt")))
        pages.setdefault(row["corpus"], []).append(scored)
    return _figures(pages, {name: score.aggregate(scored) for name, scored in pages.items()}, milliseconds)


def _figures(pages: dict[str, list[Row]], by_corpus: dict[str, Row], milliseconds: list[float]) -> Figures:
    found: Figures = {}
    for name in ("aeb", "naeb", "fundus-eval", "fundus-test", "wcxb", "traf-eval", "daniel", "ru-news", "dumps"):
        found[f"text F1 {name}"] = by_corpus[name]["F1"]
    found["title exact, mean of five"] = statistics.mean(by_corpus[name]["title"] for name in TITLED)
    found["title exact dumps"] = by_corpus["dumps"]["title"]
    for name in ("naeb", "fundus-test"):
        found[f"author F1 {name}"] = by_corpus[name]["author"]
        found[f"pages with a wrong name {name}"] = by_corpus[name]["awrong"]
    found["authors invented, of 80"] = sum(by_corpus[name].get("a+", 0) for name in TITLED)
    found["dates invented, of 31"] = by_corpus["traf-eval"]["d+"]
    for name in ("fundus-test", "dates", "traf-eval", "ru-news"):
        found[f"date right {name}"] = by_corpus[name]["date"]
    found["tags F1 fundus-test"] = by_corpus["fundus-test"]["tags"]
    others = [page for name, scored in pages.items() if "not-articles" in name for page in scored]
    articles = [
        page for name, scored in pages.items() if "not-articles" not in name and name != "dumps" for page in scored
    ]
    found["non-articles refused"] = statistics.mean(page["refused"] for page in others)
    found["non-articles refused or doubtful"] = statistics.mean(page["doubtful"] for page in others)
    found["articles refused"] = statistics.mean(page["refused"] for page in articles)
    found["articles doubtful"] = statistics.mean(page["doubtful"] - page["refused"] for page in articles)
    found |= _of_fresh_pages([page for name in pages if name.startswith("fresh") for page in pages[name]])
    found |= _by_folds(articles)
    found["CPU ms a page, mean"] = statistics.mean(milliseconds)
    found["CPU ms a page, p95"] = statistics.quantiles(milliseconds, n=20)[-1]
    return found


def _of_fresh_pages(pages: list[Row]) -> Figures:
    """Figures of the pages that were collected last, from other repositories, all in one."""
    snippets = [page["snip"] for page in pages if "snip" in page]
    found = {"wanted snippets fresh": sum(one[0] for one in snippets) / sum(one[2] for one in snippets)}
    for name, key in (("text F1 fresh", "f"), ("title exact fresh", "title"), ("author F1 fresh", "author"),
                      ("pages with a wrong name fresh", "awrong"), ("date right fresh", "date")):  # fmt: skip
        found[name] = statistics.mean(page[key] for page in pages if key in page)
    return found


def _by_folds(articles: list[Row]) -> Figures:
    """Figures of the worst of five parts of the sites: a change that helps a few sites only leaves some of these where they are."""
    folds: list[list[Row]] = [[] for _ in range(_FOLDS)]
    for page in articles:
        site = (page["host"] or page["id"]).removeprefix("www.")
        folds[int(hashlib.sha256(site.encode()).hexdigest(), 16) % _FOLDS].append(page)
    found: Figures = {}
    for name, key, worst in (("text F1 of a page", "f", min), ("title exact", "title", min), ("date right", "date", min),
                             ("author F1", "author", min), ("pages with a wrong name", "awrong", max),
                             ("articles refused", "refused", max)):  # fmt: skip
        means = [statistics.mean(page[key] for page in fold if key in page) for fold in folds]
        found[f"{name}, worst of five folds by site"] = worst(means)
    return found


def _scorer() -> Any:
    spec = importlib.util.spec_from_file_location("corpus_score", CORPUS / "score.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"{CORPUS / 'score.py'} cannot be loaded; set CORANTO_MATERIAL")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Measure, print the table, and save it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only-ours", action="store_true", help="leave the other extractors out")
    arguments = parser.parse_args()
    if not CORPUS.is_dir():
        sys.exit("the corpora are not beside the repository; set CORANTO_MATERIAL")
    logging.disable(logging.CRITICAL)
    systems = {"coranto": measure(by_us)}
    if not arguments.only_ours:
        systems["trafilatura"] = measure(by_trafilatura)
        systems["readability"] = measure(by_readability)
        if importlib.util.find_spec("newspaper"):
            systems["newspaper4k"] = measure(by_newspaper)
        else:
            print("newspaper4k is left out: it is not installed (.venv/bin/pip install newspaper4k)")
    print(f"{'':<55}" + "".join(f"{name:>13}" for name in systems) + f"{'reach':>9}")
    reach = {figure.name: figure.reach for figure in TABLE}
    for name in systems["coranto"]:
        values = "".join(f"{figures[name]:>13.3f}" for figures in systems.values())
        print(f"{name:<55}{values}{reach.get(name, ''):>9}")
    RESULTS.mkdir(exist_ok=True)
    rounded = {name: {key: round(value, 4) for key, value in figures.items()} for name, figures in systems.items()}
    (RESULTS / "extraction.json").write_text(json.dumps(rounded, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
