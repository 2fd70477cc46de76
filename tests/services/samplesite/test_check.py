"""The comparison itself: it must find what is wrong, and nothing where all is well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from coranto.records import (
    ArticleDate,
    Block,
    Classification,
    Content,
    Discovery,
    Entity,
    Fetch,
    FinishedArticle,
    Image,
    Language,
    PageRef,
    Person,
    Storage,
    Story,
    Topic,
    article_id,
)
from coranto.urls import key_of
from coranto_samplesite import Expectation, expectations_for, mismatches
from coranto_samplesite.pages import ArticleText

NOW = datetime(2026, 3, 15, tzinfo=UTC)
EXPECTATIONS = expectations_for({"site": "http://127.0.0.1:8765", "wire": "http://127.0.0.1:8766"})


@dataclass(frozen=True)
class Line:
    url: str
    stage: str
    outcome: str
    reason: str


def expectation(name: str) -> Expectation:
    return next(expectation for expectation in EXPECTATIONS if expectation.name == name)


def ideal(expected: Expectation, article: ArticleText | None = None, *, revision: int = 1) -> FinishedArticle:
    """The record that a perfect pipeline would make of the page."""
    article = article or expected.article
    assert article is not None
    content = Content(
        title=article.title,
        lead=article.lead,
        paragraphs=article.blocks,
        authors=tuple(Person(name=name) for name in article.authors),
        agencies=(article.agency,) if article.agency else (),
        publisher=expected.publisher,
        published=ArticleDate(
            local=article.published.replace(tzinfo=None).isoformat(timespec="minutes"),
            precision="minute",
            zone=article.published.isoformat()[-6:],
            zone_from="stated",
            at=article.published,
        )
        if article.published
        else None,
        section=article.section,
        tags=article.tags,
        image=Image(caption=article.image.caption, credit=article.image.credit) if article.image else None,
        correction=article.correction,
        extractor_version="1",
    )
    fate = expected.fate
    named = (("person", fate.persons), ("organisation", fate.organisations), ("place", fate.places))
    story = expected.story_with or expected.url
    classification = Classification(
        language=Language(code=article.language, confidence=1.0),
        topics=tuple(
            Topic.model_validate({"code": c, "name": "x", "score": 1.0, "from": ["model"]}) for c in fate.topics[:1]
        ),
        entities=tuple(
            Entity.model_validate({"type": kind, "name": n, "count": 1}) for kind, names in named for n in names
        ),
        story=Story(id=article_id(story), role="original"),
    )
    return FinishedArticle(
        id=article_id(key_of(expected.url)),
        key=key_of(expected.url),
        url=expected.url,
        discovery=Discovery(
            url=expected.url,
            submission="s",
            source="t",
            discovered_via="feed",
            discovered_at=NOW,
        ),
        fetch=Fetch(final_url=expected.url, page=PageRef(sha256="0" * 64, size_bytes=1), fetched_at=NOW),
        content=content,
        classification=classification,
        storage=Storage(revision=revision, change="created", stored_at=NOW),
    )


def perfect_records() -> list[FinishedArticle]:
    return [ideal(expected) for expected in EXPECTATIONS if expected.is_listed and expected.fate.outcome == "stored"]


def perfect_ledger() -> list[Line]:
    return [
        Line(expected.url, expected.fate.stage or "", expected.fate.outcome, expected.fate.reasons[0])
        for expected in EXPECTATIONS
        if expected.fate.outcome in ("dropped", "dead")
    ]


def with_content(record: FinishedArticle, **changes: Any) -> FinishedArticle:
    if "paragraphs" in changes:
        changes["text"] = "\n".join(block.text for block in changes["paragraphs"])
    return record.model_copy(update={"content": record.content.model_copy(update=changes)})


def complaints_about(name: str, **changes: Any) -> list[str]:
    """What is said when the page's record differs from the ideal in these fields of its content."""
    expected = expectation(name)
    return [str(d) for d in mismatches([expected], [with_content(ideal(expected), **changes)], [])]


def test_perfect_run_has_no_differences() -> None:
    assert mismatches(EXPECTATIONS, perfect_records(), perfect_ledger()) == []


def test_perfect_run_with_the_correction_seen_has_none_either() -> None:
    expected = expectation("en-budget")
    records = [record for record in perfect_records() if record.url != expected.url]
    records.append(ideal(expected, expected.corrected, revision=2))
    assert mismatches(EXPECTATIONS, records, perfect_ledger(), corrections_seen=True) == []


def test_correction_that_was_missed_is_found() -> None:
    found = mismatches(EXPECTATIONS, perfect_records(), perfect_ledger(), corrections_seen=True)
    assert {mismatch.page for mismatch in found} == {"en-budget"}
    assert any("221 million" in mismatch.what for mismatch in found)


def test_nothing_done_is_a_difference_for_every_listed_page_but_the_merged() -> None:
    found = mismatches(EXPECTATIONS, [], [])
    listed = [e for e in EXPECTATIONS if e.is_listed and e.fate.outcome != "merged"]
    assert len(found) == len(listed)
    assert all("nothing is known of it" in mismatch.what for mismatch in found)


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("ru-talks", {"title": "Другое"}, "title is “Другое”, expected “Россия и Казахстан"),
        (
            "ru-talks",
            {"authors": (Person(name="Рустам Оспанов"),)},
            "authors are Рустам Оспанов, expected Ирина Ладогина",
        ),
        ("ru-lake", {"authors": (Person(name="Меридиан"),)}, "authors are Меридиан, expected none"),
        ("ru-lake", {"published": ArticleDate(local="2026-03-15", precision="day")}, "but the page gives no date"),
        ("ru-talks", {"published": None}, "published is absent"),
        (
            "ru-talks",
            {"published": ArticleDate(local="2026-03-15T00:00", precision="minute")},
            "published is 2026-03-15T00:00,",
        ),
        ("ru-museum", {"image": None}, "image credit is absent, expected “Тверской музей искусств”"),
        ("ru-museum", {"section": None}, "section is absent, expected “Культура”"),
        ("ru-museum", {"publisher": "Кто-то"}, "publisher is “Кто-то”"),
        ("ru-volcano", {"agencies": ()}, "agencies are absent, expected Полярис"),
    ],
)
def test_wrong_field_is_named_with_what_was_seen_and_expected(name: str, changes: dict[str, Any], said: str) -> None:
    assert any(said in complaint for complaint in complaints_about(name, **changes)), complaints_about(name, **changes)


def test_missing_paragraph_is_quoted() -> None:
    record = ideal(expectation("ru-talks"))
    (complaint,) = complaints_about("ru-talks", paragraphs=record.content.paragraphs[:-1])
    assert "a paragraph is missing: “Следующий раунд переговоров" in complaint


def test_noise_in_the_text_is_quoted_once() -> None:
    record = ideal(expectation("ru-talks"))
    inset = Block(text="Почему в малых городах снова открывают книжные магазины")
    (complaint,) = complaints_about("ru-talks", paragraphs=(*record.content.paragraphs, inset))
    assert "noise is taken for text: “Почему в малых городах" in complaint


def test_block_that_is_nobody_s_is_quoted() -> None:
    record = ideal(expectation("ru-talks"))
    complaints = complaints_about("ru-talks", paragraphs=(*record.content.paragraphs, Block(text="Теги: Казахстан")))
    assert any("a block that is not the article's: “Теги: Казахстан”" in complaint for complaint in complaints)


def test_lead_kept_as_a_paragraph_is_forgiven() -> None:
    record = ideal(expectation("ru-talks"))
    lead = Block(text=record.content.lead or "")
    assert complaints_about("ru-talks", paragraphs=(lead, *record.content.paragraphs)) == []


def test_white_space_is_forgiven() -> None:
    record = ideal(expectation("es-drought"))
    wide = tuple(Block(kind=b.kind, text=b.text.replace("71 %", "71\u00a0%")) for b in record.content.paragraphs)
    assert complaints_about("es-drought", paragraphs=wide) == []


def unzoned(moment: datetime) -> ArticleDate:
    """A date whose zone is not known."""
    return ArticleDate(local=moment.isoformat()[:16], precision="minute")


def test_date_without_a_zone_may_be_off_by_the_zone_but_not_by_two_days() -> None:
    expected = expectation("ru-fire")
    assert expected.article is not None
    assert expected.article.published is not None
    read_as_utc = expected.article.published.replace(tzinfo=UTC)
    assert complaints_about("ru-fire", published=unzoned(read_as_utc)) == []
    assert complaints_about("ru-fire", published=unzoned(read_as_utc + timedelta(days=2))) != []


def test_wrong_language_topic_and_names_are_found() -> None:
    expected = expectation("ru-talks")
    empty = Classification(language=Language(code="uk", confidence=0.5))
    record = ideal(expected).model_copy(update={"classification": empty})
    text = " ".join(str(mismatch) for mismatch in mismatches([expected], [record], []))
    assert "language is uk, expected ru" in text
    assert "topics are absent, expected 11000000" in text
    assert "persons lack Олег Савельев, Тимур Ахметов" in text


def test_difference_says_what_it_is_about_and_whether_a_model_answered() -> None:
    expected = expectation("ru-talks")
    record = with_content(ideal(expected), title="Другое")
    record = record.model_copy(update={"classification": record.classification.model_copy(update={"topics": ()})})
    found = mismatches([expected], [record], [])
    assert [(mismatch.about, mismatch.is_of_a_model) for mismatch in found] == [("title", False), ("topic", True)]


def test_page_that_should_have_been_refused_is_found_when_it_was_stored() -> None:
    expected = expectation("paywall")
    stored = ideal(expectation("ru-talks"))
    (mismatch,) = mismatches([expected], [stored.model_copy(update={"url": expected.url})], [])
    assert "expected to be dropped by the extractor" in mismatch.what


def test_page_refused_for_another_reason_is_found() -> None:
    expected = expectation("gzip-bomb")
    (mismatch,) = mismatches([expected], [], [Line(expected.url, "fetcher", "dead", "timeout")])
    assert mismatch.what.startswith("dead by the fetcher with reason timeout, expected to be dropped by the fetcher")


def test_article_stored_under_a_tracking_address_is_found() -> None:
    expected = expectation("en-strike-tracked")
    stored = ideal(expectation("en-strike"))
    (mismatch,) = mismatches([expected], [stored.model_copy(update={"url": expected.url})], [])
    assert "expected to be taken for en-strike" in mismatch.what


def test_copies_in_two_stories_are_found() -> None:
    def apart(records: list[FinishedArticle]) -> Iterator[FinishedArticle]:
        for record in records:
            story = Story(id=record.id, role="original")
            classification = record.classification.model_copy(update={"story": story})
            yield record.model_copy(update={"classification": classification})

    pair = [expectation("ru-volcano"), expectation("wire-volcano")]
    (mismatch,) = mismatches(pair, list(apart([ideal(expected) for expected in pair])), [])
    assert mismatch.page == "ru-volcano"
    assert "in another story than http://127.0.0.1:8766/ru/volcano-kamchatka" in mismatch.what


def test_record_that_no_page_accounts_for_is_found() -> None:
    stranger = ideal(expectation("ru-talks"))
    (mismatch,) = mismatches([], [stranger.model_copy(update={"url": "http://127.0.0.1:8765/ru/other"})], [])
    assert mismatch.what.startswith("a record that no page accounts for")


def test_same_article_stored_twice_is_found() -> None:
    expected = expectation("ru-talks")
    (mismatch,) = mismatches([expected], [ideal(expected), ideal(expected)], [])
    assert mismatch.what == "stored 2 times, expected once"
