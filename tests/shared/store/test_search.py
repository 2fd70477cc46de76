"""Searching the article store: word forms, phrases, filters, and what a stranger may type."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.shared.store.articles import NOON, store
from tests.shared.store.databases import Database, rows

from coranto.records import ArticleDate, ClassifiedArticle, Entity, Language
from coranto.store.address import open_article_reader
from coranto.store.interface import ArticleStore, SearchError, SearchFilter
from coranto.store.search.query import parse
from coranto.store.search.words import STEMMERS, forms_of, stem
from coranto.store.sqlite.words import match_expression

MakeArticle = Callable[..., ClassifiedArticle]
Fill = Callable[..., Any]


@pytest.fixture
def fill(article_store: ArticleStore, make_article: MakeArticle) -> Fill:
    """Stores one article for each text, under https://news.example/NUMBER."""

    async def fill(language: str, *texts: str, **more: Any) -> None:
        for text in texts:
            article = in_language(
                make_article(f"https://news.example/{language}/{text[:40]}", text=text, **more), language
            )
            await store(article, article_store=article_store)

    return fill


def in_language(article: ClassifiedArticle, language: str) -> ClassifiedArticle:
    section = article.classification.model_copy(update={"language": Language(code=language, confidence=0.9)})
    return article.model_copy(update={"classification": section})


def found(database: Database, query: str, **where: Any) -> set[str]:
    """What the text of each article found begins with."""
    with open_article_reader(database) as reader:
        hits = reader.search(query, where=SearchFilter(**where))
        return {article.content.text for hit in hits if (article := reader.find(hit.id))}


RUSSIAN = {
    "Киев": {"Посол прибыл в Киев.", "Киева это не коснулось.", "В Киеве прошёл дождь."},
    "Саратов": {"Поезд ушёл в Саратов.", "В Саратове открыли мост.", "Под Саратовом горит лес."},
    "Лавров": {"Лавров приехал в Минск.", "Встреча Лаврова перенесена."},
    "Медведев": {"Медведев вышел в финал.", "Победа Медведева в трёх сетах."},
    "мёд": {"Мёд подорожал.", "Мед собрали в августе."},
    "цена": {"Цены на хлеб стоят.", "Цену назвали вчера."},
    "центр": {"Центр города закрыт.", "В центре людно."},
    "мосты": {"Мост открыт.", "Мосты разведут ночью.", "Ремонт моста окончен.", "В Саратове открыли мост."},
    "школьница": {"Школьница нашла клад.", "Письмо написано школьницами.", "Школьницу наградили."},
}
FORMS = {
    "Киев": "Киев Киева Киеве Киеву Киевом киев",
    "Саратов": "Саратов Саратова Саратове Саратовом",
    "Лавров": "Лавров Лаврова Лаврову Лавровым",
    "Медведев": "Медведев Медведева Медведеву",
    "мёд": "мёд мед МЁД меда мёдом",
    "цена": "цена цены ценами ЦЕНУ",
    "центр": "центр центра центре центры",
    "мосты": "мост мосты моста мостов мостами",
    "школьница": "школьница школьницами школьницу школьниц",
}


@pytest.mark.parametrize("word", FORMS)
async def test_every_form_of_a_russian_word_finds_the_same_articles_and_no_others(
    fill: Fill, database: Database, word: str
) -> None:
    await fill("ru", *{text for texts in RUSSIAN.values() for text in texts}, title="Новости дня")
    assert {form: found(database, form) for form in FORMS[word].split()} == dict.fromkeys(
        FORMS[word].split(), RUSSIAN[word]
    )


@pytest.mark.parametrize(
    ("forms", "text"),
    [
        ("run runs running", "She was running."),
        ("run runs running", "A long run."),
        ("budget budgets Budgeting", "Two budgets were cut."),
        ("organise organised organising", "They organised a fair."),
        ("city cities", "Cities grow."),
    ],
)
async def test_forms_of_an_english_word_find_each_other(fill: Fill, database: Database, forms: str, text: str) -> None:
    await fill("en", text, "Nothing of the kind.")
    assert {form: found(database, form) for form in forms.split()} == {form: {text} for form in forms.split()}


async def test_a_stem_counts_only_in_texts_of_its_language(fill: Fill, database: Database) -> None:
    # The German stem of "news" is "new"; the Swedish one of "hunter" is "hunt".
    await fill("en", "A new bridge.", "The news at nine.")
    await fill("de", "Neue News aus Bonn.")
    assert found(database, "news") == {"The news at nine.", "Neue News aus Bonn."}


async def test_language_given_decides_which_forms_count(fill: Fill, database: Database) -> None:
    await fill("en", "Two budgets.")
    await fill("de", "Zwei Budgets.")
    await fill("pt-BR", "Dois orçamentos.")
    assert found(database, "budget", language="en") == {"Two budgets."}
    assert found(database, "orçamento", language="pt") == {"Dois orçamentos."}
    assert found(database, "orcamento", language="PT-br") == {"Dois orçamentos."}
    assert found(database, "budget", language="pt") == set()


async def test_quotes_switch_word_forms_off(fill: Fill, database: Database) -> None:
    await fill("ru", "Мост открыт.", "Ремонт моста окончен.", "Зелёный мост построен.")
    assert found(database, '"моста"') == {"Ремонт моста окончен."}
    assert found(database, '"мост открыт"') == {"Мост открыт."}
    assert found(database, '"открыт мост"') == set()
    assert found(database, '"зеленый мост"') == {"Зелёный мост построен."} == found(database, '"ЗЕЛЁНЫЙ МОСТ"')


async def test_star_finds_what_begins_so(fill: Fill, database: Database) -> None:
    await fill("ru", "Зелёный свет.", "Зеленые насаждения.", "Земля.")
    assert found(database, "зел*") == {"Зелёный свет.", "Зеленые насаждения."}
    assert found(database, "зелён*") == {"Зелёный свет.", "Зеленые насаждения."}
    assert found(database, "зем* ") == {"Земля."}


async def test_star_finds_no_text_by_the_name_of_its_stemmer(fill: Fill, database: Database) -> None:
    await fill("en", "Some text.")
    assert found(database, "snow*") == set()


async def test_letters_of_two_code_points_are_found_and_find(fill: Fill, database: Database) -> None:
    text = unicodedata.normalize("NFD", "Чайник с ёлкой.")
    await fill("ru", text)
    for query in ("чайник", "чайники", "ёлка", "елка", unicodedata.normalize("NFD", "чайники")):
        assert found(database, query) == {text}
    with open_article_reader(database) as reader:
        assert reader.search("чайники")[0].excerpt == "[Чайник] с ёлкой."


async def test_word_with_a_hyphen_has_forms_too(fill: Fill, database: Database) -> None:
    await fill("ru", "Мост Санкт-Петербурга.", "Санкт-Петербург ждёт.", "Казань ждёт.")
    assert found(database, "Санкт-Петербургом") == {"Мост Санкт-Петербурга.", "Санкт-Петербург ждёт."}


async def test_forms_of_a_replaced_text_are_gone_and_the_index_agrees_with_the_articles(
    fill: Fill, article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    url = "https://news.example/one"
    await store(in_language(make_article(url, text="Ремонт моста."), "ru"), article_store=article_store)
    await store(in_language(make_article(url, fetch=2, text="Ремонт дороги."), "ru"), article_store=article_store)
    assert found(database, "мосты") == set()
    assert found(database, "дорога") == {"Ремонт дороги."}
    if isinstance(database, Path):
        rows(database, "INSERT INTO articles_fts (articles_fts, rank) VALUES ('integrity-check', 1)")


async def test_match_in_the_headline_comes_first_in_another_form_too(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    for name, title, text in (("text", "Новости", "Ремонт моста."), ("title", "Ремонт моста", "Работы окончены.")):
        article = make_article(f"https://news.example/{name}", title=title, text=text)
        await store(in_language(article, "ru"), article_store=article_store)
    with open_article_reader(database) as reader:
        assert [hit.url.rsplit("/")[-1] for hit in reader.search("мосты")] == ["title", "text"]


async def test_excerpt_marks_words_in_the_form_they_have(fill: Fill, database: Database) -> None:
    await fill("ru", "Слово " * 60 + "о ремонте моста через Неву. " + "Слово " * 60)
    with open_article_reader(database) as reader:
        (hit,) = reader.search("мосты Нева")
        assert "о ремонте [моста] через [Неву]. Слово" in hit.excerpt
        assert len(hit.excerpt) < 300
        (hit,) = reader.search('"моста через"')
        assert "[моста] [через] Неву" in hit.excerpt


QUERIES = ["*", '"', '"""', "…", "'", "\0", "(", "^", "-", '"" ""', "***"]


@pytest.mark.parametrize("query", QUERIES)
async def test_query_without_a_word_is_explained(fill: Fill, database: Database, query: str) -> None:
    await fill("en", "Some text.")
    with pytest.raises(SearchError, match="there is no word to search for in"):
        found(database, query)


@pytest.mark.parametrize(
    "query",
    ["AND", "NEAR(a b)", "title:x", "a OR", "-b", "^c", "{x}: y", "е" * 5000, "слово " * 5000,
     '"' + "ее " * 500 + '"', "е-е-е-е-е-ее " * 40, " ".join(f"организация{'и' * n}*" for n in range(40))],
    ids=lambda query: repr(query[:8]),
)  # fmt: skip
async def test_no_query_is_a_syntax_error(fill: Fill, database: Database, query: str) -> None:
    for number, language in enumerate(sorted(STEMMERS)):
        await fill(language, f"Some text {number}.")
    assert found(database, query) == set()


async def test_of_a_group_one_word_is_enough_in_any_form_and_is_what_the_excerpt_marks(
    fill: Fill, database: Database
) -> None:
    wanted = ("В Саратове открыли мосты.", "В Саратове строят путепровод.", "В Саратове есть автомобильный переход.")
    await fill("ru", *wanted, "В Саратове идёт снег.", "В Москве открыли мост.")
    query = '(мост | путепроводы | "автомобильный переход") Саратов'
    assert found(database, query) == set(wanted)
    with open_article_reader(database) as reader:
        marked = " ".join(hit.excerpt for hit in reader.search(query))
    assert all(each in marked for each in ("[мосты]", "[путепровод]", "[автомобильный] [переход]"))


@pytest.mark.parametrize(
    ("query", "groups"),
    [
        ("(a | b) c", [["a", "b"], ["c"]]),
        ("(a b)", [["a"], ["b"]]),
        ("a | b", [["a"], ["b"]]),
        ("(river bridge|viaduct) x", [["river bridge", "viaduct"], ["x"]]),
        ("(a | b", [["a", "b"]]),
        ("(a | ", [["a"]]),
        ("f(x|y)", [["f x y"]]),
        ("( | a | )", [["a"]]),
        ("(|) ) (", []),
        ("((a | b) c", [["a", "b"], ["c"]]),
        ('"(a | b)"', [["a b"]]),
        ("(a | a)", [["a"]]),
    ],
)
def test_brackets_with_bars_are_groups_and_nothing_else_is(query: str, groups: list[list[str]]) -> None:
    assert [[" ".join(each.words) for each in part.group] for part in parse(query)] == groups


def test_a_query_has_so_many_words_and_no_more_however_they_are_grouped() -> None:
    parts = parse("(" + " | ".join(f"w{number}" for number in range(100)) + ")")
    assert len(parts[0].group) == 32


def test_operators_of_the_index_are_plain_words() -> None:
    assert match_expression(parse("x:1 OR neva*"), ()) == (
        '({title lead text} : ("x 1")) AND ("or") AND ({title lead text title_forms text_forms} : ("neva"*))'
    )


@pytest.mark.parametrize(("language", "stemmer"), STEMMERS.items())
def test_every_stemmer_of_the_list_exists(language: str, stemmer: str) -> None:
    assert stem("information", stemmer)


def test_forms_hold_only_what_does_not_stand_among_the_words_as_it_is() -> None:
    assert forms_of("мост моста мосты ещё Ёж", "russian") == "еще ещ еж"
    assert forms_of("Мост моста мосты", "russian") == "мост"
    assert forms_of("Ремонт моста", "russian") == "мост"
    assert forms_of("Мост", None) is None
    assert forms_of("a1 b2 2026", "english") is None


async def test_filters_must_all_hold(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    def build(name: str, day: int, topic: str, entity: str, language: str) -> ClassifiedArticle:
        article = in_language(make_article(f"https://{name}.example/ferry", text=name, topics=(topic,)), language)
        content = article.content.model_copy(
            update={
                "published": ArticleDate(
                    local=(NOON + timedelta(days=day)).isoformat()[:16],
                    precision="minute",
                    zone="+00:00",
                    zone_from="stated",
                    at=NOON + timedelta(days=day),
                ),
                "publisher": name.title(),
            }
        )
        entities = (Entity(type="person", name=entity, count=1),)
        section = article.classification.model_copy(update={"entities": entities})
        discovery = article.discovery.model_copy(update={"source": f"{name}-feed"})
        return article.model_copy(update={"content": content, "classification": section, "discovery": discovery})

    for article in (
        build("one", 0, "15000000", "Семён Ёлкин", "ru"),
        build("two", 1, "20000822", "Anna Petrova", "en"),  # a topic below sport
        build("www.three", 2, "04000000", "Anna Petrova", "en-GB"),
    ):
        await store(article, article_store=article_store)
    day = timedelta(days=1)
    one, two, three = {"one"}, {"two"}, {"www.three"}
    assert found(database, "", since=NOON + day) == two | three
    assert found(database, "", until=NOON + day) == one
    assert found(database, "", since=NOON + day, until=NOON + 2 * day) == two
    assert found(database, "", topic="15000000") == one | two == found(database, "", topic="medtop:15000000")
    assert found(database, "", topic="Sport") == one | two == found(database, "", topic="спорт")
    assert found(database, "", topic="20000822") == two
    assert found(database, "", entity="семен елкин") == one == found(database, "", entity="Семён Ёлкин")
    assert found(database, "", entity="anna petrova") == two | three
    assert found(database, "", language="en") == two | three
    assert found(database, "", source="two-feed") == two == found(database, "", source="Two")
    assert found(database, "", source="three.example") == three == found(database, "", source="WWW.three.example")
    assert found(database, "", source="%") == set()
    assert found(database, "one", source="two-feed") == set()
    assert found(database, "", topic="sport", entity="Anna Petrova") == two
    assert found(database, "", topic="sport", entity="Anna Petrova", language="ru") == set()
    with open_article_reader(database) as reader:
        assert [hit.excerpt for hit in reader.search("")] == ["www.three", "two", "one"]


async def test_article_without_a_date_counts_by_the_time_it_was_stored(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    article = make_article(text="undated")
    article = article.model_copy(update={"content": article.content.model_copy(update={"published": None})})
    await store(article, article_store=article_store)
    hour = timedelta(hours=1)
    assert found(database, "undated", since=datetime.now(UTC) - hour) == {"undated"}
    assert found(database, "undated", until=datetime.now(UTC) - hour) == set()


async def test_unknown_topic_is_explained_with_what_may_have_been_meant(fill: Fill, database: Database) -> None:
    await fill("en", "Some text.")
    with pytest.raises(SearchError, match=r"no code or name 'sprot'; did you mean .*'sport'"):
        found(database, "", topic="sprot")
    with pytest.raises(SearchError, match="no code or name '99999999'"):
        found(database, "", topic="99999999")
