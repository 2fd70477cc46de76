"""Finnish and Hungarian names in all cases, in sentences of our own, and the nominative that a newsroom files them under."""

from __future__ import annotations

from functools import cache

import pytest

from coranto_classifier.entities.mention import EntityType, Mention
from coranto_classifier.entities.multilingual.articles import without_ending
from coranto_classifier.entities.multilingual.base_names import BaseNames
from coranto_classifier.entities.multilingual.case_endings import BaseForms
from coranto_classifier.text_models import ArticleText, ModelPaths, TextModels


@cache
def bases(language: str) -> BaseForms:
    return BaseForms(language, BaseNames(ModelPaths().shipped, language))


def based(language: str, marked: str, kind: EntityType) -> str:
    """The base form of the name that stands in square brackets."""
    start, end = marked.index("["), marked.index("]") - 1
    text = marked.replace("[", "").replace("]", "")
    (mention,) = bases(language).based(text, [Mention(start, end, kind, text[start:end], text[start:end])])
    return mention.normal


@pytest.mark.parametrize(
    ("text", "kind", "base"),
    [
        ("Kokous pidettiin [Helsingissä].", "place", "Helsinki"),
        ("Juna lähti [Helsingistä] aamulla.", "place", "Helsinki"),
        ("Hän palasi illalla [Helsinkiin].", "place", "Helsinki"),
        ("[Helsingin] satama on kiinni.", "place", "Helsinki"),
        ("Onnettomuus sattui [Turussa].", "place", "Turku"),
        ("Matka jatkui [Turkuun].", "place", "Turku"),
        ("[Tampereella] sataa.", "place", "Tampere"),
        ("Hän muutti [Tampereelle].", "place", "Tampere"),
        ("[Tampereen] pormestari erosi.", "place", "Tampere"),
        ("Messut alkavat [Lahdessa].", "place", "Lahti"),
        ("Tie [Lahteen] on poikki.", "place", "Lahti"),
        ("Tehdas on [Kuopiossa].", "place", "Kuopio"),
        ("Tehdas on [Oulussa].", "place", "Oulu"),
        ("Kone laskeutui [Rovaniemelle].", "place", "Rovaniemi"),
        ("Kilpailu käytiin [Porissa].", "place", "Pori"),
        ("Neuvottelut jatkuvat [Pariisissa].", "place", "Pariisi"),
        ("Lento [Lontoosta] myöhästyi.", "place", "Lontoo"),
        ("Hän asuu [Jyväskylässä].", "place", "Jyväskylä"),
        ("Hän asuu [Kontiolahdella].", "place", "Kontiolahti"),
        ("Hän asuu [Brightonissa].", "place", "Brighton"),
        ("Asiasta kertoi [Matti Virtanen].", "person", "Matti Virtanen"),
        ("Kysyimme asiaa [Matti Virtaselta].", "person", "Matti Virtanen"),
        ("[Matti Virtasen] mukaan työ jatkuu.", "person", "Matti Virtanen"),
        ("Palkinto annettiin [Anna Korhoselle].", "person", "Anna Korhonen"),
        ("Tapasimme [Jukka Mäkisen].", "person", "Jukka Mäkinen"),
        ("Hallitus luottaa [Joe Bideniin]. Biden vieraili.", "person", "Joe Biden"),
        ("Kirje lähetettiin [Joe Bidenille].", "person", "Joe Biden"),
        ("Pääministeri [Sanna Marin] erosi.", "person", "Sanna Marin"),
        ("[Sanna Marinin] hallitus erosi. Marin vahvisti asian.", "person", "Sanna Marin"),
        ("Ottelun voitti [Anna Aalto].", "person", "Anna Aalto"),
        ("[Anna Aallon] mukaan kyllä. Aalto on kotoisin Espoosta.", "person", "Anna Aalto"),
        ("Asiasta päätti [Nokia].", "organisation", "Nokia"),
        ("Asiasta päätettiin [Euroopan parlamentissa].", "organisation", "Euroopan parlamentti"),
        ("Asiaa tutkii [Turun yliopiston tiedekunta].", "organisation", "Turun yliopiston tiedekunta"),
        ("Hän opiskelee [Turun yliopistossa].", "organisation", "Turun yliopisto"),
        ("Asia on [Eurooppa-neuvoston] listalla.", "organisation", "Eurooppa-neuvosto"),
        ("Hän valmistui [Turun kauppakorkeakoulusta].", "organisation", "Turun kauppakorkeakoulu"),
        ("Lääke tuli [Novartikselta].", "organisation", "Novartis"),
        ("Virus levisi [Yhdysvalloissa].", "place", "Yhdysvallat"),
        ("Poliisi puhutti [Jania].", "person", "Jani"),
    ],
)
def test_finnish_name_is_put_into_the_nominative(text: str, kind: EntityType, base: str) -> None:
    assert based("fi", text, kind) == base


@pytest.mark.parametrize(
    ("text", "kind", "base"),
    [
        ("A tárgyalás [Budapesten] folytatódik.", "place", "Budapest"),
        ("Tegnap [Budapestre] érkezett.", "place", "Budapest"),
        ("A vonat [Budapestről] indult.", "place", "Budapest"),
        ("A gyár [Miskolcon] épül.", "place", "Miskolc"),
        ("A verseny [Szegeden] lesz.", "place", "Szeged"),
        ("A döntés [Brüsszelben] született.", "place", "Brüsszel"),
        ("Tegnap [Brüsszelbe] utazott.", "place", "Brüsszel"),
        ("Az áru [Romániából] jött.", "place", "Románia"),
        ("A cég [Romániában] is jelen van.", "place", "Románia"),
        ("Az út [Prágába] vezet.", "place", "Prága"),
        ("A találkozó [Varsóban] lesz.", "place", "Varsó"),
        ("A kiállítás [Párizsból] érkezett.", "place", "Párizs"),
        ("Az eset [Győrben] történt.", "place", "Győr"),
        ("Az eset [Debrecenben] történt.", "place", "Debrecen"),
        ("Az út [Debrecentől] északra vezet.", "place", "Debrecen"),
        ("A miniszter [Londonnal] tárgyal.", "place", "London"),
        ("[Orbán Viktorral] tárgyalt a kancellár.", "person", "Orbán Viktor"),
        ("Levelet írt [Orbán Viktornak].", "person", "Orbán Viktor"),
        ("A kancellár fogadta [Orbán Viktort].", "person", "Orbán Viktor"),
        ("[Kovács Jánosnak] adták a díjat.", "person", "Kovács János"),
        ("[Kovács Jánostól] kérdezték.", "person", "Kovács János"),
        ("[Szabó Péterrel] beszéltünk.", "person", "Szabó Péter"),
        ("[Tóth Annának] igaza van.", "person", "Tóth Anna"),
        ("[Tóth Annával] beszéltünk.", "person", "Tóth Anna"),
        ("A verset [Tóth Barbara] írta.", "person", "Tóth Barbara"),
        ("[Kovács] elment.", "person", "Kovács"),
        ("[Putyinnal] tárgyalt.", "person", "Putyin"),
        ("[Kováccsal] tárgyalt.", "person", "Kovács"),
        ("[Nagyszeben] szép. Nagyszebenben esik.", "place", "Nagyszeben"),
        ("A hír [Tokióból] jött.", "place", "Tokió"),
        ("A [San Franciscó-i] hír.", "place", "San Franciscó-i"),
        ("A [Mercedesnél] sztrájkolnak.", "organisation", "Mercedes"),
        ("A [Magyar Nemzeti Banktól] kérdezték.", "organisation", "Magyar Nemzeti Bank"),
    ],
)
def test_hungarian_name_is_put_into_the_nominative(text: str, kind: EntityType, base: str) -> None:
    assert based("hu", text, kind) == base


@pytest.mark.parametrize(
    ("language", "name", "base"),
    [
        ("fi", "EU:n", "EU"),
        ("fi", "Yle:ltä", "Yle"),
        ("sv", "EU:s", "EU"),
        ("fi", "Elinkeinoelämä ry:n", "Elinkeinoelämä ry"),
    ],
)
def test_ending_behind_a_colon_is_taken_off(language: str, name: str, base: str) -> None:
    assert without_ending(name, language) == base


@pytest.mark.parametrize("language", ["fi", "hu"])
def test_hostile_names_stay_and_cost_little(language: str) -> None:
    for name in ("n" * 60, "Ssa", "Ban", "Ää", "A-n", "ssa" * 20):
        assert bases(language).base(name, "place", frozenset())


def test_article_has_its_names_in_the_nominative() -> None:
    text = (
        "Presidentti Sauli Niinistö vieraili torstaina Helsingissä. Asiasta kertoi toimittajille Matti Virtanen. "
        "Matti Virtasen mukaan se riitti."
    )
    entities = TextModels().analyse(ArticleText("", text, declared_language="fi")).entities
    assert {"Sauli Niinistö", "Helsinki", "Matti Virtanen"} <= {entity.name for entity in entities}
    assert "Matti Virtasen" not in {entity.name for entity in entities}
