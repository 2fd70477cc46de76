"""The classifier gives topics and the article store searches them: both know the same tree."""

from __future__ import annotations

import csv
from importlib.resources import files


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
