"""Hostile text, and input that is hardly text at all."""

from __future__ import annotations

import time

import pytest

from coranto_classifier.duplicates.fingerprint import make_fingerprint
from coranto_classifier.entities.name_key import name_key
from coranto_classifier.text_models import LONGEST_TEXT, ArticleText, TextModels

_SENTENCE = "Президент России Владимир Путин прибыл в Москву. "


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00" * 1000,
        "а" * 1_000_000,
        "президент" * 100_000,
        "😀" * 50_000,
        "\u202e\u200f" + _SENTENCE * 3,
        "\ud800 " + _SENTENCE,
        "." * 300_000,
        "A. " * 30_000,
        "«" * 50_000,
        "\n" * 100_000,
        "Ивана " * 20_000,
        "The The The " * 20_000,
        "ﷺ" * 10_000,
        "1 " * 100_000,
    ],
    ids=lambda text: ascii(text[:12]),
)
def test_any_text_gets_an_answer_in_bounded_time(models: TextModels, text: str) -> None:
    started = time.process_time()
    analysis = models.analyse(ArticleText(text[:5000], text))
    make_fingerprint(text[:5000], text)
    assert time.process_time() - started < 8
    assert all(0 <= topic.score <= 1 for topic in analysis.topics)


@pytest.mark.parametrize(
    "text",
    [
        "A" * 20_000,
        "Anna Nowak " * 2_000,
        "." * 20_000,
        "A-" * 10_000,
        "\n" * 20_000,
        "«" * 9_000 + "Ж",
        "A. " * 7_000,
    ],
    ids=lambda text: ascii(text[:12]),
)
def test_names_in_croatian_take_bounded_time(models: TextModels, text: str) -> None:
    started = time.process_time()
    models.recognizer("hr").find(text)
    assert time.process_time() - started < 8


def test_long_text_is_cut_and_the_record_says_so(models: TextModels) -> None:
    analysis = models.analyse(ArticleText("Визит", _SENTENCE * (LONGEST_TEXT // 40)))
    assert "text_cut" in analysis.notes
    assert all(mention.end <= LONGEST_TEXT + 3000 for entity in analysis.entities for mention in entity.mentions)


def test_direction_marks_and_nuls_do_not_shift_positions(models: TextModels) -> None:
    text = "\u202e\x00Президент России Владимир Путин прибыл в Москву."
    analysis = models.analyse(ArticleText("Визит", text))
    merge_mentions = f"Визит\n{text}"
    assert analysis.entities
    for entity in analysis.entities:
        for mention in entity.mentions:
            assert merge_mentions[mention.start : mention.end] == mention.text


def test_name_of_combining_marks_takes_bounded_time() -> None:
    started = time.process_time()
    assert name_key("Anna N" + "\u0323\u0301" * 100_000) is None
    assert time.process_time() - started < 1
