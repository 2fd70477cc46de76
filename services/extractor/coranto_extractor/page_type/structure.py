"""How likely the structure of a page makes it that the page is no article: a logistic model of eight measurements.

No word of the page counts, only where its text stands, what stands around it, and what its metadata and its address look like.
MODELS.md says what the weights were learned from; `training/page_structure.py`, which is in no wheel, learns them again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from math import exp, log1p

from coranto_extractor.page.blocks import Block
from coranto_extractor.page_type.summary import PageMetrics, PageSummary, article_types

# Beyond these, more means nothing more.
_MAX_BLOCKS_FROM_HEADLINE = 150
_MAX_PATH_CHARS = 150
_SHOWN_REASONS = 3


MEASUREMENTS = {
    "has_own_date": "no date of its own",
    "og_says_article": "no article by Open Graph",
    "data_say_article": "no article by its data",
    "images": "many pictures for its words",
    "headline_distance": "a headline far from the text",
    "links_within": "many links between the lines of the text",
    "one_element": "a text in many places",
    "path": "a short address",
}
"""The measurements by name, with what each says where it speaks against an article."""

Structure = Mapping[str, float | None]
"""The measurements of one page; None where one cannot be taken."""


def measure_structure(summary: PageSummary, metrics: PageMetrics) -> Structure:
    """The measurements of a page, each between 0 and about 5."""
    lines = set(summary.texts)
    text = [block for block in summary.blocks if block.text in lines]
    # A text from the page's scripts stands nowhere on the page.
    first, last = (text[0].index, text[-1].index) if text else (0, -1)
    within = summary.blocks[first : last + 1]
    share = sum(block.link_chars for block in within) / max(1, sum(len(block.text) for block in within))
    return {
        "has_own_date": float(summary.has_own_date),
        "og_says_article": float(summary.og_type in ("article", "news", "blog")),
        "data_say_article": float(bool(article_types(metrics.types))),
        "images": log1p(1000 * _images(summary) / max(1.0, metrics.text_weight)),
        "headline_distance": log1p(_headline_distance(summary, first)) if text else None,
        "links_within": share if text else None,
        "one_element": _share_in_one_element(text) if text else None,
        "path": min(_MAX_PATH_CHARS, len(metrics.path.partition("?")[0])) / 30 if metrics.path else None,
    }


def judge_structure(structure: Structure) -> tuple[float, str]:
    """The probability that a page with these measurements is no article, and what speaks most for that."""
    intercept, weights = _model()
    parts = {
        name: weight * (value - mean)
        for name, (weight, mean) in weights.items()
        if (value := structure[name]) is not None
    }
    telling = sorted((name for name, part in parts.items() if part > 0), key=lambda name: -parts[name])
    said = ", ".join(MEASUREMENTS[name] for name in telling[:_SHOWN_REASONS])
    return 1 / (1 + exp(-intercept - sum(parts.values()))), said


@cache
def _model() -> tuple[float, dict[str, tuple[float, float]]]:
    """The intercept, and for each measurement its weight and its mean, which stands in for one that is missing."""
    model = json.loads(files(__package__).joinpath("structure.json").read_text("utf-8"))
    return model["intercept"], {name: (model["weights"][name], model["means"][name]) for name in MEASUREMENTS}


def _images(summary: PageSummary) -> int:
    return sum(1 for _ in summary.reading.root.iter("img"))


def _headline_distance(summary: PageSummary, first: int) -> int:
    """How many blocks below or above the headline the text begins."""
    heading = summary.reading.headline.heading if summary.reading.headline else None
    distances = (abs(block.index - first) for block in summary.blocks if heading and block.text == heading)
    return min(_MAX_BLOCKS_FROM_HEADLINE, min(distances, default=_MAX_BLOCKS_FROM_HEADLINE))


def _share_in_one_element(text: list[Block]) -> float:
    """The share of the text that the element with most of it holds without any element between."""
    weights: dict[object, float] = {}
    for block in text:
        parent = block.element.getparent()
        weights[parent] = weights.get(parent, 0.0) + block.weight
    return max(weights.values()) / max(1.0, sum(weights.values()))
