"""The model of a page's structure: what it does without a measurement, and that its training finds what tells pages apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import load_program

from coranto_extractor.page_request import PageRequest
from coranto_extractor.page_type.structure import MEASUREMENTS, Structure, judge_structure, measure_structure
from coranto_extractor.page_type.summary import PageSummary, measure
from coranto_extractor.reader import read

_TRAINING = Path(__file__).resolve().parents[3] / "services" / "extractor" / "training" / "page_structure.py"
_LIKE_AN_ARTICLE = {
    "has_own_date": 1.0, "og_says_article": 1.0, "data_say_article": 1.0, "images": 0.0, "headline_distance": 0.0,
    "links_within": 0.0, "one_element": 1.0, "path": 2.0,
}  # fmt: skip
_LIKE_A_LIST = {
    "has_own_date": 0.0, "og_says_article": 0.0, "data_say_article": 0.0, "images": 4.0, "headline_distance": 4.0,
    "links_within": 0.3, "one_element": 0.2, "path": 0.2,
}  # fmt: skip


def _structure_of(page: bytes, url: str | None = None) -> Structure:
    seen: list[PageSummary] = []
    read(page, PageRequest(url=url), observe=seen.append)
    return measure_structure(seen[0], measure(seen[0]))


def test_every_measurement_counts_and_is_named_when_it_speaks_against_an_article() -> None:
    sure, _ = judge_structure(_LIKE_AN_ARTICLE)
    for name, evidence in MEASUREMENTS.items():
        probability, said = judge_structure({**_LIKE_AN_ARTICLE, name: _LIKE_A_LIST[name]})
        assert probability > sure
        assert evidence in said
    assert judge_structure(_LIKE_A_LIST)[0] > 0.9


def test_page_without_address_is_judged_by_the_rest() -> None:
    assert judge_structure({**_LIKE_A_LIST, "path": None})[0] > 0.9
    assert judge_structure({**_LIKE_AN_ARTICLE, "path": None})[0] < 0.05


def test_text_from_scripts_has_no_place_on_the_page() -> None:
    text = "The harbour bridge was opened on Friday, said the council. It took two years to repair. " * 8
    data = f'<script type="application/json">{{"article": {{"body": "{text}"}}}}</script>'
    page = f"<html><head><title>Harbour bridge opens</title></head><body><div id='root'></div>{data}</body></html>"
    structure = _structure_of(page.encode())
    assert (structure["headline_distance"], structure["links_within"], structure["one_element"]) == (None, None, None)
    assert judge_structure(structure)[0] < 0.5


def test_measurements_are_taken_where_the_text_stands() -> None:
    lines = "".join(
        f"<p>The council said of pier {n}, in a long sentence on Friday, that it holds.</p>" for n in range(4)
    )
    menu = "".join(f"<div><a href='/{n}'>Menu {n}</a><img src='{n}.jpg'></div>" for n in range(10))
    beside = _structure_of(f"<h1>Pier</h1><main>{lines}</main>{menu}".encode(), "https://news.example/pier?from=feed")
    apart = _structure_of(f"<h1>Pier</h1>{menu}<main>{lines}</main>".encode())
    assert (beside["links_within"], beside["one_element"]) == (0.0, 1.0)
    assert beside["headline_distance"] == pytest.approx(0.693, abs=0.001)
    assert beside["path"] == pytest.approx(len("/pier") / 30)
    assert apart["path"] is None
    assert apart["headline_distance"] == pytest.approx(2.485, abs=0.001)
    assert beside["images"] == apart["images"] > 3


def test_training_learns_which_measurement_tells_pages_apart_and_nothing_from_the_others() -> None:
    training = load_program(_TRAINING)
    pages = [
        training.LabelledPage(
            site=f"site{n}.example",
            is_article=n % 4 > 0,
            may_train=True,
            # Whether it is dated tells all; the pictures are the same on both kinds.
            structure={**_LIKE_AN_ARTICLE, "has_own_date": float(n % 4 > 0), "images": n % 3, "path": None if n % 5 == 0 else 1.0},
        )
        for n in range(240)
    ]  # fmt: skip
    model = training.learn(pages)
    weights = model["weights"]
    assert weights["has_own_date"] < -2
    assert all(abs(weight) < 0.05 for name, weight in weights.items() if name != "has_own_date")
    judged = training.by_folds(pages)
    assert all((probability < 0.5) == page.is_article for page, probability in zip(pages, judged, strict=True))
    assert training.learn(pages) == model


def test_shipped_model_has_a_weight_and_a_mean_for_each_measurement() -> None:
    assert judge_structure(dict.fromkeys(MEASUREMENTS))[1] == ""
