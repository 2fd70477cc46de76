"""German names are told from common nouns, which have capitals too, by lists of nouns, names and whole phrases."""

from __future__ import annotations

from functools import cache

import pytest

from coranto_classifier.entities.mention import EntityType, Mention
from coranto_classifier.entities.multilingual.german_mentions import (
    with_known_types,
    without_common_words,
    without_titles,
    without_words_beside,
)
from coranto_classifier.entities.multilingual.german_words import (
    GermanWords,
    add_german_features,
    read_german_words,
)
from coranto_classifier.entities.multilingual.known_phrases import KnownPhrases, add_phrase_features
from coranto_classifier.text_models import ArticleText, ModelPaths, TextModels


@cache
def shipped() -> tuple[GermanWords, KnownPhrases]:
    return read_german_words(ModelPaths().shipped)


@pytest.mark.parametrize(
    ("word", "codes"),
    [
        ("Freiheit", "c"),
        ("Bundeskanzlerin", "c"),
        ("Haushaltsausschusssitzung", "K"),  # a compound that no list has
        ("Gamescom-Messe", "-c"),
        ("SPD", "a"),
        ("Bremerhavener", "r"),
        ("geht", ""),
        ("42", ""),
        ("Xqzwv", "0"),
    ],
)
def test_word_is_known_as_a_noun_a_compound_or_a_name(word: str, codes: str) -> None:
    assert shipped()[0].codes(word) == codes


def test_hostile_words_are_looked_up_in_linear_time() -> None:
    words, phrases = shipped()
    assert words.codes("A" + "bc" * 30) in {"0", "k", "K"}
    assert phrases.find(["Vereinigte"] * 300) == {}


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        ("In den Vereinigten Staaten wird gewählt", {2: (2, "L")}),
        ("Der Chef der Deutschen Bank schweigt", {3: (2, "O")}),
        ("Er kommt aus Bad Aibling", {3: (2, "L")}),
        ("Das sagte die dpa gestern", {}),
        ("Ein deutscher Bankier schweigt", {}),
    ],
)
def test_names_of_several_words_are_known_in_every_case(sentence: str, found: dict[int, tuple[int, str]]) -> None:
    assert shipped()[1].find(sentence.split()) == found


def test_features_say_what_a_word_is_and_what_stands_before_it() -> None:
    words = ["Der", "neue", "Bundeskanzler", "besucht", "Berlin"]
    rows: list[list[str]] = [[] for _ in words]
    add_german_features(rows, words, shipped()[0])
    add_phrase_features(rows, words, KnownPhrases(["Berlin"], []))
    assert {"g=c", "a=lD", "a|g=lD|c"} <= set(rows[2])
    assert "g:t" in rows[4]
    assert "ph=BL1" in rows[4]
    assert "1ph=BL1" in rows[3]


def remaining(text: str, *names: tuple[str, EntityType], is_article: bool = True) -> list[str]:
    """The mentions that are left of those named, each at its first occurrence."""
    mentions = [Mention(text.index(name), text.index(name) + len(name), kind, name, name) for name, kind in names]
    words, phrases = shipped()
    return [mention.text for mention in without_common_words(text, mentions, words, phrases, is_article=is_article)]


def test_common_noun_is_no_organisation_unless_it_is_one_that_is_known() -> None:
    text = "Die Wache schickte den Bundestag nach Hause."
    assert remaining(text, ("Wache", "organisation"), ("Bundestag", "organisation")) == ["Bundestag"]


def test_surname_that_is_a_noun_needs_a_given_name_in_an_article() -> None:
    assert remaining("Die Jäger kamen.", ("Jäger", "person")) == []
    assert remaining("Die Jäger kamen.", ("Jäger", "person"), is_article=False) == ["Jäger"]
    text = "Gestern sprach Anna Jäger. Laut Jäger war es spät."
    mentions = [Mention(15, 25, "person", "Anna Jäger", "Anna Jäger"), Mention(32, 37, "person", "Jäger", "Jäger")]
    assert len(without_common_words(text, mentions, *shipped(), is_article=True)) == 2


def test_small_word_that_opens_a_sentence_is_no_person() -> None:
    assert remaining("Es regnet. Allein er kam.", ("Allein", "person")) == []
    assert remaining("„Monatelang wurde gebaut.", ("Monatelang", "person")) == []
    assert remaining("Es regnet. Merz kam.", ("Merz", "person")) == ["Merz"]


def test_article_has_its_names_and_none_of_its_nouns() -> None:
    text = (
        "Der Haushaltsausschuss des Bundestags hat am Donnerstag über den Nachtrag beraten. Kanzler Friedrich Merz sagte, die "
        "Regierung werde das Vorhaben bis Freitag prüfen. Die SPD verlangt Änderungen. Aus den Vereinigten Staaten kam Kritik. Bei "
        "Siemens in München sind 300 Stellen betroffen, teilte Betriebsrätin Anna Schneider mit. Merz reist im Oktober nach Wien."
    )
    found = {
        (entity.type, mention.text)
        for entity in TextModels().analyse(ArticleText("", text, declared_language="de")).entities
        for mention in entity.mentions
    }
    assert {
        ("person", "Friedrich Merz"),
        ("person", "Merz"),
        ("person", "Anna Schneider"),
        ("organisation", "SPD"),
        ("organisation", "Siemens"),
        ("place", "Vereinigten Staaten"),
        ("place", "München"),
        ("place", "Wien"),
    } <= found
    nouns = {
        "Haushaltsausschuss",
        "Donnerstag",
        "Nachtrag",
        "Bundeskanzler",
        "Vorhaben",
        "Freitag",
        "Stellen",
        "Oktober",
    }
    assert not nouns & {name for _, name in found}


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("Bad Harzburg", "person", "place"),
        ("Juventus Turin", "person", "organisation"),
        ("Vereinigten Staaten", "organisation", "place"),
        ("Robert Bosch", "person", "person"),
        ("Bosch", "person", "person"),
        ("Deutsche Bank Park", "place", "place"),
    ],
)
def test_name_that_is_known_as_a_whole_has_the_type_it_is_known_with(
    name: str, kind: EntityType, expected: EntityType
) -> None:
    (mention,) = with_known_types([Mention(0, len(name), kind, name, name)], shipped()[1])
    assert mention.type == expected


def test_address_before_a_name_is_no_part_of_it() -> None:
    text = "Herr Voigt und Prof. Dr. Anna Sommer"
    mentions = [Mention(0, 10, "person", "Herr Voigt", "Herr Voigt")]
    mentions.append(Mention(15, 36, "person", text[15:], text[15:]))
    assert [(text[one.start : one.end], one.normal) for one in without_titles(mentions)] == [
        ("Voigt", "Voigt"),
        ("Anna Sommer", "Anna Sommer"),
    ]


@pytest.mark.parametrize(
    ("name", "stays"), [("Bauzinsen", False), ("Rosenberg", True), ("Wagenknecht", True), ("Jahrzehnt", False)]
)
def test_compound_of_nouns_is_nobody(name: str, stays: bool) -> None:
    words, phrases = shipped()
    text = f"Dann kamen {name}."
    mentions = [Mention(11, 11 + len(name), "person", name, name)]
    assert bool(without_common_words(text, mentions, words, phrases, is_article=True)) is stays


@pytest.mark.parametrize(
    ("name", "kind", "bare"),
    [
        ("Stoltenberg sprach", "organisation", "Stoltenberg"),
        ("Bundesagentur für", "organisation", "Bundesagentur"),
        ("Trumps Betreiben", "person", "Trumps"),
        ("Trumps Golf von Amerika", "place", "Golf von Amerika"),
        ("Jens Stoltenberg", "person", "Jens Stoltenberg"),
        ("Ärzte ohne Grenzen", "organisation", "Ärzte ohne Grenzen"),
        ("taz", "organisation", "taz"),
    ],
)
def test_words_beside_a_name_are_no_part_of_it(name: str, kind: EntityType, bare: str) -> None:
    text = f"Donald Trump kam, wie {name} zeigt."
    start = text.index(name)
    mentions = [
        Mention(0, 12, "person", "Donald Trump", "Donald Trump"),
        Mention(start, start + len(name), kind, name, name),
    ]
    found = without_words_beside(mentions)[1]
    assert (found.text, found.normal, text[found.start : found.end]) == (bare, bare, bare)
