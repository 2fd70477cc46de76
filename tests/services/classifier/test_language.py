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
        ("Predsednik je rekao da će posle nedelje biti vreme za nova rešenja", "sr-Latn"),
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
        ("Председник je рекао да ће буџет бити усвојен следеће недеље, пише NIN", "sr-Cyrl"),
        ("中国政府今天宣布了新的经济发展计划", "zh-Hans"),
        ("中國政府今天宣布了新的經濟發展計劃", "zh-Hant"),
        ("佢哋喺香港買咗嘢，唔知幾時返嚟", "yue"),
    ],
)
def test_script_is_told_where_readers_of_one_cannot_read_the_other(text: str, code: str) -> None:
    assert find_language(text, "").code == code


def test_page_declaration_never_overrules_the_text() -> None:
    text = "Президент подписал закон о бюджете. Документ опубликован на портале правовой информации."
    assert find_language(text, "", declared="en").code == "ru"


def test_page_declaration_settles_what_the_text_leaves_open() -> None:
    assert find_language("Otvoren novi most", "", declared="sr").code == "sr-Latn"
    assert find_language("Granične kontrole obično izostaju", "", declared="bs").code == "bs"
    assert find_language("Dua orang pemain baru datang ke kota ini", "", declared="ms-MY").code == "ms"
    assert find_language("今日天氣好好", "", declared="zh-yue").code == "yue"


@pytest.mark.parametrize(
    ("text", "code", "among"),
    [
        ("Granične kontrole obično izostaju", "sh", ("bs", "hr", "sr")),
        ("Dua orang pemain baru datang ke kota ini", "ms", ("id", "ms")),
    ],
)
def test_close_languages_that_nothing_tells_apart_give_their_macrolanguage(
    text: str, code: str, among: tuple[str, ...]
) -> None:
    found = find_language(text, "")
    assert (found.code, found.among) == (code, among)
    assert found.confidence > 0.8


def test_words_outweigh_a_declaration_that_contradicts_them() -> None:
    text = "Predsednik vlade rekao je da će posle nedelje biti vreme za nova rešenja i uspešne promene"
    assert find_language(text, "", declared="hr").code == "sr-Latn"


def test_macrolanguage_is_noted_and_its_names_are_read(models: TextModels) -> None:
    analysis = models.analyse(ArticleText("Plenković u Zagrebu", "Andrej Plenković stigao je u Zagreb."))
    assert analysis.language.code == "sh"
    assert "macrolanguage" in analysis.notes
    assert ("person", "Andrej Plenković") in {(entity.type, entity.name) for entity in analysis.entities}
    undecided = models.analyse(ArticleText("", "Dua pemain baru datang ke Singapura"))
    assert "macrolanguage" in undecided.notes
    assert "names_not_supported" not in undecided.notes


def test_parts_in_a_close_language_are_no_second_language() -> None:
    croatian = (
        "Vlada je prihvatila proračun za sljedeću godinu, priopćilo je ministarstvo financija u ponedjeljak.\n" * 6
    )
    plain = "Granične kontrole obično izostaju, a most je otvoren i ljudi prelaze preko njega svaki dan i noć.\n" * 6
    assert find_language("Proračun", croatian + plain).also == ()


def test_quotation_in_cantonese_leaves_a_chinese_article_chinese() -> None:
    chinese = "香港政府今天宣布新的經濟發展計劃，並將在明年開始實施，官員表示市民對此反應良好。"
    assert find_language("", f"{chinese}他說：「唔係嘅。」{chinese}").code == "zh-Hant"


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
