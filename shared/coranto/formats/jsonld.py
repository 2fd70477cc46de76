"""schema.org NewsArticle as JSON-LD: what search engines and knowledge graphs read."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

from coranto.records import ArticleDate, Entity, FinishedArticle, Image

_MEDIA_TOPIC = "http://cv.iptc.org/newscodes/mediatopic/"
_TYPES = {"person": "Person", "organisation": "Organization", "place": "Place"}


def to_json_ld(article: FinishedArticle) -> dict[str, Any]:
    """The article as a schema.org NewsArticle; what is absent in the record is absent here."""
    content, classification = article.content, article.classification
    url = content.canonical_url or article.discovery.canonical_url
    node: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "@id": f"urn:coranto:article:{article.id}",
        "url": url,
        "mainEntityOfPage": url,
        "headline": content.title,
        "description": content.lead,
        "articleBody": content.text,
        "wordCount": content.word_count or len(content.text.split()),
        "articleSection": content.section,
        "keywords": list(dict.fromkeys((*content.tags, *classification.keywords))),
        "inLanguage": classification.language.code if classification.language.code != "und" else None,
        "datePublished": _date(content.published),
        "dateModified": _date(content.modified),
        "author": [
            {"@type": "Person", "name": author.name, **({"url": author.url} if author.url else {})}
            for author in content.authors
        ],
        "sourceOrganization": [{"@type": "NewsMediaOrganization", "name": name} for name in content.agencies],
        "publisher": {"@type": "NewsMediaOrganization", "name": content.publisher} if content.publisher else None,
        "isAccessibleForFree": None if content.is_paywalled is None else not content.is_paywalled,
        "correction": content.correction,
        "image": [_image(image) for image in (content.image, *content.images) if image is not None],
        "about": [
            {"@type": "DefinedTerm", "@id": f"{_MEDIA_TOPIC}{topic.code}", "name": topic.name, "termCode": topic.code}
            for topic in classification.topics
        ],
        "mentions": [_mention(entity) for entity in classification.entities],
    }
    return {name: value for name, value in node.items() if value is not None and value != []}


def _date(moment: ArticleDate | None) -> str | None:
    """In the page's own time zone; a bare date when it gave no more, so that no reader takes midnight for the hour."""
    if moment is None:
        return None
    try:
        local = moment.at.astimezone(timezone(timedelta(minutes=moment.offset_minutes or 0)))
    except (ValueError, OverflowError):  # an offset of a day and more, or the edge of the calendar
        local = moment.at
    return local.date().isoformat() if moment.precision == "day" else local.isoformat()


def _image(image: Image) -> dict[str, Any]:
    node = {"@type": "ImageObject", "url": image.url, "caption": image.caption, "creditText": image.credit}
    return {name: value for name, value in node.items() if value is not None}


def _mention(entity: Entity) -> dict[str, Any]:
    kind = "Country" if entity.country is not None else _TYPES[entity.type]
    node: dict[str, Any] = {"@type": kind, "name": entity.name}
    if entity.aliases:
        node["alternateName"] = list(entity.aliases)
    return node
