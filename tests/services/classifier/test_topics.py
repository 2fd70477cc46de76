"""What an article is about."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coranto_classifier.text_models import ArticleText, ModelPaths, TextModels
from coranto_classifier.topics.media_topics import TOP_CODES, name_of, russian_name_of
from coranto_classifier.topics.model import LinearModel, TopicFinder, combine, shared_out
from coranto_classifier.topics.section_mapping import SECTION, TopicHint


@pytest.mark.parametrize(
    ("title", "text", "code"),
    [
        ("Центробанк повысил ключевую ставку", "Инфляция ускорилась, рубль подешевел к доллару.", "04000000"),
        ("Сборная проиграла в финале чемпионата мира", "Тренер объяснил поражение травмой вратаря.", "15000000"),
        ("Суд арестовал бывшего чиновника по делу о взятке", "Следствие просило два месяца.", "02000000"),
        ("Parliament votes on the government's bill", "The prime minister's party lost its majority.", "11000000"),
        ("Striker scores twice in cup final", "The coach praised his team after the match.", "15000000"),
        ("Earthquake kills dozens in mountain province", "Rescuers search collapsed buildings.", "03000000"),
        ("Вулкан на Камчатке выбросил пепел", "Извержение видно из посёлка, рейсы отменены.", "03000000"),
        ("В области снова метель", "Порывы ветра и снегопад продлятся до утра, похолодает.", "17000000"),
        ("Oil spill reaches nature reserve", "Volunteers clean tar from seabirds and turtles.", "06000000"),
    ],
)
def test_topic_of_plain_news_is_found(models: TextModels, title: str, text: str, code: str) -> None:
    topics = models.analyse(ArticleText(title, text)).topics
    assert topics[0].code == code
    assert topics[0].sources == ("model",)


@pytest.mark.parametrize(
    "text",
    [
        "Rais wa nchi amewaambia waandishi wa habari kwamba uchaguzi utafanyika mwezi ujao katika mikoa yote.",
        "首相は国会で新しい予算案について説明し、野党は反対を表明した。採決は来週の予定である。",
        "De regering heeft woensdag een nieuw plan voor de woningmarkt naar de Tweede Kamer gestuurd.",
    ],
)
def test_language_that_no_model_has_learned_has_only_the_publishers_topics(models: TextModels, text: str) -> None:
    analysis = models.analyse(ArticleText("", text))
    assert analysis.topics == ()
    assert "topics_not_supported" in analysis.notes
    with_section = models.analyse(ArticleText("", text, section="Politics"))
    assert [(topic.code, topic.sources) for topic in with_section.topics] == [("11000000", ("section",))]


def test_language_of_the_general_model_and_a_relative_of_one_are_answered(models: TextModels) -> None:
    french = models.analyse(
        ArticleText("L'équipe gagne la finale", "L'entraîneur a félicité les joueurs après le match de football.")
    )
    assert (french.language.code, french.topics[0].code) == ("fr", "15000000")
    pidgin = models.analyse(
        ArticleText("", "Di coach tell di players say dem don win di football match wey dem play for di final.")
    )
    assert (pidgin.language.code, pidgin.topics[0].code) == ("pcm", "15000000")
    assert not {"topics_not_supported"} & {*french.notes, *pidgin.notes}


def test_own_models_without_a_list_of_languages_answer_in_all(tmp_path: Path) -> None:
    (tmp_path / "topics.json").write_text(
        '{"version": "own", "languages": {"*": "topics_other.npz", "ru": "topics_ru.npz"}}'
    )
    finder = TopicFinder(tmp_path, {})
    assert [finder.model_name(code) for code in ("ru", "sw", "pt-BR")] == ["ru", "*", "*"]


def test_language_known_by_sentences_alone_is_answered_with_less_certainty(tmp_path: Path) -> None:
    shipped = ModelPaths().shipped
    for name in ("topics_other.npz", "topics_ru.npz"):
        (tmp_path / name).symlink_to(shipped / name)
    card = {"version": "own", "languages": {"*": "topics_other.npz", "ru": "topics_ru.npz"}, "modest": {"fr": 1.67}}
    (tmp_path / "topics.json").write_text(json.dumps(card))
    finder = TopicFinder(tmp_path, {})
    text = ("L'équipe gagne la finale", "L'entraîneur a félicité les joueurs après le match de football.")
    (french,), (other,) = finder.find(*text, "fr-CA"), finder.find(*text, "pt")
    assert french.code == other.code
    assert french.score < other.score - 0.02


def test_code_that_stands_for_others_shares_its_probability_with_them(tmp_path: Path) -> None:
    (tmp_path / "topics_other.npz").symlink_to(ModelPaths().shipped / "topics_other.npz")
    stands_for = {"11000000": {"02000000": 0.25, "04000000": 0.25}}
    card = {"version": "own", "languages": {"*": "topics_other.npz"}, "modest": {"fr": 1.0}, "stands_for": stands_for}
    (tmp_path / "topics.json").write_text(json.dumps(card))
    finder = TopicFinder(tmp_path, {})
    text = (
        "Le premier ministre répond au parlement",
        "Le gouvernement et les députés ont voté la loi sur les élections.",
    )
    french, other = finder.find(*text, "fr")[0], finder.find(*text, "pt")[0]
    assert french.code == other.code == "11000000"
    assert french.score == pytest.approx(other.score / 2, abs=0.01)
    shared = shared_out({"11000000": 0.8, "02000000": 0.1, "04000000": 0.1}, stands_for)
    assert shared == pytest.approx({"11000000": 0.4, "02000000": 0.3, "04000000": 0.3})


def test_agreeing_section_raises_confidence(models: TextModels) -> None:
    article = ArticleText("Центробанк повысил ключевую ставку", "Рубль подешевел.")
    alone = models.analyse(article).topics[0]
    both = models.analyse(ArticleText(article.title, article.text, section="Экономика")).topics[0]
    assert both.code == alone.code
    assert both.score > alone.score
    assert both.sources == ("section", "model")


def test_section_gives_the_narrower_code(models: TextModels) -> None:
    topics = models.analyse(
        ArticleText("Сборная выиграла матч", "Шайбу забросили в овертайме.", section="Хоккей")
    ).topics
    assert [topic.code for topic in topics] == ["15000000", "20000965"]


def test_flat_probabilities_give_no_topic() -> None:
    assert combine(dict.fromkeys(TOP_CODES, 1 / 17), [], threshold=0.3) == []


def test_two_topics_that_stand_out_are_both_given() -> None:
    probabilities = {**dict.fromkeys(TOP_CODES, 0.01), "04000000": 0.5, "11000000": 0.35}
    assert [topic.code for topic in combine(probabilities, [], threshold=0.3)] == ["04000000", "11000000"]


def test_weak_section_gives_way_to_a_clear_text() -> None:
    probabilities = {**dict.fromkeys(TOP_CODES, 0.0001), "15000000": 0.998}
    hint = TopicHint("14000000", 0.45, SECTION, "Общество")
    assert combine(probabilities, [hint], threshold=0.3)[0].code == "15000000"


def test_section_of_two_topics_leaves_the_choice_to_the_text(models: TextModels) -> None:
    fire = ArticleText(
        "Пожар на складе потушили", "Пожарные эвакуировали людей, пострадавших нет.", section="Происшествия"
    )
    theft = ArticleText("Задержан грабитель банка", "Полиция возбудила уголовное дело.", section="Происшествия")
    assert models.analyse(fire).topics[0].code == "03000000"
    assert models.analyse(theft).topics[0].code == "02000000"


def test_text_without_words_has_no_topic(models: TextModels) -> None:
    assert models.analyse(ArticleText("", "😀 12 345")).topics == ()


def test_every_top_code_has_an_english_and_a_russian_name() -> None:
    for code in TOP_CODES:
        assert name_of(code)
        assert russian_name_of(code)


def test_explanation_names_the_words_that_speak_for_the_topic(models: TextModels) -> None:
    model = models.topics.model_for("ru")
    assert model is not None
    words = [each.word for each in model.evidence("Футболисты сборной выиграли матч", "15000000")]
    assert "футболисты" in words[:3]


def test_explanation_counts_what_a_word_means_beside_how_it_is_spelled(models: TextModels) -> None:
    model, vectors = models.topics.model_for("en"), models.topics.vectors_for("en")
    assert isinstance(model, LinearModel)
    text = "The goalkeeper spoke on Monday"
    spelling = {each.word: each.weight for each in model.evidence(text, "15000000")}
    meant = {each.word: each.weight for each in model.evidence(text, "15000000", vectors)}
    assert next(iter(meant)) == "goalkeeper"
    assert meant["goalkeeper"] > spelling.get("goalkeeper", 0.0)


@pytest.mark.parametrize(
    ("tag", "title", "text", "top", "code"),
    [
        ("Climate change", "Sea ice melts", "Scientists warn of warming oceans and lost habitats.", "06000000", "20000418"),
        ("инфляция", "Цены выросли", "Рубль подешевел, Центробанк повысил ставку.", "04000000", "20000370"),
        ("Eishockey", "Sieg im Finale", "Die Mannschaft gewann das Spiel nach zwei Toren.", "15000000", "20000965"),
    ],
)  # fmt: skip
def test_tag_that_the_vocabulary_has_gives_the_narrower_code(
    models: TextModels, tag: str, title: str, text: str, top: str, code: str
) -> None:
    section = {"06000000": "Environment", "04000000": "Экономика", "15000000": "Sport"}[top]
    topics = models.analyse(ArticleText(title, text, section=section, tags=(tag,))).topics
    assert topics[0].code == top
    found = {topic.code: topic for topic in topics}
    assert found[code].sources == ("tags",)
    assert 0 < found[code].score < topics[0].score


def test_name_of_the_vocabulary_is_ignored_where_the_text_is_about_something_else(models: TextModels) -> None:
    topics = models.analyse(
        ArticleText("Сборная проиграла в финале", "Тренер объяснил поражение травмой вратаря.", tags=("инфляция",))
    ).topics
    assert [topic.code for topic in topics] == ["15000000"]


def test_name_of_the_vocabulary_alone_is_no_topic() -> None:
    assert combine(None, [TopicHint("20000370", 0.75, "tags", "инфляция", is_vote=False)], threshold=0.3) == []
