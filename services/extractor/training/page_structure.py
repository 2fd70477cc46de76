"""Learns the weights of the model of a page's structure from labelled pages, and writes them to `page_type/structure.json`.

    python services/extractor/training/page_structure.py --corpora DIR [--target FILE] [--folds]

Run from a checkout, or as `make models`; it is in no wheel. DIR holds a folder for each corpus with `truth.jsonl` and its pages.
The same pages give the same file. `--folds` writes nothing and says how well the model judges sites that it has not learned from.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coranto_extractor.page_request import PageRequest
from coranto_extractor.page_type.structure import MEASUREMENTS, Structure, measure_structure
from coranto_extractor.page_type.summary import PageSummary, measure
from coranto_extractor.reader import read

TARGET = Path(__file__).parents[1] / "coranto_extractor" / "page_type" / "structure.json"
LICENCES = frozenset({"MIT", "Apache-2.0", "MIT or Apache-2.0", "CC-BY-4.0"})
"""The terms of annotations that may be learned from. Those of other pages are left alone."""
# Text dumps have no structure.
_LEFT_OUT = frozenset({"dumps"})
_FOLDS = 5
# Chosen on folds: between 3 and 100 the figures hardly differ.
_PENALTY = 30.0
# Lists are far more frequent among addresses found than among the pages here. It also decides how many articles become doubtful.
_WEIGHT_OF_OTHERS = 1.5
_STEPS = 40
_DIGITS = 4

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class LabelledPage:
    """The measurements of a page, with what people say that it is."""

    site: str
    is_article: bool
    may_train: bool
    structure: Structure


def labelled_pages(corpora: Path) -> Iterator[LabelledPage]:
    """The pages of all corpora that can be read at all."""
    for truth in sorted(corpora.glob("*/truth.jsonl")):
        if truth.parent.name in _LEFT_OUT:
            continue
        for line in truth.read_text("utf-8").splitlines():
            row = json.loads(line)
            structure = _structure(gzip.decompress((truth.parent / row["page"]).read_bytes()), row.get("url"))
            if structure is not None:
                yield LabelledPage(
                    site=(row.get("host") or row["id"]).removeprefix("www."),
                    is_article="kind" not in row,
                    may_train=row.get("licence") in LICENCES,
                    structure=structure,
                )


def _structure(page: bytes, url: str | None) -> Structure | None:
    found: list[Structure] = []

    def observe(summary: PageSummary) -> None:
        found.append(measure_structure(summary, measure(summary)))

    read(page, PageRequest(url=url), observe=observe)
    return found[0] if found else None


def learn(pages: Sequence[LabelledPage]) -> dict[str, Any]:
    """The model that fits the pages, as it is written to the file.

    Each page is learned from a second time without its address, so that the other measurements carry a page that has none.
    """
    columns = [[page.structure[name] for page in pages] for name in MEASUREMENTS]
    values = np.array(columns, dtype=float).T
    means = np.nanmean(values, axis=0)
    centred = np.nan_to_num(values - means)
    without_address = centred.copy()
    without_address[:, list(MEASUREMENTS).index("path")] = 0.0
    is_other = np.array([not page.is_article for page in pages], dtype=float)
    spread = centred.std(axis=0) + 1e-9
    weights = _fit(np.vstack([centred, without_address]) / spread, np.concatenate([is_other, is_other]))
    return {
        "intercept": round(float(weights[-1]) + math.log(_WEIGHT_OF_OTHERS), _DIGITS),
        "weights": dict(zip(MEASUREMENTS, (round(float(one), _DIGITS) for one in weights[:-1] / spread), strict=True)),
        "means": dict(zip(MEASUREMENTS, (round(float(one), _DIGITS) for one in means), strict=True)),
    }


def _fit(values: Matrix, is_other: Matrix) -> Matrix:
    """Weights and intercept of a logistic regression with a squared penalty on the weights, by Newton's method."""
    extended = np.hstack([values, np.ones((len(values), 1))])
    penalty = np.diag([_PENALTY] * values.shape[1] + [0.0])
    weights = np.zeros(extended.shape[1])

    def loss(candidate: Matrix) -> float:
        scores = extended @ candidate
        return float(np.sum(np.logaddexp(0, scores) - is_other * scores) + 0.5 * candidate @ penalty @ candidate)

    for _ in range(_STEPS):
        expected = 1 / (1 + np.exp(-extended @ weights))
        gradient = extended.T @ (expected - is_other) + penalty @ weights
        curvature = (extended * (expected * (1 - expected) + 1e-9)[:, None]).T @ extended + penalty
        step = np.linalg.solve(curvature, gradient)
        # A whole step may overshoot where the classes are nearly separable.
        size = next((size for size in (1.0, 0.5, 0.25, 0.1) if loss(weights - size * step) < loss(weights)), 0.0)
        weights = weights - size * step
    return weights


def probabilities(model: dict[str, Any], pages: Sequence[LabelledPage]) -> list[float]:
    """What a model says of each page."""
    found = []
    for page in pages:
        parts = (
            model["weights"][name] * (value - model["means"][name])
            for name, value in page.structure.items()
            if value is not None
        )
        found.append(1 / (1 + float(np.exp(-model["intercept"] - sum(parts)))))
    return found


def by_folds(pages: Sequence[LabelledPage]) -> list[float]:
    """What a model that has seen no page of its site says of each page."""
    folds = [int(hashlib.sha256(page.site.encode()).hexdigest(), 16) % _FOLDS for page in pages]
    found = [0.0] * len(pages)
    for fold in range(_FOLDS):
        model = learn([page for page, own in zip(pages, folds, strict=True) if own != fold and page.may_train])
        apart = [number for number, own in enumerate(folds) if own == fold]
        for number, probability in zip(apart, probabilities(model, [pages[n] for n in apart]), strict=True):
            found[number] = probability
    return found


def main() -> None:
    """Train, or measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=Path, required=True)
    parser.add_argument("--target", type=Path, default=TARGET)
    parser.add_argument("--folds", action="store_true", help="only say how well sites are judged that were left out")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    pages = list(labelled_pages(arguments.corpora))
    if arguments.folds:
        judged = list(zip(pages, by_folds(pages), strict=True))
        for threshold in (0.3, 0.4, 0.5, 0.7, 0.9):
            articles = [probability >= threshold for page, probability in judged if page.is_article]
            others = [probability >= threshold for page, probability in judged if not page.is_article]
            print(f"from {threshold}: {np.mean(others):.3f} of other pages, {np.mean(articles):.4f} of articles")
        return
    model = learn([page for page in pages if page.may_train])
    arguments.target.write_text(json.dumps(model, indent=1) + "\n", "utf-8")
    print(f"{arguments.target.name}: {sum(page.may_train for page in pages)} pages")


if __name__ == "__main__":
    main()
