"""The language of filters: what each form means, and what a wrong one is told."""

from __future__ import annotations

import pytest
from tests.shared.store.articles import build_article

from coranto.filter import FilterError, compile_filter
from coranto.records import FinishedArticle, Storage


@pytest.fixture(scope="module")
def article() -> FinishedArticle:
    """Title "Bridge over the Neva reopens", in English, on topic 13000000, naming the place Neva."""
    from tests.shared.store.articles import NOON

    return build_article().with_storage(Storage(revision=1, change="created", stored_at=NOON))


@pytest.mark.parametrize(
    "text",
    [
        "language == 'en'",
        "language == 'EN'",
        'language == "en"',
        "language != 'ru'",
        "language in ('ru', 'en')",
        "language in ('ru', 'en',)",
        "language not in ('ru', 'de')",
        "topic == '13000000'",
        "topic == 'medtop:13000000'",
        "topic.under('medtop:13000000')",
        "topic.under('science and technology')",
        "not topic.under('medtop:11000000')",
        "host == 'news.example'",
        "host.under('example')",
        "not host.under('ews.example')",
        "place == 'neva'",
        "entity == 'Neva' and person != 'Neva'",
        "entity.contains('ev')",
        "title.contains('BRIDGE over')",
        "title.startswith('bridge')",
        "author == 'Anna Petrova'",
        "tag == 'bridges' and tag == 'traffic'",
        "published >= '2026-03-14' and published < '2026-03-15'",
        "published == '2026-03-14T15:00+03:00'",
        "revision == 1 and revision <= 1 and not revision > 1",
        "change == 'created'",
        "lead == none",
        "title != none",
        "person == none and place != none",
        "lead != 'anything'",
        "not lead == 'anything'",
        "not lead.contains('anything')",
        "paywalled == none and paywalled != true and paywalled != false",
        "language == 'ru' or language == 'en' and revision == 1",
        "not (language == 'ru' and revision == 1)",
        "not not language == 'en'",
        "  ( language=='en' )\n and\trevision==1 ",
        "publisher == 'the example'",
        "title == 'Bridge over the Neva\\ reopens'",
    ],
)
def test_it_holds(article: FinishedArticle, text: str) -> None:
    assert compile_filter(text)(article)
    assert not compile_filter(f"not ({text})")(article)


@pytest.mark.parametrize(
    ("text", "position", "why"),
    [
        ("", 0, "expected a field"),
        ("language", 8, "expected `==`"),
        ("language == ", 12, "`language` is compared with a text in quotes, got the end"),
        ("language == ru", 12, "text in quotes, got `ru`"),
        ("langauge == 'ru'", 0, "did you mean `language`?"),
        ("nonsense == 'ru'", 0, "the fields are id, url"),
        ("language = 'ru'", 9, "`=` has no meaning here"),
        ("language == 'ru", 12, "quotes are not closed"),
        ("language == 'ru' language == 'en'", 17, "expected `and`, `or` or the end"),
        ("language < 'ru'", 9, "has no order"),
        ("(language == 'ru'", 17, "expected `)`"),
        ("language == 'ru')", 16, "expected `and`, `or` or the end"),
        ("language in 'ru'", 12, "expected `(`"),
        ("language in ()", 13, "text in quotes, got `)`"),
        ("language not 'ru'", 13, "expected `in`"),
        ("topic == 'polittics'", 9, "has no code or name 'polittics'; did you mean"),
        ("topic == 7", 9, "code or name in quotes"),
        ("title.under('x')", 6, "`title` has no `under`; these have: `host`, `language`, `topic`"),
        ("title.like('x')", 6, "expected one of `contains`"),
        ("title.contains('')", 15, "would hold for everything"),
        ("published > 'yesterday'", 12, "expected a day or time"),
        ("published > none", 10, "`none` is only compared"),
        ("revision == '1'", 12, "a whole number"),
        ("revision == 99999999999999999999", 12, "too many digits"),
        ("paywalled == 1", 13, "`true` or `false`"),
        ("and", 0, "there is no field `and`"),
        ("language == 'ru' ; drop table articles", 17, "`;` has no meaning"),
        ("(" * 60 + "language == 'ru'" + ")" * 60, 50, "50 deep at most"),
        ("not " * 60 + "language == 'ru'", 200, "50 deep at most"),
        (" or ".join(["revision == 1"] * 201), 3400, "200 comparisons at most"),
        ("x" * 5000, 4000, "4000 characters at most"),
    ],
)
def test_a_wrong_one_says_where_and_why(text: str, position: int, why: str) -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter(text)
    assert why in str(caught.value)
    assert caught.value.position == position


def test_the_place_is_pointed_at() -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter("language == 'ru'\nand tpic == 'x'")
    *_, line, pointer = str(caught.value).splitlines()
    assert line[pointer.index("^") :].startswith("tpic")


def test_filters_that_ask_the_same_are_equal() -> None:
    assert compile_filter("language == 'ru'") == compile_filter('( language=="RU" )')
    assert compile_filter("language == 'ru'") != compile_filter("language == 'en'")
