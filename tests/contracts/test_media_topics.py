"""The classifier gives topics and the article store searches them: both know the same tree."""

from __future__ import annotations

import csv
import re
from importlib.resources import files

import pytest

from coranto.media_topics import name_in


def rows(package: str, name: str) -> list[dict[str, str]]:
    text = files(package).joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines(), delimiter="\t"))


def test_store_and_classifier_know_the_same_topics() -> None:
    russian = {row["code"]: row["name_ru"] for row in rows("coranto_classifier.data", "topic_names_ru.tsv")}
    assert rows("coranto", "data/media_topics.tsv") == [
        {
            "code": row["code"],
            "parent": row["parent"],
            "name_en": row["name_en"],
            "name_ru": row["name_ru"] or russian.get(row["code"], ""),
        }
        for row in rows("coranto_classifier.data", "mediatopics.tsv")
    ]


@pytest.mark.parametrize(
    ("topic", "russian"),
    [
        ("15000000", "спорт"),
        ("medtop:15000000", "спорт"),
        ("Sport", "спорт"),
        ("film festival", "кинофестиваль"),
        # It has no Russian name itself.
        ("bobsleigh", "спорт"),
        ("a topic of 1998", "a topic of 1998"),
    ],
)
def test_a_topic_is_named_in_a_language_by_itself_or_by_what_stands_above_it(topic: str, russian: str) -> None:
    assert name_in(topic, "ru") == russian


def test_every_topic_has_a_name_in_both_languages() -> None:
    for row in rows("coranto", "data/media_topics.tsv"):
        assert name_in(row["code"], "en") == row["name_en"]
        assert re.search("[а-я]", name_in(row["code"], "ru")), row["code"]
