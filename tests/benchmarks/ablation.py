"""Measures what each rule of the extractor is worth, on the labelled corpora.

`rules.py` says what a rule is and how it is changed. Only what a group of rules decides is found again, from what was read of the
page before, and only on pages with a truth for it. What a rule gains is counted by folds of sites: one that no fold is worse
without may go, unless a small page in the tests needs it.

    python tests/benchmarks/ablation.py [--only titles dates …] [--minutes 8 --progress FILE]

With a file of progress, a run that was cut short goes on where it ended, as long as the code is the same.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import rules
from extraction import CORPUS, RESULTS, Row, _scorer, rows

import coranto_extractor
from coranto_extractor import reader
from coranto_extractor.fields import images, tags, titles
from coranto_extractor.fields.authorship import authors
from coranto_extractor.fields.authorship.author_bios import article_indexes
from coranto_extractor.fields.dating import dates
from coranto_extractor.page.surroundings import around_headline, below_text
from coranto_extractor.page_request import PageRequest
from coranto_extractor.page_type import decision
from coranto_extractor.page_type.summary import PageSummary
from coranto_extractor.refusal import NotAnArticle
from coranto_extractor.text import container, text_candidates
from coranto_extractor.text.paragraphs import kept_paragraphs, lines_of

_FOLDS = 5
_CHUNK = 50
_NICE = 10
_MIN_DIFFERENCE = 1e-9
_SCORED = (
    "title", "date", "d+", "author", "awrong", "a+", "tags", "credit", "refused", "doubtful", "f", "with", "without",
)  # fmt: skip
# Of these, less is better; of pages that are no articles, more are to be refused.
_LOW_IS_GOOD = ("d+", "awrong", "a+", "refused", "doubtful", "without")

Scores = dict[str, float]
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


def _find_text(summary: PageSummary) -> Row:
    _, headline, chosen = reader._find_text(summary.reading.root, summary.reading.metadata, is_further_page=False)
    heading = headline.heading if headline else None
    paragraphs = kept_paragraphs(chosen.texts, chosen.blocks, heading)
    byline = reader.find_authors(summary.reading)
    names = [person.name for person in byline.value.persons] if byline else []
    stays = article_indexes([paragraph.text for paragraph in paragraphs], names)
    text = "\n".join(lines_of([paragraphs[n] for n in stays]))
    return {"text": text, "title": headline.title.value if headline else None}


def _find_near_headline(summary: PageSummary) -> Row:
    reading = summary.reading
    near = around_headline(reading.blocks, reading.headline.heading if reading.headline else None, reading.container)
    reading = replace(reading, near_headline=near, below_text=below_text(reading.blocks, reading.texts, near))
    again = replace(summary, reading=reading)
    return {**_find_dates(again), **_find_authors(again)}


@dataclass(frozen=True, slots=True)
class Group:
    """What finds a field, and the modules whose rules it follows."""

    find: Find
    modules: tuple[str, ...]
    truth: tuple[str, ...] = ()
    """The fields of which a page's truth must have one; empty for all pages."""
    nothing: Mapping[str, str | None] = field(default_factory=dict)
    """What is found when a rule is missing without which nothing can be."""
    kept: tuple[str, ...] = ()
    """Functions of the reader whose answers for a page no rule of the group changes."""


_TEXT_TRUTH = ("text", "with", "without")
_NO_TEXT = {"text": "", "title": None}
GROUPS = {
    "titles": Group(_find_title, ("fields.titles",), ("title",)),
    "dates": Group(
        _find_dates,
        (
            *(
                f"fields.dating.{name}"
                for name in ("dates", "date_reader", "shown", "stated", "time_elements", "url_dates", "page_clock")
            ),
            "language.date_parsing",
        ),
        ("published",),
    ),
    "surroundings": Group(_find_near_headline, ("page.surroundings",), ("published", "authors")),
    "authors": Group(
        _find_authors,
        (
            "fields.places",
            *(f"fields.authorship.{name}" for name in ("authors", "stated", "shown", "author_names", "byline_lines")),
        ),
        ("authors",),
    ),
    "tags": Group(_find_tags, ("fields.tags",), ("tags",)),
    "images": Group(_find_images, ("fields.images", "page.captions"), ("image_credit",)),
    "page_type": Group(
        _judge, tuple(f"page_type.{name}" for name in ("decision", "signs", "summary", "structure", "entries"))
    ),
    "text": Group(
        _find_text,
        ("text.container", "text.article", "text.boxes", "text.standfirst", "text.text_candidates", "text.lines", "text.paragraphs",
         "fields.authorship.author_bios"),
        _TEXT_TRUTH,
        _NO_TEXT,
        ("split_blocks", "find_headline", "find_authors"),
    ),
    "page": Group(
        _find_text,
        ("page.blocks", "page.regions", "page.standfirst", "page.embedded_json"),
        _TEXT_TRUTH,
        _NO_TEXT,
        ("find_authors",),
    ),
}  # fmt: skip


class _Kept:
    """The answers of slow functions that no rule of the group changes, for one page."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._answers: dict[tuple[Any, ...], Any] = {}
        self._regions: dict[int, list[frozenset[str]]] = {}
        self._by_text: dict[str, Callable[..., Any]] = {}

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within this context, the reader gets these answers."""
        originals = [(reader, name, getattr(reader, name)) for name in self._names]
        originals.append((text_candidates, "trafilatura_candidate", text_candidates.trafilatura_candidate))
        for module, name, function in originals:
            setattr(module, name, self._keeping(function))
        for module, name in ((container, "stems"), (text_candidates, "tokens"), (text_candidates, "overlap")):
            originals.append((module, name, getattr(module, name)))
            setattr(module, name, self._by_text.setdefault(name, lru_cache(maxsize=None)(getattr(module, name))))
        try:
            yield
        finally:
            for module, name, function in originals:
                setattr(module, name, function)

    def _keeping(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def keep(*arguments: Any, **named: Any) -> Any:
            key = (function.__name__, *map(id, arguments), *named.items())
            if key not in self._answers:
                # The arguments stay alive, so that no other object gets the id of one.
                self._answers[key] = (function(*arguments, **named), arguments)
            answer, _ = self._answers[key]
            if function.__name__ == "split_blocks":
                # The container's search takes misleading regions off the blocks.
                known = self._regions.setdefault(id(answer), [block.regions for block in answer])
                for block, regions in zip(answer, known, strict=True):
                    block.regions = regions
            return answer

        return keep


@dataclass(frozen=True, slots=True)
class _Page:
    row: Row
    summary: PageSummary
    alive: list[Any]
    """The elements of the tree: lxml makes each anew otherwise."""
    kept: _Kept

    def find(self, find: Find) -> Row:
        with self.kept.in_place():
            return find(self.summary)


def _measure(name: str, chunk: Sequence[tuple[Row, bytes]]) -> dict[str, Any]:
    """The scores of the pages as they are, and for each variant, those of the pages that it changes."""
    logging.disable(logging.CRITICAL)
    score = _scorer()
    group = GROUPS[name]
    pages = [page for row, content in chunk if (page := _read(row, content, group)) is not None]
    before = {page.row["id"]: _scores(score, page.row, page.find(group.find)) for page in pages}
    watch = rules.Watch(group.modules)
    concerned: dict[str, list[_Page]] = {}
    for page in pages:
        with watch.on_page() as labels:
            page.find(group.find)
        for label in labels:
            concerned.setdefault(label, []).append(page)
    after: dict[str, dict[str, Scores]] = {}
    for variant in rules.variants(group.modules):
        if variant.label not in concerned:
            continue
        with rules.changed(variant):
            found = {page.row["id"]: _scores(score, page.row, _try(page, group)) for page in concerned[variant.label]}
        after[variant.label] = {page: scores for page, scores in found.items() if _differ(scores, before[page])}
    return {"before": before, "after": after}


def _differ(one: Scores, other: Scores) -> bool:
    return any(abs(one[key] - other[key]) > _MIN_DIFFERENCE for key in one)


def _read(row: Row, content: bytes, group: Group) -> _Page | None:
    seen: list[PageSummary] = []
    reader.read(content, PageRequest(url=row.get("url"), content_type=row.get("content_type")), observe=seen.append)
    return _Page(row, seen[0], list(seen[0].reading.root.iter()), _Kept(group.kept)) if seen else None


def _try(page: _Page, group: Group) -> Row:
    try:
        return page.find(group.find)
    except Exception:  # noqa: BLE001 - without some rules the finder cannot run
        return dict(group.nothing)


def _scores(score: Any, row: Row, found: Row) -> Scores:
    asked = (
        row
        if "text" in found
        else {key: value for key, value in row.items() if key not in (*_TEXT_TRUTH, "paragraphs")}
    )
    judged = score.score_page(asked, {"id": row["id"], "text": "-", **found})
    judged["doubtful"] = float(bool(judged["refused"] or found.get("doubt")))
    if "snip" in judged:
        wanted, unwanted, of_wanted, of_unwanted = judged["snip"]
        judged["with"] = wanted / of_wanted if of_wanted else None
        judged["without"] = unwanted / of_unwanted if of_unwanted else None
    sign = -1 if row.get("kind") else 1
    return {
        key: judged[key] * (sign if key in ("refused", "doubtful") else 1)
        for key in _SCORED
        if judged.get(key) is not None
    }


def _fold(row: Row) -> int:
    site = (row["host"] or row["id"]).removeprefix("www.")
    return int(hashlib.sha256(site.encode()).hexdigest(), 16) % _FOLDS


def _worth(before: dict[str, Scores], after: dict[str, Scores], folds: dict[str, int]) -> list[float]:
    """What the rule gains in each fold, in pages."""
    gained = [0.0] * _FOLDS
    for page, scores in after.items():
        for key, value in scores.items():
            better = before[page][key] - value
            gained[folds[page]] += -better if key in _LOW_IS_GOOD else better
    return [round(one, 2) + 0.0 for one in gained]


def _digest() -> str:
    """What the results of a piece of work depend on."""
    sources = [
        path for folder in (coranto_extractor.__path__[0], Path(__file__).parent) for path in Path(folder).rglob("*.*")
    ]
    read = hashlib.sha256()
    for path in sorted(path for path in sources if path.suffix in (".py", ".toml") or path.name == "structure.json"):
        read.update(path.read_bytes())
    return read.hexdigest()


def _progress(path: Path | None, digest: str) -> dict[str, Any]:
    if path is None or not path.is_file():
        return {}
    lines = map(json.loads, path.read_text("utf-8").splitlines())
    return {line["piece"]: line["measured"] for line in lines if line["code"] == digest}


def _table(group: str, measured: Sequence[dict[str, Any]], folds: dict[str, int]) -> dict[str, Any]:
    before = {page: scores for one in measured for page, scores in one["before"].items()}
    result = {}
    for variant in rules.variants(GROUPS[group].modules):
        after = {page: scores for one in measured for page, scores in one["after"].get(variant.label, {}).items()}
        gained = _worth(before, after, folds)
        result[variant.label] = {
            "group": group, "gained": round(sum(gained), 2) + 0.0, "by fold": gained, "pages": len(after)
        }  # fmt: skip
    return result


def main() -> None:
    """Measure, print the table, and save it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=list(GROUPS), help="only these groups of rules")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no piece of work after so long")
    parser.add_argument("--progress", type=Path, help="a file for what was measured, to go on later")
    parser.add_argument("--every", type=int, default=1, help="only one of so many pages")
    arguments = parser.parse_args()
    if not CORPUS.is_dir():
        sys.exit("the corpora are not beside the repository; set CORANTO_MATERIAL")
    os.nice(_NICE)
    pages = [(row, page) for row, page in rows() if row["corpus"] != "dumps"]
    folds = {row["id"]: _fold(row) for row, _ in pages}
    pieces: dict[str, tuple[str, list[tuple[Row, bytes]]]] = {}
    for name in arguments.only:
        truth = GROUPS[name].truth
        asked = [(row, page) for row, page in pages if not truth or any(row.get(key) is not None for key in truth)]
        asked = asked[:: arguments.every]
        for n in range(0, len(asked), _CHUNK):
            pieces[f"{name} {arguments.every} {n}"] = (name, asked[n : n + _CHUNK])
    digest = _digest()
    measured = _progress(arguments.progress, digest)
    end = time.monotonic() + 60 * arguments.minutes
    waiting = [piece for piece in pieces if piece not in measured]
    with ProcessPoolExecutor(arguments.processes) as pool:
        running = {pool.submit(_measure, *pieces[piece]): piece for piece in waiting}
        for done in as_completed(running):
            if done.cancelled():
                continue
            measured[running[done]] = done.result()
            if arguments.progress:
                with arguments.progress.open("a", encoding="utf-8") as file:
                    line = {"code": digest, "piece": running[done], "measured": done.result()}
                    file.write(json.dumps(line) + "\n")
            if time.monotonic() > end:
                for other in running:
                    other.cancel()
    missing = [piece for piece in pieces if piece not in measured]
    if missing:
        sys.exit(f"{len(missing)} of {len(pieces)} pieces are left; run the same again to go on")
    result: dict[str, Any] = {}
    for name in arguments.only:
        result |= _table(name, [measured[piece] for piece in pieces if pieces[piece][0] == name], folds)
    for label, row in sorted(result.items(), key=lambda item: (item[1]["group"], item[1]["gained"])):
        print(f"{label:<75}{row['gained']:>8.2f}{row['pages']:>6}  {row['by fold']}")
    path = RESULTS / "ablation.json"
    known_before = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    result = {label: row for label, row in known_before.items() if row["group"] not in arguments.only} | result
    lines = ",\n".join(f" {json.dumps(label)}: {json.dumps(row)}" for label, row in sorted(result.items()))
    path.write_text(f"{{\n{lines}\n}}\n", "utf-8")


if __name__ == "__main__":
    main()
