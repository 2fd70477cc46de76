"""IPTC ninjs 3.2: news in JSON as agencies and newsrooms exchange it.

Source: the ninjs 3.2 schema of the International Press Telecommunications Council.
"""

from __future__ import annotations

from typing import Any

from coranto.formats.markup import to_html
from coranto.records import ArticleDate, Entity, FinishedArticle, Image, Topic, time_text

_SCHEMA = "http://www.iptc.org/std/ninjs/ninjs-schema_3.2.json#"
_MEDIA_TOPIC = "http://cv.iptc.org/newscodes/mediatopic/"
_COLLECTIONS = {"person": "people", "organisation": "organisations", "place": "places"}


def to_ninjs(article: FinishedArticle) -> dict[str, Any]:
    """The article as a ninjs 3.2 object; what is absent in the record is absent here."""
    content, classification = article.content, article.classification
    item: dict[str, Any] = {
        "standard": {"name": "ninjs", "version": "3.2", "schema": _SCHEMA},
        "uri": f"urn:coranto:article:{article.id}",
        "type": "text",
        "representationType": "partial" if content.is_paywalled else "full",
        "version": str(article.storage.revision),
        "versionCreated": time_text(article.storage.stored_at),
        "pubStatus": "canceled" if article.storage.change == "retracted" else "usable",
        "bodies": _bodies(article),
        "altIds": [{"role": "url", "value": article.url}],
    }
    item |= _statements(article)
    subjects = [_subject(topic) for topic in classification.topics]
    subjects += [{"name": tag, "rel": "keyword", "creator": "publisher"} for tag in content.tags]
    if subjects:
        item["subjects"] = subjects
    for kind, collection in _COLLECTIONS.items():
        named = [_named(entity) for entity in classification.entities if entity.type == kind]
        if named:
            item[collection] = named
    pictures = [_picture(article.id, number, image) for number, image in enumerate(_images(article), start=1)]
    if pictures:
        item["associations"] = pictures
    return item


def _statements(article: FinishedArticle) -> dict[str, Any]:
    """What the page says of itself in single values and short lists."""
    content, language = article.content, article.classification.language.code
    statements: dict[str, Any] = {
        "contentCreated": _created(content.published),
        "language": language if language != "und" else None,
        "headlines": content.title and [{"role": "main", "value": content.title}],
        "descriptions": content.lead and [{"role": "lead", "contentType": "text/plain", "value": content.lead}],
        "by": ", ".join((*(author.name for author in content.authors), *content.signed_by)),
        "copyrightHolder": content.publisher,
        "edNote": content.correction,
        "infoSources": [{"name": name, "role": "agency"} for name in content.agencies],
    }
    return {name: value for name, value in statements.items() if value}


def _bodies(article: FinishedArticle) -> list[dict[str, Any]]:
    text = article.content.text
    return [
        {
            "role": "main",
            "contentType": "text/plain",
            "charCount": len(text),
            "wordCount": article.content.word_count or len(text.split()),
            "value": text,
        },
        {"role": "main", "contentType": "text/html", "value": to_html(article.content)},
    ]


def _subject(topic: Topic) -> dict[str, Any]:
    return {
        "name": topic.name,
        "rel": "about",
        "uri": f"{_MEDIA_TOPIC}{topic.code}",
        "creator": "coranto",
        "confidence": round(topic.score * 100),
    }


def _named(entity: Entity) -> dict[str, Any]:
    return {"name": entity.name, "rel": "about"}


def _images(article: FinishedArticle) -> list[Image]:
    lead = article.content.image
    return [*([lead] if lead is not None else []), *article.content.images]


def _picture(article_id: str, number: int, image: Image) -> dict[str, Any]:
    picture: dict[str, Any] = {
        "name": f"picture-{number}",
        "uri": f"urn:coranto:article:{article_id}:picture:{number}",
        "type": "picture",
    }
    if image.credit is not None:
        picture["by"] = image.credit
    if image.caption is not None:
        picture["descriptions"] = [{"role": "caption", "contentType": "text/plain", "value": image.caption}]
    if image.url is not None:
        picture["renditions"] = [{"name": "web", "href": image.url}]
    return picture


def _created(published: ArticleDate | None) -> str | None:
    """ninjs wants a date-time with its zone: left out where the page gives only a day, or no zone is known."""
    if published is None or published.at is None or published.precision == "day":
        return None
    return published.text if published.offset is not None else time_text(published.at)
