"""Detecting the language of a text."""

from __future__ import annotations

import pytest

from coranto_classifier.language.detect import UNKNOWN, find_language
from coranto_classifier.text_models import ArticleText, TextModels


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Правительство утвердило бюджет на следующий год", "ru"),
        ("Верховна Рада ухвалила закон про державний бюджет", "uk"),
        ("Урад зацвердзіў бюджэт на наступны год", "be"),
        ("Правителството прие бюджета за следващата година", "bg"),
        ("The government approved the budget for next year", "en"),
        ("Le gouvernement a approuvé le budget de l'année prochaine", "fr"),
        ("Vláda schválila rozpočet na příští rok, řekl ministr", "cs"),
        ("Vláda schválila rozpočet na budúci rok, povedal minister", "sk"),
        ("Netko je prošli tjedan na sveučilištu otkrio povijest zrakoplova", "hr"),
        ("Neko je prošle sedmice na univerzitetu otkrio historiju aviona", "bs"),
        ("Presiden mengatakan bahwa polisi di Jepang menutup kantor itu karena kecelakaan", "id"),
        ("Presiden berkata bahawa polis di Jepun menutup pejabat itu kerana kemalangan", "ms"),
        ("Regjeringen sier at hele byen må være uten strøm etter stormen", "no"),
        ("Regeringen siger, at hele byen må være uden strøm efter stormen", "da"),
        ("Regjeringa seier at heile byen må vere utan straum etter stormen", "nn"),
        ("ኣብ ኤርትራ ናይ ህዝቢ እቲ ሓድሽ መንግስቲ እዩ ኸኣ ድማ", "ti"),
    ],
)
def test_close_languages_are_told_apart(text: str, code: str) -> None:
    assert find_language(text, "").code == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Влада Републике Србије усвојила је буџет за наредну годину", "sr-Cyrl"),
        (
            "Vlada Republike Srbije usvojila je budžet za narednu godinu, saopštilo je ministarstvo u Beogradu",
            "sr-Latn",
        ),
        ("中国政府今天宣布了新的经济发展计划", "zh-Hans"),
        ("中國政府今天宣布了新的經濟發展計劃", "zh-Hant"),
        ("佢哋喺香港買咗嘢，唔知幾時返嚟", "yue"),
    ],
)
def test_script_is_told_where_readers_of_one_cannot_read_the_other(text: str, code: str) -> None:
    found = find_language(text, "").code
    assert found == code or (code == "sr-Latn" and found in ("hr", "bs"))


def test_page_declaration_never_overrules_the_text() -> None:
    text = "Президент подписал закон о бюджете. Документ опубликован на портале правовой информации."
    assert find_language(text, "", declared="en").code == "ru"


def test_page_declaration_settles_what_the_text_leaves_open() -> None:
    assert find_language("Otvoren novi most", "").code == "hr"
    assert find_language("Otvoren novi most", "", declared="sr").code == "sr-Latn"


def test_page_that_says_it_is_bosnian_is_believed_where_the_words_tell_nothing() -> None:
    text = "Granične provjere obično izostaju"
    assert find_language(text, "").code == "hr"
    assert find_language(text, "", declared="bs").code == "bs"


@pytest.mark.parametrize("text", ["", "   ", "😀😀😀 🎉", "12 345 678", "a" * 500, "\x00\x00\x00"])
def test_text_without_language_is_undetermined(text: str) -> None:
    assert find_language(text, "").code == UNKNOWN


def test_mixed_page_names_its_second_language() -> None:
    russian = "Правительство утвердило бюджет на следующий год, сообщили в пресс-службе кабинета министров.\n" * 6
    english = "The government approved the budget for next year, the press office of the cabinet said on Monday.\n" * 6
    found = find_language("Бюджет", russian + english)
    assert found.code == "ru"
    assert found.also == ("en",)


def test_mixed_page_is_noted_on_the_analysis(models: TextModels) -> None:
    russian = "Правительство утвердило бюджет на следующий год, сообщили в пресс-службе кабинета министров.\n" * 6
    english = "The government approved the budget for next year, the press office of the cabinet said on Monday.\n" * 6
    analysis = models.analyse(ArticleText("Бюджет", russian + english))
    assert analysis.language.also == ("en",)
    assert "mixed_language" in analysis.notes


@pytest.mark.parametrize(
    ("declared", "text", "code"),
    [
        ("sr", "Vlada Republike Srbije usvojila je budžet za narednu godinu, saopštilo je ministarstvo.", "sr-Latn"),
        (
            "sr-Cyrl",
            "Влада Републике Србије усвојила је буџет за наредну годину, саопштило је министарство.",
            "sr-Cyrl",
        ),
        ("zh", "这家公司宣布了新的发展计划，并将在明年开始实施。", "zh-Hans"),
        ("zh-CN", "這家公司宣布了新的發展計劃，並將在明年開始實施。", "zh-Hant"),
    ],
)
def test_script_is_what_the_text_is_written_in_whatever_the_page_says(declared: str, text: str, code: str) -> None:
    assert find_language(text, "", declared=declared).code == code
