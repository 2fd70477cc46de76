"""An invented language, added as one file: every rule must find its words there and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from coranto.records import Content
from coranto_extractor.fields.authorship.author_names import bare_name
from coranto_extractor.language.date_parsing import parse_date_text
from coranto_extractor.language.phrase_lists import KEYS, languages, load_languages, with_extra_languages
from coranto_extractor.page.captions import split_caption
from coranto_extractor.refusal import NotAnArticle
from coranto_extractor.text.lines import why_not_text

_ZELDIC = """
name = "Zeldic"
months = [["vorun", "vor"], ["telun"], ["mirun"], ["kalun"], ["dorun"], ["felun"], ["jurun"], ["harun"], ["serun"],
    ["oktun"], ["nalun"], ["zedun obra"]]
ordinal_suffixes = ["ux"]
before_month = ["zu'"]
before_year = ["qel"]
after_year = ["jar"]
year_units = ["ħ"]
month_units = ["ŧ"]
day_units = ["đ"]
month_number_words = ["munq"]
year_number_words = ["jarq"]
year_first_words = ["jf."]
afternoon = ["pzv"]
forenoon = ["fzv"]
updated = ["renovrat"]
published = ["publikrat"]
byline_prefixes = ["skribrat qip"]
and_words = ["ux"]
first_surnames = ["qorvelux"]
all_posts = ["al postux"]
affiliation_words = ["cu"]
name_particles = ["qon"]
name_titles = ["drix"]
roles = ["skribril"]
desk = ["redaktsux"]
photo_labels = ["bildux"]
credit_by = ["qip"]
credit_of = ["dux"]
counted = ["delrat*"]
comment_labels = ["komentux"]
read_also = ["lux elsa"]
boilerplate = ["klikux zir"]
footer_notes = ["ploz skribux"]
publisher_notices = ["abonux nostra letrix"]
signatures = ["rapurt qip"]
not_found = ["pagina nulux"]
tag_labels = ["temux"]
home_labels = ["hux"]
author_class_names = ["skribant*"]
tag_class_names = ["temlist"]
section_class_names = ["rubbix"]
letter_variants = ["ƣg"]

[eras]
"zem" = 1990
"""

_TEXT = (
    "Na harbux bruk vat opun fridax, after du jarux lon reparux, sa konsilux en sitaz, ik al bussux gux toda.",
    "Inginurix chanjat al fortix kablux, ik sa kostat trid mindux lon planat, akordix tu repurt en sitaz.",
    "Na ferrix, ik stotat in for bruk, maxat las krosux sondax, sa konsilux, ik gux zu islux en norx.",
    "Al kablux hux testat sevrux lon vintrux, ik non vat bad, sa hefux en bildux ofix, tu papirix en sitaz.",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "qz.toml").write_text(_ZELDIC, "utf-8")
    return tmp_path


@pytest.fixture
def zeldic(folder: Path) -> Iterator[None]:
    with with_extra_languages(folder):
        yield


def _page() -> bytes:
    paragraphs = [f"<p>{paragraph}</p>" for paragraph in _TEXT]
    paragraphs.insert(2, "<h2>Sa kostat</h2>")
    return f"""<!doctype html><html lang="qz"><head><meta charset="utf-8"><title>Harbux bruk opun | Posta</title>
    <meta property="og:type" content="article"></head><body><main><article><h1>Harbux bruk opun</h1>
    <p class="rubbix">Sitaz</p>
    <p>Skribrat qip Zana Qorvel ux Tibor qon Maxel, skribril</p>
    <p>Publikrat: 7ux zu'telun qel 2023 jar, 3:45 pzv</p>
    <figure><img src="/bruk.jpg" width="800"><figcaption>Na bruk in vintrux. Bildux qip Ana Zor</figcaption></figure>
    <div class="text">{"".join(paragraphs)}
    <p>Lux elsa: na tunnelux klosat</p><p>Ploz skribux tu nos lon ferrux</p></div>
    <div><p>Temux:</p><ul><li><a href="/a">Bruk</a></li><li><a href="/b">Ferrix</a></li></ul></div>
    <h3>Komentux (2)</h3><p>Sa bruk vat nuntax opun, ik muj bus non gat for vintrux, tu al in sitaz en norx.</p>
    </article></main></body></html>""".encode()


def test_page_in_a_language_added_as_a_file_is_read(zeldic: None, read_article: Callable[..., Content]) -> None:
    article = read_article(_page(), "https://posta.example/sitaz/harbux-bruk")
    assert [person.name for person in article.authors] == ["Zana Qorvel", "Tibor qon Maxel"]
    assert article.published is not None
    assert article.published.text == "2023-02-07T15:45"
    assert article.image is not None
    assert (article.image.caption, article.image.credit) == ("Na bruk in vintrux.", "Ana Zor")
    assert [(block.kind, block.text) for block in article.paragraphs] == [
        ("paragraph", _TEXT[0]),
        ("paragraph", _TEXT[1]),
        ("heading", "Sa kostat"),
        ("paragraph", _TEXT[2]),
        ("paragraph", _TEXT[3]),
    ]
    assert article.tags == ("Bruk", "Ferrix")
    assert article.section == "Sitaz"


def test_without_the_file_the_page_is_read_differently(read_article: Callable[..., Content]) -> None:
    article = read_article(_page(), "https://posta.example/sitaz/harbux-bruk")
    assert article.authors == ()
    assert article.published is None
    assert (article.image.credit if article.image else None) is None
    assert article.tags == ()
    assert article.section is None
    assert len(article.paragraphs) > 5


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("7ux zu'telun qel 2023", "2023-02-07"),
        ("7 VOR 2023", "2023-01-07"),
        ("7 zedun obra 2023, 12:10 fzv", "2023-12-07T00:10"),
        ("2023ħ2ŧ7đ", "2023-02-07"),
        ("7 munq 2 jarq 2023", "2023-02-07"),
        ("2023 jf. telun 7", "2023-02-07"),
        ("zem 33ħ2ŧ7đ", "2023-02-07"),
        ("7 juruŋ 2023", None),
        ("7 Auƣust 2023", "2023-08-07"),
    ],
)
def test_dates_of_a_new_language_are_parsed(text: str, day: str | None, zeldic: None) -> None:
    date = parse_date_text(text, "qz")
    assert (date.text if date else None) == day


@pytest.mark.parametrize(
    ("calendar", "text", "day"),
    [
        (
            'calendar = "buddhist"\nmonths = [["vorun"], ["telun"]]\nera_words = ["bz."]',
            "7 telun bz. 2566",
            "2023-02-07",
        ),
        (
            'calendar = "solar_hijri"\ncalendar_months = ["farqun", "ordiqun"]\nmonth_suffixes = ["mah"]',
            "12 ordiqun mah 1400",
            "2021-05-02",
        ),
    ],
)
def test_calendar_of_a_new_language_is_named_in_its_file(calendar: str, text: str, day: str, tmp_path: Path) -> None:
    assert parse_date_text(text, "qz") is None
    (tmp_path / "qz.toml").write_text(f'name = "Zeldic"\n{calendar}\n', "utf-8")
    with with_extra_languages(tmp_path):
        date = parse_date_text(text, "qz")
    assert date is not None
    assert date.text == day


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("12 delratux", "no_words"),
        ("Lux elsa: na tunnelux", "read_also"),
        ("Klikux zir", "boilerplate"),
        ("Abonux nostra letrix, ik leux al morgenux", "notice"),
        ("Bildux: Ana Zor", "caption"),
    ],
)
def test_lines_of_a_new_language_are_left_out(line: str, why: str, zeldic: None) -> None:
    assert why_not_text(line, None) == why


def test_credit_of_a_new_language_is_split_from_its_caption(zeldic: None) -> None:
    assert split_caption("Na bruk. Bildux dux: Ana Zor") == ("Na bruk.", "Ana Zor")


def test_new_language_may_be_in_another_script(tmp_path: Path) -> None:
    words = 'photo_labels = ["бильдукс"]\ncredit_by = ["адух"]\naffiliation_words = ["дзеля"]\nposts_by = ["адух"]'
    (tmp_path / "qz.toml").write_text(f'name = "Зельдык"\n{words}\n', "utf-8")
    with with_extra_languages(tmp_path):
        assert split_caption("Мост. Бильдукс адух Зана Корвель") == ("Мост.", "Зана Корвель")
        assert bare_name("Зана Корвель дзеля Посты") == "Зана Корвель"
        assert bare_name("Ўсе посты адух Зана Корвель") == "Зана Корвель"


def test_error_page_of_a_new_language_is_refused(zeldic: None, read_refusal: Callable[..., NotAnArticle]) -> None:
    page = b"<html><head><title>Pagina nulux</title></head><body><h1>Pagina nulux</h1><p>Posta</p></body></html>"
    assert read_refusal(page).reason == "error_page"


def test_languages_of_the_package_stay_when_one_is_added(folder: Path) -> None:
    assert set(load_languages(folder)) == set(languages()) | {"qz"}


def test_list_under_an_unknown_key_is_refused_with_its_file_and_key(folder: Path) -> None:
    (folder / "qz.toml").write_text('name = "Zeldic"\nphotos = ["bildux"]\n', "utf-8")
    with pytest.raises(ValueError, match=r"qz\.toml.*photos"):
        load_languages(folder)


def test_every_key_is_used_by_a_language_of_the_package() -> None:
    used = {key for language in languages().values() for key in language.lists}
    assert used == set(KEYS)
