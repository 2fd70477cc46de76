"""Names in the languages that share one table of word pieces: found, with offsets, and gathered under one form."""

from __future__ import annotations

from functools import cache

import pytest

from coranto_classifier.entities.mention import EntityType, Mention
from coranto_classifier.entities.multilingual.articles import without_ending
from coranto_classifier.entities.multilingual.base_names import BaseNames
from coranto_classifier.entities.multilingual.consistency import made_consistent
from coranto_classifier.entities.multilingual.declension import DECLINED, Decliner
from coranto_classifier.entities.multilingual.features import shape_of
from coranto_classifier.entities.multilingual.forms import listed_place, with_plainest_forms
from coranto_classifier.entities.multilingual.recognizer import MODELS, in_latin_letters
from coranto_classifier.entities.multilingual.tokens import sentences_of, tokens_of
from coranto_classifier.entities.recognizers import RECOGNIZERS, WITH_NORMAL_FORMS
from coranto_classifier.text_models import ArticleText, ModelPaths, TextModels

_ARTICLES = {
    "bg": (
        "Ангела Меркел пристигна в София",
        (
            "Германският канцлер Ангела Меркел пристигна днес в София. Тя ще разговаря с президента Румен Радев, съобщиха от "
            "правителството. Утре Меркел заминава за Берлин."
        ),
        {"person": "Ангела Меркел", "place": "София"},
    ),
    "cs": (
        "Petr Fiala jednal v Bruselu",
        (
            "Premiér Petr Fiala jednal ve čtvrtek v Bruselu s předsedkyní Evropské komise. Podle ministerstva se příští schůzka "
            "uskuteční v Praze. Novinářům to řekl Jan Novák."
        ),
        {"person": "Petr Fiala", "place": "Praze"},
    ),
    "da": (
        "Mette Frederiksen rejser til Berlin",
        (
            "Statsminister Mette Frederiksen rejser på torsdag til Berlin, oplyser ministeriet. Hun skal mødes med Angela Merkel "
            "og kommer først hjem til København i weekenden."
        ),
        {"person": "Mette Frederiksen", "place": "Berlin"},
    ),
    "de": (
        "Angela Merkel reist nach Paris",
        (
            "Bundeskanzlerin Angela Merkel ist am Donnerstag nach Paris gereist. Dort trifft sie den Präsidenten Emmanuel Macron, "
            "wie die Regierung in Berlin mitteilte."
        ),
        {"person": "Angela Merkel", "place": "Paris"},
    ),
    "fi": (
        "Sauli Niinistö vieraili Tukholmassa",
        (
            "Presidentti Sauli Niinistö vieraili torstaina Tukholmassa. Hän tapasi siellä pääministerin ja palasi illalla "
            "Helsinkiin. Asiasta kertoi toimittajille Matti Virtanen."
        ),
        {"person": "Sauli Niinistö", "place": "Helsinkiin"},
    ),
    "hr": (
        "Plenković otputovao u Bruxelles",
        (
            "Predsjednik vlade Andrej Plenković otputovao je u četvrtak u Bruxelles. Sljedeći tjedan u Zagrebu će razgovarati s "
            "njemačkom kancelarkom, izvijestila je vlada. Tko će biti na sastanku, još nije poznato."
        ),
        {"person": "Andrej Plenković", "place": "Bruxelles"},
    ),
    "hu": (
        "Orbán Viktor Brüsszelbe utazott",
        (
            "Orbán Viktor miniszterelnök csütörtökön Brüsszelbe utazott. A kormány közlése szerint pénteken már Budapesten "
            "tárgyal a lengyel külügyminiszterrel. Erről Kovács Zoltán beszélt az újságíróknak."
        ),
        {"person": "Orbán Viktor", "place": "Brüsszelbe"},
    ),
    "id": (
        "Joko Widodo tiba di Surabaya",
        (
            "Presiden Joko Widodo tiba di Surabaya pada hari Kamis. Ia bertemu dengan Gubernur Jawa Timur dan para pengusaha, "
            "kata juru bicara kepada wartawan di Jakarta."
        ),
        {"person": "Joko Widodo", "place": "Surabaya"},
    ),
    "no": (
        "Erna Solberg reiste til Bergen",
        (
            "Statsminister Erna Solberg reiste torsdag til Bergen for å møte næringslivet. Hun sa at regjeringen ikke vil endre "
            "planene. Fredag er hun tilbake i Oslo."
        ),
        {"person": "Erna Solberg", "place": "Oslo"},
    ),
    "pl": (
        "Donald Tusk przyleciał do Warszawy",
        (
            "Premier Donald Tusk przyleciał w czwartek do Warszawy. Wcześniej rozmawiał w Berlinie z kanclerz Angelą Merkel, "
            "poinformował rzecznik rządu. O szczegółach Tusk nie chciał mówić."
        ),
        {"person": "Donald Tusk", "place": "Berlinie"},
    ),
    "pt": (
        "António Costa viajou para Lisboa",
        (
            "O primeiro-ministro António Costa viajou ontem para Lisboa. Segundo o governo, ele vai reunir-se com a presidente do "
            "Brasil, Dilma Rousseff, antes de seguir para Paris."
        ),
        {"person": "António Costa", "place": "Lisboa"},
    ),
    "ro": (
        "Klaus Iohannis a ajuns la București",
        (
            "Președintele Klaus Iohannis a ajuns joi la București, după o vizită la Paris. El a discutat cu Emmanuel Macron despre "
            "noul acord, a anunțat guvernul României."
        ),
        {"person": "Klaus Iohannis", "place": "București"},
    ),
    "sk": (
        "Robert Fico odcestoval do Prahy",
        (
            "Premiér Robert Fico odcestoval vo štvrtok do Prahy. Ako povedal novinárom, na budúci týždeň sa vráti do Bratislavy a "
            "stretne sa s ministrom. Zároveň odmietol kritiku opozície."
        ),
        {"person": "Robert Fico", "place": "Prahy"},
    ),
    "sl": (
        "Borut Pahor v Bruslju",
        (
            "Predsednik republike Borut Pahor se je v četrtek mudil v Bruslju. Kot so sporočili iz urada, se bo jutri vrnil v "
            "Ljubljano in se sestal z Angelo Merkel."
        ),
        {"person": "Borut Pahor", "place": "Ljubljano"},
    ),
    "sr": (
        "Aleksandar Vučić otputovao u Brisel",
        (
            "Predsednik Srbije Aleksandar Vučić otputovao je u četvrtak u Brisel. Sledeće nedelje u Beogradu će razgovarati sa "
            "nemačkom kancelarkom, saopštila je vlada. Ko će prisustvovati sastanku, još nije poznato."
        ),
        {"person": "Aleksandar Vučić", "place": "Brisel"},
    ),
    "sv": (
        "Stefan Löfven reste till Göteborg",
        (
            "Statsminister Stefan Löfven reste i torsdags till Göteborg. Enligt regeringen ska han träffa Angela Merkel i Berlin "
            "nästa vecka. Sverige har länge krävt ett nytt avtal."
        ),
        {"person": "Stefan Löfven", "place": "Göteborg"},
    ),
    "uk": (
        "Володимир Зеленський прибув до Києва",
        (
            "Президент України Володимир Зеленський у четвер прибув до Києва. Про це повідомив журналістам Андрій Єрмак. "
            "Наступного тижня він поїде до Варшави."
        ),
        {"person": "Володимир Зеленський", "place": "Києва"},
    ),
}
"""News written for this test: title, text, and a person and a place that it names, as the text gives them."""

_SHIPPED = sorted({code for languages in MODELS.values() for code in languages})


@pytest.mark.parametrize("code", sorted(_ARTICLES))
def test_article_gets_its_people_and_places_by_its_language(models: TextModels, code: str) -> None:
    title, text, names = _ARTICLES[code]
    analysis = models.analyse(ArticleText(title, text, declared_language=code))
    if code not in RECOGNIZERS:
        assert "names_not_supported" in analysis.notes
        return
    assert analysis.language.code.split("-")[0] == code
    assert "names_not_supported" not in analysis.notes
    assert "names_as_written" in analysis.notes
    joined = f"{title}\n{text}"
    found = {(entity.type, mention.text) for entity in analysis.entities for mention in entity.mentions}
    assert set(names.items()) <= found
    for entity in analysis.entities:
        for mention in entity.mentions:
            assert joined[mention.start : mention.end] == mention.text


def test_every_shipped_language_has_an_article_here() -> None:
    assert len(_SHIPPED) >= 12
    assert set(_SHIPPED) <= set(_ARTICLES)


def test_bosnian_is_read_by_the_tagger_of_croatian(models: TextModels) -> None:
    title, text, names = _ARTICLES["hr"]
    analysis = models.analyse(ArticleText(title, text.replace("Tko", "Ko"), declared_language="bs"))
    assert {(entity.type, mention.text) for entity in analysis.entities for mention in entity.mentions} >= set(
        names.items()
    )


def test_serbian_names_are_found_in_both_alphabets(models: TextModels) -> None:
    text = "Председник Србије Александар Вучић отпутовао је у четвртак у Брисел. О томе ће разговарати у Београду следеће недеље."
    found = {
        (entity.type, mention.text)
        for entity in models.analyse(ArticleText("", text)).entities
        for mention in entity.mentions
    }
    assert {("person", "Александар Вучић"), ("place", "Брисел")} <= found


def consistent(text: str, language: str, *names: tuple[str, EntityType]) -> list[tuple[str, EntityType]]:
    """Texts and types of the mentions made consistent; each of `names` is a mention at its first free occurrence."""
    mentions: list[Mention] = []
    for name, kind in names:
        start = text.index(name, mentions[-1].end if mentions else 0)
        mentions.append(Mention(start, start + len(name), kind, name, name))
    sentences = [[(start + a, start + b) for a, b in tokens_of(text[start:end])] for start, end in sentences_of(text)]
    return [(mention.text, mention.type) for mention in made_consistent(text, sentences, mentions, language)]


def test_forms_of_one_name_have_the_type_of_most_of_its_occurrences() -> None:
    text = "Ryanair letí. Ministr mluvil o Ryanairu. Podle Ryanairu je to dobře."
    names: tuple[tuple[str, EntityType], ...] = (
        ("Ryanair", "organisation"),
        ("Ryanairu", "place"),
        ("Ryanairu", "organisation"),
    )
    assert consistent(text, "cs", *names) == [
        ("Ryanair", "organisation"), ("Ryanairu", "organisation"), ("Ryanairu", "organisation"),
    ]  # fmt: skip


def test_overlooked_occurrences_of_a_name_become_mentions() -> None:
    text = "Donald Trump prijel. Novináři čekali na Donalda Trumpa. Jeho soupeř kritizoval trumpety."
    assert consistent(text, "cs", ("Donald Trump", "person")) == [
        ("Donald Trump", "person"),
        ("Donalda Trumpa", "person"),
    ]


@pytest.mark.parametrize(
    ("text", "name", "mentioned"),
    [
        ("Povedal to A. Danko v piatok.", "Danko", "A. Danko"),
        ("Povedal to J. M. Barroso v piatok.", "Barroso", "J. M. Barroso"),
        ("Podľa Ch. Lagardeovej áno.", "Lagardeovej", "Ch. Lagardeovej"),
        ("Obvinený Navid B. mlčí.", "Navid", "Navid B."),
        ("Povedal to Mr. Trump v piatok.", "Trump", "Trump"),
        ("Mladík Peter žije v EÚ. Novák nie.", "Novák", "Novák"),
    ],
)
def test_initials_belong_to_the_person(text: str, name: str, mentioned: str) -> None:
    assert consistent(text, "sk", (name, "person")) == [(mentioned, "person")]


def test_place_with_the_surname_of_a_person_is_that_person() -> None:
    text = "Ministerin Susanne Raab kam. Raab sprach in Wien mit Max Wien."
    names: list[tuple[str, EntityType]] = [
        ("Susanne Raab", "person"),
        ("Raab", "place"),
        ("Wien", "place"),
        ("Max Wien", "person"),
    ]
    assert [kind for _, kind in consistent(text, "de", *names)] == ["person", "person", "place", "person"]


def test_name_that_the_tagger_saw_once_in_many_occurrences_is_not_spread() -> None:
    text = "Vláda jedná. Potom Vláda mlčí. Zase Vláda mluví. Tady Vláda sedí."
    assert consistent(text, "cs", ("Vláda", "person")) == [("Vláda", "person")]


def test_country_and_city_of_a_dateline_are_places_and_a_persons_name_stays() -> None:
    assert consistent("КИЇВ, 5 березня. Про це сказали в Україні.", "uk", ("Україні", "organisation")) == [
        ("КИЇВ", "place"), ("Україні", "place"),
    ]  # fmt: skip
    names: tuple[tuple[str, EntityType], ...] = (("Denzel Washington", "person"), ("Washington", "person"))
    assert consistent("Denzel Washington přijel. Washington hrál.", "cs", *names) == list(names)


@cache
def decliner(language: str) -> Decliner:
    return Decliner(language, BaseNames(ModelPaths().shipped, language))


def declined(language: str, marked: str, kind: EntityType) -> str:
    """The nominative of the name that stands in square brackets."""
    start, end = marked.index("["), marked.index("]") - 1
    text = marked.replace("[", "").replace("]", "")
    (mention,) = decliner(language).declined(text, [Mention(start, end, kind, text[start:end], text[start:end])])
    return mention.normal


@pytest.mark.parametrize(
    ("language", "name", "normal"),
    [
        ("uk", "Європейської Комісії", "Європейська Комісія"),
        ("uk", "Верховним Судом", "Верховний Суд"),
        ("uk", "Комісію з безпеки", "Комісія з безпеки"),
        ("cs", "Evropského parlamentu", "Evropský parlament"),
        ("cs", "Středočeskou univerzitou", "Středočeská univerzita"),
        ("hr", "Europskoj komisiji", "Europska komisija"),
        ("pl", "Komisji Europejskiej", "Komisja Europejska"),
        ("pl", "Parlamentem Europejskim", "Parlament Europejski"),
        ("pl", "Trybunału Konstytucyjnego", "Trybunał Konstytucyjny"),
        ("pl", "Nowego Jorku", "Nowy Jork"),
        ("pl", "Ministerstwie Zdrowia", "Ministerstwo Zdrowia"),
        ("pl", "Rada Ministrów", "Rada Ministrów"),
        ("sr", "Narodnog pozorišta", "Narodno pozorište"),
        ("sl", "Evropskega sodišča", "Evropsko sodišče"),
        ("hr", "Ujedinjene nacije", "Ujedinjene nacije"),
        ("hr", "Narodna banka", "Narodna banka"),
        ("cs", "Spojené státy", "Spojené státy"),
        ("sl", "Novo mesto", "Novo mesto"),
        ("uk", "Народна рада", "Народна рада"),
        ("pl", "Urzędowi Zamówień Publicznych", "Urząd Zamówień Publicznych"),
        ("pl", "Zurich Insurance Group", "Zurich Insurance Group"),
        ("sl", "The Washington Post", "The Washington Post"),
        ("sk", "Európskou komisiou", "Európska komisia"),
        ("sk", "Ministerstvom vnútra", "Ministerstvo vnútra"),
        ("cs", "Masarykovy univerzity", "Masarykova univerzita"),
        ("cs", "Karlově univerzitě", "Karlova univerzita"),
        ("cs", "Lidových novin", "Lidových novin"),
    ],
)
@pytest.mark.parametrize("before", ["", "Delegacija "])
def test_organisation_is_declined_with_its_adjectives(before: str, language: str, name: str, normal: str) -> None:
    assert declined(language, f"{before}[{name}]", "organisation") == normal


@pytest.mark.parametrize(
    ("language", "name", "normal"),
    [
        ("hr", "HNK-a", "HNK"),
        ("bg", "Националната библиотека", "Национална библиотека"),
        ("bg", "Софийския университет", "Софийски университет"),
        ("bg", "Върховния съд", "Върховен съд"),
        ("bg", "Окръжният съд", "Окръжен съд"),
        ("bg", "Камарата на общините", "Камара на общините"),
        ("bg", "Съюзът на артистите", "Съюз на артистите"),
        ("bg", "Западните Балкани", "Западни Балкани"),
        ("bg", "Обединеното кралство", "Обединеното кралство"),
        ("bg", "Испания", "Испания"),
        ("bg", "Калифорния", "Калифорния"),
        ("bg", "Партия на труда", "Партия на труда"),
        ("pt", "Banco do Brasil", "Banco do Brasil"),
        ("hu", "Magyar Nemzeti Bank", "Magyar Nemzeti Bank"),
    ],
)
def test_articles_and_endings_of_acronyms_are_taken_off(language: str, name: str, normal: str) -> None:
    assert without_ending(name, language) == normal


@pytest.mark.parametrize(
    ("language", "text", "normal"),
    [
        ("pl", "Wizyta w [Polsce] trwa.", "Polska"),
        ("pl", "Gaz płynie do [Niemiec].", "Niemcy"),
        ("pl", "Mieszka w [Krakowie].", "Kraków"),
        ("pl", "Jedzie do [Nowego Jorku].", "Nowy Jork"),
        ("pl", "Mieszka w [Rawalpindi].", "Rawalpindi"),
        ("cs", "Žije v [Praze].", "Praha"),
        ("cs", "Navštívil továrnu v [Brně].", "Brno"),
        ("cs", "Přiletěl z [Finska] včera.", "Finsko"),
        ("hr", "Živi u [Zagrebu].", "Zagreb"),
        ("sr", "Živi u [Beogradu].", "Beograd"),
        ("sl", "Prišel je iz [Maribora].", "Maribor"),
        ("uk", "Живе у [Києві].", "Київ"),
        ("uk", "Їде до [Львова].", "Львів"),
        ("uk", "Їде з [Харкова].", "Харків"),
        ("uk", "Місто [Одеса] чекає.", "Одеса"),
        ("pl", "Jedzie do [Zakopanego].", "Zakopane"),
        ("pl", "Mieszka w [Zakopanem].", "Zakopane"),
        ("pl", "Mieszka w [Łodzi].", "Łódź"),
        ("pl", "Leci do [Zjednoczonego Królestwa].", "Zjednoczone Królestwo"),
        ("cs", "Jede do [Velké Británie].", "Velká Británie"),
        ("cs", "Přijel ze [Severní Karolíny].", "Severní Karolína"),
        ("cs", "Žije v [Ústí nad Labem].", "Ústí nad Labem"),
        ("uk", "Живе у [Кривому Розі].", "Кривий Ріг"),
        ("uk", "Живе у [Рівному].", "Рівне"),
        ("uk", "Їде до [Близького Сходу].", "Близький Схід"),
        ("sk", "Pochádza zo [Slovenskej republiky].", "Slovenská republika"),
        ("sk", "Žije v [Košiciach].", "Košice"),
        ("pl", "Mieszka w [Gdyni].", "Gdynia"),
        ("pl", "Jedzie do [Belgii].", "Belgia"),
        ("pl", "Mieszka w [Norwegii].", "Norwegia"),
        ("pl", "Mieszka przy [Ulicy Długiej].", "Ulica Długa"),
        ("pl", "Wyjazd do [Bośni] trwa.", "Bośnia"),
        ("pl", "Jedzie do [Gliwic].", "Gliwice"),
        ("cs", "Jede do [Pardubic].", "Pardubice"),
        ("cs", "Žije v [Českých Budějovicích].", "České Budějovice"),
        ("cs", "Žije v [Uherském Hradišti].", "Uherské Hradiště"),
        ("cs", "Žije v [Hradci Králové].", "Hradec Králové"),
        ("cs", "Odjel z [Plzně].", "Plzeň"),
        ("sk", "Žije v [Lučenci].", "Lučenec"),
        ("sk", "Odišiel z [Michaloviec].", "Michalovce"),
        ("sk", "Žije v [Humennom].", "Humenné"),
        ("sk", "Žije vo [Viedni].", "Viedeň"),
        ("uk", "Живе у [Чернівцях].", "Чернівці"),
        ("hr", "Došao iz [Vinkovaca].", "Vinkovci"),
    ],
)
def test_place_is_put_into_the_nominative(language: str, text: str, normal: str) -> None:
    assert declined(language, text, "place") == normal


@pytest.mark.parametrize(
    ("language", "text", "normal"),
    [
        ("pl", "Szef [Gazprom] milczy.", "Gazprom"),
        ("sl", "Ruski [Gazprom] molči.", "Gazprom"),
        ("uk", "Прес-служба “[Нафтогазу] мовчить.", "Нафтогаз"),
    ],
)
def test_company_is_left_or_declined_by_what_stands_before_it(language: str, text: str, normal: str) -> None:
    assert declined(language, text, "organisation") == normal


@pytest.mark.parametrize(
    ("language", "name", "normal"),
    [
        ("cs", "Vladimírem Novákem", "Vladimír Novák"),
        ("cs", "Petru Novákovi", "Petr Novák"),
        ("cs", "Jany Novákové", "Jana Nováková"),
        ("cs", "Miloše Nového", "Miloš Nový"),
        ("cs", "Petra Nováková", "Petra Nováková"),
        ("uk", "Олександра Малиновського", "Олександр Малиновський"),
        ("uk", "Олени Малиновської", "Олена Малиновська"),
        ("uk", "Іваном Петренком", "Іван Петренко"),
        ("sl", "Emilom Kovačem", "Emil Kovač"),
        ("hr", "Ivana Horvatskog", "Ivan Horvatski"),
        ("hr", "Ana Horvat", "Ana Horvat"),
        ("pl", "Donaldem Tuskiem", "Donald Tusk"),
        ("pl", "Jana Kowalskiego", "Jan Kowalski"),
        ("pl", "Annie Kowalskiej", "Anna Kowalska"),
        ("pl", "Andrzejem Dudą", "Andrzej Duda"),
        ("pl", "Maria Dąbrowska", "Maria Dąbrowska"),
        ("sr", "Tom Strom", "Tom Strom"),
        ("uk", "Івана Франка", "Іван Франко"),
        ("uk", "Петром Порошенком", "Петро Порошенко"),
        ("uk", "Олени Дідової", "Олена Дідова"),
        ("sk", "Zuzanu Čaputovú", "Zuzana Čaputová"),
        ("sk", "Robertom Ficom", "Robert Fico"),
        ("sk", "Maroša Šefčoviča", "Maroš Šefčovič"),
        ("sk", "Petra Pellegriniho", "Peter Pellegrini"),
        ("sk", "Michalom Šimečkom", "Michal Šimečka"),
        ("cs", "Pavlem Blažkem", "Pavel Blažek"),
        ("uk", "Володимиром Зеленським", "Володимир Зеленський"),
        ("uk", "Володимиром Путіним", "Володимир Путін"),
    ],
)
def test_words_of_a_persons_name_agree(language: str, name: str, normal: str) -> None:
    assert declined(language, f"[{name}]", "person") == normal


@pytest.mark.parametrize(
    ("language", "text", "normal"),
    [
        ("pl", "Decyzja prezydenta [Imrana Chana] zapadła.", "Imran Chan"),
        ("pl", "Premier [Theresa May] milczy.", "Theresa May"),
        ("pl", "Po rozmowach kanclerz [Angeli Merkel] milczy.", "Angela Merkel"),
        ("pl", "Sprawa [Bibi] trwa.", "Bibi"),
        ("uk", "За словами [Лесі Паламарчук], усе добре.", "Леся Паламарчук"),
        ("uk", "Так сказала [Богдана Стецишин].", "Богдана Стецишин"),
        ("cs", "Podle prezidenta [Donalda Trumpa] ano.", "Donald Trump"),
        ("cs", "[Trumpovi] se to líbí.", "Trump"),
        ("pl", "Według posła [Nigela Farage'a] tak.", "Nigel Farage"),
        ("pl", "Dramat pisarza [Samuela Becketta] trwa.", "Samuel Beckett"),
        ("uk", "Зустріч із [В. Путіним] скасовано.", "В. Путін"),
        ("cs", "Tvrdí to [Stanjura].", "Stanjura"),
        ("pl", "Mówi to [D. Gibała].", "D. Gibała"),
        ("sl", "Theresa May in poslanci: [Mayeva] molči.", "May"),
        ("sl", "Angela Merkel pride, za [Merklovo] je to novo.", "Merkel"),
        ("sl", "Tako pravi [Mayeva].", "Mayeva"),
    ],
)
def test_title_and_preposition_tell_the_case_of_a_person(language: str, text: str, normal: str) -> None:
    assert declined(language, text, "person") == normal


def test_table_of_every_declined_language_is_whole() -> None:
    for language in DECLINED:
        assert declined(language, "[Li]", "person") == "Li"
        assert BaseNames(ModelPaths().shipped, language).has("Berlin" if language != "uk" else "Берлін", "place")


@pytest.mark.parametrize(
    ("language", "name", "listed"),
    [
        ("cs", "Itálii", "Itálie"),
        ("uk", "Європою", "Європа"),
        ("sl", "Evropi", "Evropa"),
        ("uk", "Великої Британії", "Велика Британія"),
        ("sl", "Ameriki", "Amerika"),
        ("cs", "Malá", None),
        ("cs", "Petra", None),
    ],
)
def test_listed_place_is_found_in_any_case_of_its_language(language: str, name: str, listed: str | None) -> None:
    assert listed_place(name, language) == listed


def test_serbian_cyrillic_becomes_latin_letter_by_letter() -> None:
    assert [in_latin_letters(word) for word in ("Љубљана", "ЊЕГОШ", "Џон", "Merkel", "ы")] == [
        "Ljubljana", "NJEGOŠ", "Džon", "Merkel", "ы",
    ]  # fmt: skip


def test_record_says_whether_names_are_in_normal_form(models: TextModels) -> None:
    for text in ("Prime Minister Theresa May spoke to reporters in London on Friday about the budget.",):
        assert "names_as_written" not in models.analyse(ArticleText("", text)).notes
    assert {"ru", "en"} == WITH_NORMAL_FORMS


def _people(*names: str) -> list[Mention]:
    return [Mention(20 * number, 20 * number + len(name), "person", name, name) for number, name in enumerate(names)]


@pytest.mark.parametrize(
    ("language", "names", "plainest"),
    [
        ("pl", ("Donald Tusk", "Donalda Tuska", "Donaldowi Tuskowi"), "Donald Tusk"),
        ("cs", ("Angely Merkelové", "Angela Merkelová", "Angelou Merkelovou"), "Angela Merkelová"),
        ("uk", ("Дональда Туска", "Дональд Туск"), "Дональд Туск"),
        ("fi", ("Niinistön", "Niinistö", "Niinistölle"), "Niinistö"),
        ("sv", ("Löfvens", "Löfven"), "Löfven"),
    ],
)
def test_forms_of_a_name_in_one_text_get_the_plainest(language: str, names: tuple[str, ...], plainest: str) -> None:
    assert {mention.normal for mention in with_plainest_forms(_people(*names), language)} == {plainest}


@pytest.mark.parametrize("names", [("Novák", "Novotný"), ("NATO", "NATOa"), ("Li", "Lia"), ("Jan Novák", "Novák")])
def test_names_that_differ_in_more_than_an_ending_stay_apart(names: tuple[str, ...]) -> None:
    assert [mention.normal for mention in with_plainest_forms(_people(*names), "cs")] == list(names)


def test_country_in_an_oblique_case_is_known_by_its_code(models: TextModels) -> None:
    text = "Premiér Petr Fiala v pátek odletěl do Německa. O cestě do Německa mluvil s novináři v Praze, kde se vláda sešla."
    countries = {
        entity.country: entity.name for entity in models.analyse(ArticleText("", text)).entities if entity.country
    }
    assert countries == {"DE": "Německo"}


def test_sentence_does_not_end_after_an_initial_or_a_date() -> None:
    text = "A. Merkel kam am 5. März an. Danach sprach sie. Es war 12 Uhr."
    assert [text[start:end] for start, end in sentences_of(text)] == [
        "A. Merkel kam am 5. März an.", "Danach sprach sie.", "Es war 12 Uhr.",
    ]  # fmt: skip


def test_word_keeps_its_hyphens_and_apostrophes() -> None:
    text = "SAD-u O’Neill, U.S.A. – 2020."
    assert [text[start:end] for start, end in tokens_of(text)] == ["SAD-u", "O’Neill", ",", "U.S.A.", "–", "2020", "."]
    assert shape_of("SAD-u") == "XX-x"
