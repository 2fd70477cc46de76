"""Measures what each constant and regular expression of the extractor's finders is worth, on the labelled corpora.

Each number is halved and doubled, each regular expression made to match nothing, each set and tuple emptied, one at a time. Only
the finder concerned runs again, on what was read of the page before, and only on pages with a truth for it. What a rule gains is
counted by folds of sites: one that no fold is worse without may go, unless a small page in the tests needs it.

    python tests/benchmarks/ablation.py [--only titles dates …]
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from extraction import CORPUS, RESULTS, Row, _scorer, rows

from coranto_extractor import reader
from coranto_extractor.fields import images, tags, titles
from coranto_extractor.fields.authorship import authors
from coranto_extractor.fields.dating import dates
from coranto_extractor.language import phrase_lists
from coranto_extractor.page_request import PageRequest
from coranto_extractor.page_type import decision
from coranto_extractor.page_type.summary import PageSummary
from coranto_extractor.refusal import NotAnArticle

_FOLDS = 5
_CHUNK = 200
_NICE = 10
_NEVER = re.compile(r"(?!)")
_PACKAGE = "coranto_extractor"
_SCORED = ("title", "date", "d+", "author", "awrong", "a+", "tags", "credit", "refused", "doubtful")
# Of these, less is better; of pages that are no articles, more are to be refused.
_LOW_IS_GOOD = ("d+", "awrong", "a+", "refused", "doubtful")

Scores = dict[str, float]
ByPage = dict[str, Scores]
Find = Callable[[PageSummary], Row]


def _find_title(summary: PageSummary) -> Row:
    found = titles.find_headline(summary.reading.metadata, summary.reading.blocks)
    return {"title": found.title.value if found else None}


def _find_dates(summary: PageSummary) -> Row:
    found = dates.find_published(summary.reading)
    return {"published": found.value.text if found else None}


def _find_authors(summary: PageSummary) -> Row:
    found = authors.find_authors(summary.reading)
    if found is None:
        return {"authors": []}
    return {
        "authors": [*(person.name for person in found.value.persons), *found.value.signed_by, *found.value.agencies]
    }


def _find_tags(summary: PageSummary) -> Row:
    found = tags.find_tags(summary.reading)
    return {"tags": list(found.value) if found else []}


def _find_images(summary: PageSummary) -> Row:
    lead, _ = images.find_images(summary.reading)
    return {"image_credit": lead.value.credit if lead else None}


def _judge(summary: PageSummary) -> Row:
    verdict = decision.classify_page(summary)
    if verdict is None:
        return {}
    is_refused = isinstance(verdict, NotAnArticle) or verdict.probability >= PageRequest().refuse_from
    return {"refused": verdict.reason} if is_refused else {"doubt": verdict.reason}


@dataclass(frozen=True, slots=True)
class Group:
    """A finder, and the modules whose rules it follows."""

    find: Find
    modules: tuple[str, ...]
    truth: str = ""
    """The field that a page's truth must have; empty for all pages."""


GROUPS = {
    "titles": Group(_find_title, ("fields.titles",), "title"),
    "dates": Group(
        _find_dates,
        (
            *(
                f"fields.dating.{name}"
                for name in ("dates", "date_reader", "shown", "stated", "time_elements", "url_dates", "page_clock")
            ),
            "language.date_parsing",
            "page.surroundings",
        ),
        "published",
    ),
    "authors": Group(
        _find_authors,
        ("fields.places", *(f"fields.authorship.{name}" for name in ("authors", "author_names", "byline_lines"))),
        "authors",
    ),
    "tags": Group(_find_tags, ("fields.tags",), "tags"),
    "images": Group(_find_images, ("fields.images", "page.captions"), "image_credit"),
    "page_type": Group(
        _judge, tuple(f"page_type.{name}" for name in ("decision", "signs", "summary", "structure", "entries"))
    ),
}


@dataclass(frozen=True, slots=True)
class Variant:
    """One rule changed."""

    group: str
    module: str
    name: str
    change: str
    value: Any

    @property
    def label(self) -> str:
        """The rule and what was done to it, as the table shows it."""
        return f"{self.module}.{self.name} {self.change}"


def variants(group: str) -> Iterator[Variant]:
    """Every rule of the group's modules, changed in each way that its type allows."""
    for module in GROUPS[group].modules:
        for name, value in sorted(vars(importlib.import_module(f"{_PACKAGE}.{module}")).items()):
            if not re.fullmatch(r"_[A-Z][A-Z0-9_]*", name):
                continue
            for change, other in _changes(value):
                yield Variant(group, module, name, change, other)


def _changes(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int | float):
        yield "halved", type(value)(value / 2)
        yield "doubled", value * 2
    elif isinstance(value, re.Pattern):
        yield "off", _NEVER
    elif isinstance(value, frozenset | tuple) and value:
        yield "off", type(value)()


def _measure(chunk: Sequence[tuple[Row, bytes]], names: Sequence[str]) -> tuple[ByPage, dict[str, ByPage]]:
    """The scores of the pages as they are, and for each variant, those of the pages that it changes."""
    logging.disable(logging.CRITICAL)
    score = _scorer()
    pages = [(row, summary) for row, page in chunk if (summary := _summary(row, page)) is not None]
    before: ByPage = {}
    after: dict[str, ByPage] = {}
    for name in names:
        group = GROUPS[name]
        asked = [(row, summary) for row, summary in pages if not group.truth or group.truth in row]
        known = {row["id"]: _scores(score, row, group.find(summary)) for row, summary in asked}
        before |= {f"{name} {page}": scores for page, scores in known.items()}
        for variant in variants(name):
            module = importlib.import_module(f"{_PACKAGE}.{variant.module}")
            original = getattr(module, variant.name)
            setattr(module, variant.name, variant.value)
            _forget(module.__name__)
            try:
                found = {row["id"]: _scores(score, row, _try(group.find, summary)) for row, summary in asked}
            finally:
                setattr(module, variant.name, original)
                _forget(module.__name__)
            after[variant.label] = {page: scores for page, scores in found.items() if scores != known[page]}
    return before, after


def _forget(module: str) -> None:
    """Clear what the module has made from its rules and the lists of words."""
    for cached in phrase_lists._cached_functions:
        if cached.__module__ == module:
            cached.cache_clear()


def _summary(row: Row, page: bytes) -> PageSummary | None:
    seen: list[PageSummary] = []
    reader.read(page, PageRequest(url=row.get("url"), content_type=row.get("content_type")), observe=seen.append)
    return seen[0] if seen else None


def _try(find: Find, summary: PageSummary) -> Row:
    try:
        return find(summary)
    except Exception:  # noqa: BLE001 - a rule without which the finder cannot run finds nothing
        return {}


def _scores(score: Any, row: Row, found: Row) -> Scores:
    asked = {key: value for key, value in row.items() if key not in ("text", "with", "without", "paragraphs")}
    judged = score.score_page(asked, {"id": row["id"], "text": "-", **found})
    judged["doubtful"] = float(bool(judged["refused"] or found.get("doubt")))
    sign = -1 if row.get("kind") else 1
    return {
        key: judged[key] * (sign if key in ("refused", "doubtful") else 1)
        for key in _SCORED
        if judged.get(key) is not None
    }


def _fold(row: Row) -> int:
    site = (row["host"] or row["id"]).removeprefix("www.")
    return int(hashlib.sha256(site.encode()).hexdigest(), 16) % _FOLDS


def _worth(group: str, before: ByPage, after: ByPage, folds: dict[str, int]) -> list[float]:
    """What the rule gains in each fold, in pages."""
    gained = [0.0] * _FOLDS
    for page, scores in after.items():
        for key, value in scores.items():
            better = before[f"{group} {page}"][key] - value
            gained[folds[page]] += -better if key in _LOW_IS_GOOD else better
    return [round(one, 2) for one in gained]


def main() -> None:
    """Measure, print the table, and save it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=list(GROUPS), help="only these groups of rules")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    if not CORPUS.is_dir():
        sys.exit("the corpora are not beside the repository; set CORANTO_MATERIAL")
    os.nice(_NICE)
    wanted = {GROUPS[name].truth for name in arguments.only}
    pages = [
        (row, page) for row, page in rows() if row["corpus"] != "dumps" and ("" in wanted or not wanted.isdisjoint(row))
    ]
    folds = {row["id"]: _fold(row) for row, _ in pages}
    before: ByPage = {}
    after: dict[str, ByPage] = {}
    chunks = [pages[n : n + _CHUNK] for n in range(0, len(pages), _CHUNK)]
    with ProcessPoolExecutor(arguments.processes) as pool:
        for known, changed in pool.map(_measure, chunks, [arguments.only] * len(chunks)):
            before |= known
            for label, scores in changed.items():
                after.setdefault(label, {}).update(scores)
    result: dict[str, Any] = {}
    for variant in (variant for name in arguments.only for variant in variants(name)):
        gained = _worth(variant.group, before, after[variant.label], folds)
        result[variant.label] = {"group": variant.group, "gained": round(sum(gained), 2), "by fold": gained,
                                 "pages": len(after[variant.label])}  # fmt: skip
    for label, row in sorted(result.items(), key=lambda item: (item[1]["group"], item[1]["gained"])):
        print(f"{label:<75}{row['gained']:>8.2f}{row['pages']:>6}  {row['by fold']}")
    path = RESULTS / "ablation.json"
    known_before = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    result |= {label: row for label, row in known_before.items() if row["group"] not in arguments.only}
    lines = ",\n".join(f" {json.dumps(label)}: {json.dumps(row)}" for label, row in sorted(result.items()))
    path.write_text(f"{{\n{lines}\n}}\n", "utf-8")


if __name__ == "__main__":
    main()
