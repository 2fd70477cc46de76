"""Finished articles as other programs read them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator

from coranto.formats import to_atom_entry, to_atom_feed, to_json_ld, to_json_line, to_ninjs
from coranto.formats.jsonfeed import to_json_feed_item
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
    Topic,
    article_id,
)

ATOM = "{http://www.w3.org/2005/Atom}"
NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
URL = "https://news.example/ru/most?part=1&page=2"


def finished(**content: Any) -> FinishedArticle:
    full: dict[str, Any] = {
        "title": "Мост «Северный» & набережная <открыты>",
        "lead": "Движение пустили на день раньше.",
        "paragraphs": (
            Block(text="Первый абзац."),
            Block(kind="heading", text="Что дальше"),
            Block(kind="list_item", text="раз"),
            Block(kind="list_item", text="два"),
            Block(kind="quote", text="«Мы успели»"),
        ),
        "authors": (Person(name="Анна Петрова", url="https://news.example/a"), Person(name="Иван Орлов")),
        "agencies": ("ТАСС",),
        "publisher": "Пример",
        "published": ArticleDate(
            local="2026-03-14T15:00", precision="minute", zone="+03:00", zone_from="stated", at=NOON
        ),
        "section": "Город",
        "tags": ("мосты",),
        "image": Image(url="https://news.example/most.jpg", caption="Мост", credit="Пётр Белов"),
        "word_count": 9,
        "is_paywalled": False,
        "extractor_version": "1",
    }
    return FinishedArticle(
        id=article_id(URL),
        key=URL,
        url=URL,
        discovery=Discovery(url=URL, submission="s", source="example", discovered_via="feed", discovered_at=NOON),
        fetch=Fetch(final_url=URL, status=200, page=PageRef(sha256="0" * 64, size_bytes=1), fetched_at=NOON),
        content=Content(**(full | content)),
        classification=Classification(
            language=Language(code="ru", confidence=0.99),
            topics=(
                Topic.model_validate({"code": "04000000", "name": "economy", "score": 0.914, "from": ["section"]}),
            ),
            entities=(
                Entity(type="person", name="Анна Петрова", count=1),
                Entity(type="organisation", name="ТАСС", count=2),
                Entity(type="place", name="Россия", count=1, country="RU", aliases=("РФ",)),
            ),
            keywords=("мост",),
        ),
        storage=Storage(revision=2, change="updated", changed_fields=("content.title",), stored_at=NOON),
    )


def bare() -> FinishedArticle:
    nothing = dict.fromkeys(("title", "lead", "publisher", "published", "section", "image", "is_paywalled"))
    article = finished(**nothing, authors=(), agencies=(), tags=())
    return article.model_copy(update={"classification": Classification(language=Language(code="und", confidence=0.0))})


def test_json_line_is_one_line_that_reads_back_as_the_same_record() -> None:
    article = finished()
    line = to_json_line(article)
    assert "\n" not in line
    assert FinishedArticle.model_validate_json(line) == article


def test_ninjs_holds_headline_text_subjects_and_names() -> None:
    item = to_ninjs(finished())
    assert item["standard"]["version"] == "3.2"
    assert item["headlines"][0]["value"] == "Мост «Северный» & набережная <открыты>"
    assert item["by"] == "Анна Петрова, Иван Орлов"
    assert item["subjects"][0] == {
        "name": "economy",
        "rel": "about",
        "uri": "http://cv.iptc.org/newscodes/mediatopic/04000000",
        "creator": "coranto",
        "confidence": 91,
    }
    assert [place["name"] for place in item["places"]] == ["Россия"]
    assert item["version"] == "2"
    assert item["contentCreated"] == "2026-03-14T15:00:00+03:00"


def closed(*required: str, **properties: Any) -> dict[str, Any]:
    """An object of these properties and no others."""
    return {"type": "object", "additionalProperties": False, "required": list(required), "properties": properties}


def several(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": item}


TEXT, URI, MOMENT = {"type": "string"}, {"type": "string", "format": "uri"}, {"type": "string", "format": "date-time"}
PERCENT = {"type": "integer", "minimum": 0, "maximum": 100}
NAMED = several(closed(name=TEXT, rel=TEXT, uri=URI, literal=TEXT))
STATED = several(closed("value", role=TEXT, contentType=TEXT, value=TEXT))
NINJS: dict[str, Any] = {
    "uri": URI,
    "type": {"enum": ["text", "picture"]},
    "representationType": {"enum": ["full", "partial"]},
    "version": TEXT,
    "versionCreated": MOMENT,
    "contentCreated": MOMENT,
    "pubStatus": {"enum": ["usable", "withheld", "canceled"]},
    "copyrightHolder": TEXT,
    "edNote": TEXT,
    "language": TEXT,
    "headlines": STATED,
    "descriptions": STATED,
    "bodies": several(
        closed(
            "value",
            role=TEXT,
            contentType=TEXT,
            value=TEXT,
            charCount={"type": "integer"},
            wordCount={"type": "integer"},
        )
    ),
    "people": NAMED,
    "organisations": NAMED,
    "places": NAMED,
    "subjects": several(
        closed(name=TEXT, rel=TEXT, uri=URI, literal=TEXT, creator=TEXT, relevance=PERCENT, confidence=PERCENT)
    ),
    "infoSources": several(closed(name=TEXT, role=TEXT, uri=URI, literal=TEXT)),
    "by": TEXT,
    "renditions": several(closed("name", name=TEXT, href=URI, contentType=TEXT)),
    "altIds": several(closed(role=TEXT, value=TEXT)),
    "standard": closed(name=TEXT, version=TEXT, schema=URI),
}
"""What ninjs 3.2 says of the properties that we write."""


@pytest.mark.parametrize("is_full", [True, False])
def test_ninjs_has_only_properties_that_the_standard_knows(is_full: bool) -> None:
    item = to_ninjs(finished(is_paywalled=True, correction="Put right.") if is_full else bare())
    picture = closed("name", "uri", **NINJS, name=TEXT, rel=TEXT)
    checker = Draft202012Validator(
        closed("uri", **NINJS, associations=several(picture)), format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    assert [f"{error.json_path}: {error.message}" for error in checker.iter_errors(item)] == []


def test_ninjs_keeps_the_photographer_with_the_picture_and_out_of_the_byline() -> None:
    item = to_ninjs(finished())
    assert item["associations"][0]["by"] == "Пётр Белов"
    assert "Белов" not in item["by"]


def test_ninjs_text_is_there_plain_and_as_html() -> None:
    plain, html = to_ninjs(finished())["bodies"]
    assert plain["value"].startswith("Первый абзац.\nЧто дальше\n")
    assert "<h2>Что дальше</h2>\n<ul>\n<li>раз</li>\n<li>два</li>\n</ul>\n<blockquote>" in html["value"]


@pytest.mark.parametrize("convert", [to_ninjs, to_json_ld])
def test_what_the_record_lacks_the_formats_lack(convert: Any) -> None:
    text = json.dumps(convert(bare()))
    assert "null" not in text
    assert '""' not in text
    assert "[]" not in text


def test_paywalled_article_is_partial_in_ninjs_and_not_free_in_json_ld() -> None:
    article = finished(is_paywalled=True)
    assert to_ninjs(article)["representationType"] == "partial"
    assert to_json_ld(article)["isAccessibleForFree"] is False


def test_json_ld_is_a_news_article_of_persons_and_organisations() -> None:
    node = to_json_ld(finished())
    assert node["@type"] == "NewsArticle"
    assert node["author"][0] == {"@type": "Person", "name": "Анна Петрова", "url": "https://news.example/a"}
    assert node["image"][0]["creditText"] == "Пётр Белов"
    assert node["keywords"] == ["мосты", "мост"]
    assert {"@type": "Country", "name": "Россия", "alternateName": ["РФ"]} in node["mentions"]


def test_json_ld_gives_the_time_in_the_zone_of_the_page() -> None:
    assert to_json_ld(finished())["datePublished"] == "2026-03-14T15:00:00+03:00"


def test_json_ld_gives_a_bare_date_when_the_page_gave_no_more() -> None:
    midnight = datetime(2026, 3, 13, 21, 0, tzinfo=UTC)
    midnight_in_moscow = ArticleDate(
        local="2026-03-14", precision="day", zone="+03:00", zone_from="stated", at=midnight
    )
    assert to_json_ld(finished(published=midnight_in_moscow))["datePublished"] == "2026-03-14"


@pytest.mark.parametrize(
    "moment",
    [
        ArticleDate(local="2026-03-14T15:00", precision="minute"),
        ArticleDate(local="2026-07-14T15:00", precision="minute", zone="+69:00", zone_from="stated", at=NOON),
    ],
)
def test_no_format_states_a_zone_that_is_not_known(moment: ArticleDate) -> None:
    article = finished(published=moment)
    assert to_json_ld(article)["datePublished"] == moment.local
    assert "contentCreated" not in to_ninjs(article) or moment.at is not None
    assert ("<published>" in to_atom_entry(article)) == (moment.at is not None)
    assert json.loads(to_json_line(article))["content"]["published"]["local"] == moment.local


def retracted() -> FinishedArticle:
    return finished().model_copy(update={"storage": Storage(revision=3, change="retracted", stored_at=NOON)})


def test_retracted_article_is_said_to_be_so_and_feeds_leave_its_text_out() -> None:
    article = retracted()
    assert to_ninjs(article)["pubStatus"] == "canceled"
    assert to_json_ld(article)["creativeWorkStatus"] == "Withdrawn"
    assert "creativeWorkStatus" not in to_json_ld(finished())
    assert json.loads(to_json_line(article))["storage"]["change"] == "retracted"
    item = to_json_feed_item(article)
    assert item["content_text"] == "Withdrawn by its publisher."
    (entry,) = parsed_feed(article).findall(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}content") == "Withdrawn by its publisher."
    # A reader replaces the entry that it has: same id, a later time.
    (before,) = parsed_feed(finished()).findall(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}id") == before.findtext(f"{ATOM}id") == item["id"]
    for text in (json.dumps(item, ensure_ascii=False), to_atom_entry(article)):
        assert "абзац" not in text
        assert "на день раньше" not in text


def test_revision_of_ours_is_no_news_to_the_readers_of_a_feed() -> None:
    storage = Storage(revision=3, change="reprocessed", stored_at=NOON + timedelta(days=9), publisher_changed_at=NOON)
    article = finished().model_copy(update={"storage": storage})
    (entry,) = parsed_feed(article).findall(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}updated") == to_json_feed_item(article)["date_modified"] == "2026-03-14T12:00:00Z"


def parsed_feed(*articles: FinishedArticle) -> ET.Element:
    text = to_atom_feed(articles, feed_id="urn:coranto:test", title="Test & more", updated=NOON)
    return ET.fromstring(text)  # noqa: S314 - our own output


def test_atom_feed_is_well_formed_and_escapes_markup() -> None:
    (entry,) = parsed_feed(finished()).findall(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}title") == "Мост «Северный» & набережная <открыты>"
    assert (entry.findtext(f"{ATOM}content") or "").startswith("<p>Первый абзац.</p>")
    link = entry.find(f"{ATOM}link")
    assert link is not None
    assert link.get("href") == URL


@pytest.mark.parametrize("article", [finished(), bare()])
def test_atom_entry_has_all_that_the_standard_asks_for(article: FinishedArticle) -> None:
    (entry,) = parsed_feed(article).findall(f"{ATOM}entry")
    for element in ("id", "title", "updated", "author/{http://www.w3.org/2005/Atom}name"):
        assert entry.findtext(f"{ATOM}{element}"), element


def test_feeds_link_to_no_saved_page_without_an_address() -> None:
    saved = finished().model_copy(update={"url": f"urn:sha256:{'0' * 64}"})
    assert "<link" not in to_atom_entry(saved)
    assert "url" not in to_json_feed_item(saved)


def test_atom_survives_characters_that_xml_cannot_hold() -> None:
    (entry,) = parsed_feed(finished(title="before\x00\x08\ufffe after")).findall(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}title") == "before after"


def test_feed_without_articles_is_a_feed() -> None:
    assert parsed_feed().findtext(f"{ATOM}title") == "Test & more"
