"""The people, organisations and places that a text names, in normal form."""

from __future__ import annotations

import pytest

from coranto_classifier.entities.countries import find_country
from coranto_classifier.entities.english.gazetteer import Gazetteer
from coranto_classifier.entities.english.post_processing import PostProcessor
from coranto_classifier.entities.english.recognizer import with_whole_towns
from coranto_classifier.entities.linking import NamedEntity, merge_mentions
from coranto_classifier.entities.mention import EntityType, Mention
from coranto_classifier.entities.name_key import word_key
from coranto_classifier.entities.people_ids import find_person_id
from coranto_classifier.entities.place_ids import find_place_id
from coranto_classifier.text_models import ArticleText, ModelPaths, TextModels


def entities(models: TextModels, text: str, title: str = "") -> dict[tuple[str, str], NamedEntity]:
    return {(entity.type, entity.name): entity for entity in models.analyse(ArticleText(title, text)).entities}


@pytest.mark.parametrize(
    ("sentence", "kind", "name"),
    [
        ("Визит президента Садыра Жапарова в республику запланирован на май.", "person", "Садыр Жапаров"),
        ("Об этом сообщил журналистам Дмитрий Песков.", "person", "Дмитрий Песков"),
        ("Суд вынес приговор по делу Марии Петровой.", "person", "Мария Петрова"),
        ("Переговоры с Дональдом Трампом прошли вчера.", "person", "Дональд Трамп"),
        ("Канцлер беседовал с Ангелой Меркель о бюджете.", "person", "Ангела Меркель"),
        ("Делегация прилетела из Нижнего Новгорода утром.", "place", "Нижний Новгород"),
        ("Ураган обрушился на побережье Соединенных Штатов Америки.", "place", "Соединенные Штаты Америки"),
        ("Соглашение подписали в Душанбе вечером.", "place", "Душанбе"),
        ("Жалобу рассмотрят в Верховном суде на неделе.", "organisation", "Верховный суд"),
        ("Об этом говорится в отчете Министерства обороны.", "organisation", "Министерство обороны"),
    ],
)
def test_russian_name_is_put_into_the_nominative(models: TextModels, sentence: str, kind: str, name: str) -> None:
    assert (kind, name) in entities(models, sentence)


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("Школьница из Якутска Айталина Попова победила на олимпиаде. Попова решила все задачи.", "person", "Айталина Попова"),
        ("Экономист Марина Кузнецова ждёт роста цен. «Говорить рано», — предупредила Кузнецова.", "person", "Марина Кузнецова"),
        ("Власти закрыли движение на дороге в Корсаков.", "place", "Корсаков"),
        ("Второе место заняла команда Болгарии.", "place", "Болгария"),
        ("Между Мурманском и Петрозаводском пустят поезд.", "place", "Мурманск"),
        ("Переходы откроют в Саратовской и Курганской областях.", "place", "Саратовская область"),
        ("Переходы откроют в Саратовской и Курганской областях.", "place", "Курганская область"),
    ],
)  # fmt: skip
def test_words_around_a_russian_name_decide_its_form(models: TextModels, text: str, kind: str, name: str) -> None:
    assert (kind, name) in entities(models, text)


def test_verb_in_the_feminine_makes_the_surname_a_womans(models: TextModels) -> None:
    found = entities(models, "Экономист Марина Кузнецова ждёт роста цен. «Говорить рано», — предупредила Кузнецова.")
    assert ("person", "Кузнецов") not in found
    assert found["person", "Марина Кузнецова"].count == 2


def test_adjective_of_a_country_is_no_place_of_its_own(models: TextModels) -> None:
    found = entities(models, "Об этом заявил российский министр. В российских регионах ждут дождей.")
    assert not [name for kind, name in found if kind == "place" and name != "Россия"]


@pytest.mark.parametrize(
    ("sentence", "kind", "name"),
    [
        ("The plan was announced by Transport Minister Radu Enescu on Friday.", "person", "Radu Enescu"),
        ("Detective Inspector Carol Yates said the victims had lost a lot.", "person", "Carol Yates"),
        ("Judge Eleanor Whitcombe told the court that it was planned.", "person", "Eleanor Whitcombe"),
        ("Martin Luther King was born in Atlanta.", "person", "Martin Luther King"),
        ("Anybody may walk into a lecture at Lakeview University in Nairobi.", "place", "Nairobi"),
        ("They keep the station in a hut on a hill above Aberystwyth.", "place", "Aberystwyth"),
        ("Ingrid Haugen, the chief executive of Fjordbank, will lead it.", "organisation", "Fjordbank"),
    ],
)
def test_english_name_has_no_job_title(models: TextModels, sentence: str, kind: str, name: str) -> None:
    assert (kind, name) in entities(models, sentence)


def test_indefinite_pronoun_is_no_person(models: TextModels) -> None:
    assert ("person", "Nobody") not in entities(models, "Nobody was hurt in Santiago, officials said.")


def test_unknown_english_name_is_of_one_type_in_a_text(models: TextModels) -> None:
    text = (
        "Fjordbank of Norway said on Friday that it had agreed to merge. Ingrid Haugen, the chief executive of Fjordbank, will "
        "lead the new company. Fjordbank shares slipped by 1 per cent, and Haugen was pleased."
    )
    found = entities(models, text)
    assert ("organisation", "Fjordbank") in found
    assert ("person", "Fjordbank") not in found
    assert ("organisation", "Haugen") not in found


def test_surname_belongs_to_the_fuller_name_and_both_are_kept(models: TextModels) -> None:
    found = entities(models, "Президент Владимир Путин прибыл в Москву. Вечером Путин выступил. С Путиным говорили.")
    person = found["person", "Владимир Путин"]
    assert person.count == 3
    assert person.aliases == ("Путин",)


def test_two_names_of_one_country_are_one_place(models: TextModels) -> None:
    found = entities(models, "Президент Киргизии прибыл в Москву. Территория Кыргызстана мала. Граждане Киргизии ждут.")
    place = found["place", "Киргизия"]
    assert place.country == "KG"
    assert place.aliases == ("Кыргызстан",)
    assert place.count == 3


@pytest.mark.parametrize(
    ("text", "name", "code"),
    [
        ("Voters in Georgia went to the polls. The governor of Georgia spoke in Atlanta on Tuesday.", "Georgia", None),
        ("Thousands marched in Tbilisi as the parliament of Georgia passed the law on Friday.", "Georgia", "GE"),
        (
            "A polícia da Bahia prendeu quatro homens em Salvador nesta terça-feira, disse o governador.",
            "Salvador",
            None,
        ),
    ],
)
def test_country_that_shares_its_name_is_named_only_where_the_text_tells(
    text: str, name: str, code: str | None, models: TextModels
) -> None:
    analysis = models.analyse(ArticleText(title="", text=text))
    place = next(entity for entity in analysis.entities if entity.name == name)
    assert (place.type, place.country) == ("place", code)
    assert place.id == (f"iso3166:{code}" if code else None)


@pytest.mark.parametrize(
    ("name", "code"),
    [("Кыргызстан", "KG"), ("Киргизия", "KG"), ("the United States", "US"), ("США", "US"), ("U.K.", "GB"), ("Беларусь", "BY"),
     ("Белоруссия", "BY"), ("КНР", "CN"), ("Париж", None), ("", None)],
)  # fmt: skip
def test_country_is_found_by_any_of_its_names(name: str, code: str | None) -> None:
    assert find_country(name) == code


@pytest.mark.parametrize(
    ("names", "own_id"),
    [
        (("Киргизия", "Kyrgyzstan", "Kirgisistan", "Кыргызстан", "Kyrgyz Republic"), "iso3166:KG"),
        (("Киев", "Kyiv", "Kiew", "Kijów", "Київ", "Kijev"), "geonames:703448"),
        (("Вена", "Vienna", "Beč", "Vídeň", "Bécs"), "geonames:2761369"),
        (("London", "Лондон", "Londyn", "Londra"), "geonames:2643743"),
    ],
)
def test_place_has_the_same_id_in_all_languages(names: tuple[str, ...], own_id: str) -> None:
    assert {name: find_place_id(name) for name in names} == dict.fromkeys(names, own_id)


@pytest.mark.parametrize(
    "name", ["", "Springfield", "Valencia", "White House", "Белый дом", "киргизы", "Урал", "Dunaj"]
)
def test_name_that_stands_for_several_places_or_none_has_no_id(name: str) -> None:
    assert find_place_id(name) is None


@pytest.mark.parametrize(
    ("names", "own_id"),
    [
        (
            ("Владимир Путин", "Vladimir Putin", "Władimir Putin", "Володимир Путін", "Владимир Владимирович Путин"),
            "wikidata:Q7747",
        ),
        (("Angela Merkel", "Ангела Меркель", "Ангела Меркел"), "wikidata:Q567"),
        (("Джон Болтон", "John Bolton", "Џон Болтон"), "wikidata:Q311269"),
        (("Дональд Трамп", "Доналд Тръмп"), "wikidata:Q22686"),
        (("Алексей Навальный", "Alexei Navalny", "Alekszej Navalnij", "Олексій Навальний"), "wikidata:Q155979"),
    ],
)
def test_well_known_person_has_the_same_id_in_all_languages(names: tuple[str, ...], own_id: str) -> None:
    assert {name: find_person_id(name) for name in names} == dict.fromkeys(names, own_id)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Путин",
        "В. Путин",
        "Владимир Потанин",
        "Владимир Иванов",
        "John Smith",
        "Boris Johnson",
        "Владимир Путин Младший",
        # With the keys of Чехов, Зарипова and Ицков.
        "Антон Зуев",
        "Юлия Шарапова",
        "Дмитрий Усков",
        "普京",
    ],
)
def test_surname_initials_and_ordinary_names_have_no_id(name: str) -> None:
    assert find_person_id(name) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [("Putin", "Potanin"), ("Valuev", "Vavilov"), ("Müller", "Malraux"), ("Nixon", "Nissen")],
)
def test_keys_of_different_surnames_differ(one: str, other: str) -> None:
    assert word_key(one) != word_key(other)


def test_names_of_one_city_are_one_place_and_a_person_called_like_one_has_no_id(models: TextModels) -> None:
    found = entities(
        models, "Делегация вылетела из Санкт-Петербурга. Вечером в Петербурге пошёл снег, сообщил Владимир Киев."
    )
    place = found["place", "Санкт-Петербург"]
    assert (place.id, place.count, place.aliases) == ("geonames:498817", 2, ("Петербург",))
    assert {entity.id for (kind, _), entity in found.items() if kind != "place"} <= {None}


def test_mentions_are_where_their_positions_say(models: TextModels) -> None:
    title, text = "Шольц прилетел в Вену", "Олаф Шольц встретился в Вене с канцлером Австрии.\nШольц доволен."
    joined = f"{title}\n{text}"
    for entity in models.analyse(ArticleText(title, text)).entities:
        for mention in entity.mentions:
            assert joined[mention.start : mention.end] == mention.text


def test_english_names_lose_article_and_possessive(models: TextModels) -> None:
    text = (
        "The Federal Reserve raised its rate on Wednesday. Jerome Powell's comments moved markets in New York. "
        "Mr Powell spoke in Washington."
    )
    found = entities(models, text, "Rates rise")
    assert ("organisation", "Federal Reserve") in found
    assert ("place", "New York") in found
    person = found["person", "Jerome Powell"]
    assert person.count == 2


@pytest.mark.parametrize(
    ("sentence", "found", "corrected"),
    [
        ("Analysts say Huawei leads .", [(2, 2, "person")], [("Huawei", "organisation")]),
        ("Analysts say Huawei leads .", [], [("Huawei", "organisation")]),
        ("A door of Airbus fell off .", [], [("Airbus", "organisation")]),
        (
            "He told Human Rights Watch in Geneva .",
            [(6, 6, "place")],
            [("Human Rights Watch", "organisation"), ("Geneva", "place")],
        ),
        ("He ate an apple and a Visa Platinum card .", [], []),
        ("He met Henry Ford there .", [(2, 3, "person")], [("Henry Ford", "person")]),
        ("Goals by Norwegian Erling Haaland decided it .", [(2, 4, "person")], [("Erling Haaland", "person")]),
        ("Director Roman Polanski left .", [(1, 2, "person")], [("Roman Polanski", "person")]),
        ("The South Korean firm agreed .", [(1, 2, "place")], []),
        (
            "Manchester City beat West Ham United there .",
            [(0, 5, "place")],
            [("Manchester City", "organisation"), ("West Ham United", "organisation")],
        ),
        ("The Bank of England and Santander met .", [(1, 3, "organisation")], [("Bank of England", "organisation")]),
        ("He said Herzl knew .", [(1, 2, "organisation")], [("Herzl", "organisation")]),
        ("I’ve met Abbotsford folk .", [(0, 0, "person")], [("Abbotsford", "place")]),
        ("The Emperor left for Shanghai .", [(1, 1, "organisation")], [("Shanghai", "place")]),
        ("He met King and Shanghai Tang .", [(2, 2, "person")], [("King", "person")]),
        ("It went to the Ashbourne Hockey Club on May 15 .", [], [("Ashbourne Hockey Club", "organisation")]),
        (
            "They said Wexcombe Institute moves to a house in Pelling Street .",
            [],
            [("Wexcombe Institute", "organisation"), ("Pelling Street", "place")],
        ),
        ("It asked Director Wexcombe Council for help .", [], [("Wexcombe Council", "organisation")]),
        ("Many Clubs and a Club of his own closed .", [], []),
        ("Local Society was split , he said .", [], []),
        ("Mayor Backs Plan To Close Wexcombe Club", [], []),
    ],
)
def test_english_taggers_answer_is_corrected_by_the_lists(
    sentence: str, found: list[tuple[int, int, EntityType]], corrected: list[tuple[str, EntityType]]
) -> None:
    words = sentence.split()
    spans = PostProcessor(Gazetteer(ModelPaths().shipped)).corrected(words, found, {})
    assert [(" ".join(words[first : last + 1]), kind) for first, last, kind in spans] == corrected


def test_language_without_a_recognizer_is_noted(models: TextModels) -> None:
    analysis = models.analyse(
        ArticleText("Le président est arrivé", "Emmanuel Macron a parlé à Paris devant la presse.")
    )
    assert analysis.entities == ()
    assert "names_not_supported" in analysis.notes


def test_names_of_the_title_lead_the_keywords(models: TextModels) -> None:
    text = "Песков рассказал о визите. Встреча пройдет в Минске. Песков добавил, что список гостей готов."
    analysis = models.analyse(ArticleText("Песков рассказал о встрече в Минске", text))
    assert analysis.keywords[:2] == ("Песков", "Минск")


def test_given_name_with_patronymic_joins_the_surname(models: TextModels) -> None:
    text = "Писатель Лев Толстой родился в Ясной Поляне. Лев Николаевич много ходил пешком, вспоминали о Толстом."
    found = entities(models, text)
    assert found["person", "Лев Николаевич Толстой"].count == 3


def test_common_word_that_opens_a_sentence_is_no_person(models: TextModels) -> None:
    names = [name for kind, name in entities(models, "История повторилась. Здравствуйте, сказал Иван Мороз.")]
    assert "История" not in names


def test_name_in_a_dateline_is_the_agencys(models: TextModels) -> None:
    text = "ЯЛТА, 5 марта (Полярис) — Вулкан Толбачик выбросил пепел на пять километров."
    assert ("organisation", "Полярис") in entities(models, text)


@pytest.mark.parametrize(
    ("name", "tagged", "kind"),
    [
        ("Corona Stage Academy", "place", "organisation"),
        ("Istanbul Canal", "organisation", "place"),
        ("South Bank Tower", "person", "place"),
        ("Jane Street", "person", "person"),
        ("Downing Street", "person", "place"),
        ("Ministry", "place", "place"),
    ],
)
def test_last_word_of_an_english_name_tells_its_type(name: str, tagged: EntityType, kind: EntityType) -> None:
    words = ["They", "saw", *name.split(), "yesterday"]
    spans = PostProcessor(Gazetteer(ModelPaths().shipped)).corrected(words, [(2, len(words) - 2, tagged)], {})
    assert [found for _, _, found in spans] == [kind]


@pytest.mark.parametrize(
    ("marked", "kind", "whole"),
    [
        (["Stoke-on"], "place", "Stoke-on-Trent"),
        (["Newcastle-", "Tyne"], "place", "Newcastle-upon-Tyne"),
        (["Stow-on-the-Wold"], "place", "Stow-on-the-Wold"),
        (["Newcastle", "Lyme Borough Council"], "organisation", "Newcastle-under-Lyme Borough Council"),
        (["China"], "place", "China"),
    ],
)
def test_english_town_with_small_words_between_hyphens_is_whole(
    marked: list[str], kind: EntityType, whole: str
) -> None:
    text = f"The museum of Kent has Made-in-China toys and {whole} on its list."
    spans = [(text.index(part), text.index(part) + len(part), part) for part in marked]
    mentions = [
        Mention(start, end, kind if number else "place", part, part) for number, (start, end, part) in enumerate(spans)
    ]
    kent = Mention(14, 18, "place", "Kent", "Kent")
    assert [(each.type, each.normal) for each in with_whole_towns(text, [kent, *mentions])] == [
        ("place", "Kent"),
        (kind, whole),
    ]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Ялта. 14 марта. Полярис — Вулкан выбросил пепел.", "organisation"),
        ("OSLO, 5 March (Полярис) - A new port will be built.", "organisation"),
        ("Поезд идёт в Полярис (Арктика) и дальше.", "place"),
    ],
)
def test_dateline_says_what_its_last_name_is(text: str, kind: str) -> None:
    start = text.index("Полярис")
    (entity,) = merge_mentions(text, [Mention(start, start + 7, "place", "Полярис", "Полярис")])
    assert entity.type == kind


def test_acronym_that_is_a_common_word_too_stays_an_acronym(models: TextModels) -> None:
    assert ("organisation", "ФИФА") in entities(
        models, "О выделении гранта объявила ФИФА. Президент ФИФА выступил в Цюрихе."
    )


def test_lone_given_name_takes_the_form_that_the_full_name_shows(models: TextModels) -> None:
    text = "Школьница Айталина Попова победила на олимпиаде. Летом Айталина поедет в Краков."
    assert entities(models, text)["person", "Айталина Попова"].count == 2


def test_kind_of_place_after_a_place_begins_the_next_one(models: TextModels) -> None:
    text = "На Камчатке вулкан Шивелуч выбросил пепел на высоту 8 километров."
    assert {("place", "Камчатка"), ("place", "Шивелуч")} <= entities(models, text).keys()


def test_kind_of_place_before_its_name_is_no_part_of_it(models: TextModels) -> None:
    text = "Озеро Кенозеро очистили от леса. Лес лежал в озере Кенозеро сто лет. Вода в Кенозере стала чище."
    assert entities(models, text)["place", "Кенозеро"].count == 3


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("Volunteers talk to listeners in Japan and Norway every night.", "place", "Norway"),
        ("It will be paid for with European Union funds, the minister said.", "organisation", "European Union"),
        ("BUCHAREST - Romania will build a second grain terminal, the government said.", "place", "Bucharest"),
        ("The match was won by Ashbourne Rovers in extra time.", "organisation", "Ashbourne Rovers"),
    ],
)
def test_english_name_ends_where_its_own_words_end(models: TextModels, text: str, kind: str, name: str) -> None:
    assert (kind, name) in entities(models, text)


@pytest.mark.parametrize(
    "text", ["Dock workers in Rotterdam ended their strike on Friday.", "Power was cut in the city for an hour."]
)
def test_common_word_with_the_sentences_capital_is_no_english_person(models: TextModels, text: str) -> None:
    assert [name for kind, name in entities(models, text) if kind == "person"] == []


def test_club_goes_by_its_first_word() -> None:
    text = "Ashbourne Rovers beat the leaders. Ashbourne scored twice."
    names = [
        Mention(0, 16, "organisation", "Ashbourne Rovers", "Ashbourne Rovers"),
        Mention(35, 44, "person", "Ashbourne", "Ashbourne"),
    ]
    (club,) = merge_mentions(text, names)
    assert (club.type, club.name, club.count) == ("organisation", "Ashbourne Rovers", 2)


def test_common_phrase_that_opens_a_sentence_is_no_name(models: TextModels) -> None:
    text = "На Сахалине закрыли дороги. Сильная метель накрыла Южно-Сахалинск. Верховный суд не работает."
    names = [name for _, name in entities(models, text)]
    assert "Сильная метель" not in names
    assert "Верховный суд" in names


def test_common_noun_that_opens_a_sentence_is_no_organisation(models: TextModels) -> None:
    text = "Министр финансов прибыл в Самару. Правительство утвердило бюджет. Руководство завода ждёт."
    assert "Правительство" not in [name for _, name in entities(models, text)]
