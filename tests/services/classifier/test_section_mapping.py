"""What the publisher's section, tags and URL say about the topic."""

from __future__ import annotations

from pathlib import Path

import pytest

from coranto_classifier.topics.media_topics import TOP_CODES, media_topics, top_of
from coranto_classifier.topics.section_mapping import SectionTable


@pytest.mark.parametrize(
    ("section", "top"),
    [
        ("Политика", "11000000"), ("ЭКОНОМИКА", "04000000"), ("Силовые структуры", "02000000"), ("Спорт", "15000000"),
        ("Наука и техника", "13000000"), ("Путешествия", "10000000"), ("Погода", "17000000"), ("Религия", "12000000"),
        ("Politics", "11000000"), ("Arts and Culture", "01000000"), ("ARTS & CULTURE", "01000000"), ("Sci/Tech", "13000000"),
        ("World > Business", "04000000"), ("Football", "15000000"), ("Weather", "17000000"), ("Wirtschaft", "04000000"),
    ],
)  # fmt: skip
def test_section_is_mapped_however_it_is_written(section: str, top: str) -> None:
    hints = SectionTable().hints(section=section)
    assert [top_of(hint.code) for hint in hints] == [top]


@pytest.mark.parametrize("section", ["Россия", "Мир", "World", "News", "Главное", "", "???"])
def test_section_that_tells_nothing_gives_no_hint(section: str) -> None:
    assert SectionTable().hints(section=section) == []


def test_every_line_of_the_table_names_a_living_code() -> None:
    table = SectionTable()
    codes = {code for of_section, _ in table._table.values() for code in of_section}
    assert codes <= media_topics().keys()
    assert not [code for code in codes if media_topics()[code].is_retired]
    assert {top_of(code) for code in codes} == set(TOP_CODES)


def test_address_and_tags_speak_when_there_is_no_section() -> None:
    hints = SectionTable().hints(section=None, tags=["Хоккей"], url="https://site.example/sport/2026/05/01/page.html")
    assert {(hint.source, top_of(hint.code)) for hint in hints} == {("tags", "15000000"), ("url", "15000000")}


@pytest.mark.parametrize("column", ["section"])
def test_own_table_comes_before_the_shipped_one(tmp_path: Path, column: str) -> None:
    own = tmp_path / "own.tsv"
    own.write_text(f"{column}\tcode\tscore\nНаш город\t06000000\t0.8\nСпорт\t08000000\t0.6\n", encoding="utf-8")
    sections = SectionTable(own)
    assert sections.find("наш город") == (("06000000",), 0.8)
    assert sections.find("Спорт") == (("08000000",), 0.6)


def test_own_table_with_an_unknown_code_is_refused_by_line(tmp_path: Path) -> None:
    own = tmp_path / "own.tsv"
    own.write_text("section\tcode\tscore\nНаш город\t99\t0.8\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"line 2 .*'99'"):
        SectionTable(own)


def test_own_table_without_the_column_is_refused(tmp_path: Path) -> None:
    own = tmp_path / "own.tsv"
    own.write_text("name\tcode\nСпорт\t15000000\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no column 'section'"):
        SectionTable(own)


def test_section_may_stand_for_two_codes() -> None:
    (hint,) = SectionTable().hints(section="Происшествия")
    assert hint.top_codes == ("02000000", "03000000")
