"""schema.org NewsArticle as JSON-LD: what search engines and knowledge graphs read."""

from __future__ import annotations

from typing import Any

from coranto.records import Entity, FinishedArticle, Image

_MEDIA_TOPIC = "http://cv.iptc.org/newscodes/mediatopic/"
_TYPES = {"person": "Person", "organisation": "Organization", "place": "Place"}


def to_json_ld(article: FinishedArticle) -> dict[str, Any]:
    """The article as a schema.org NewsArticle; what is absent in the record is absent here."""
    content, classification = article.content, article.classification
    url = article.url
    node: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "@id": f"urn:coranto:article:{article.id}",
        "url": url,
        "creativeWorkStatus": "Withdrawn" if article.storage.change == "retracted" else None,
        "mainEntityOfPage": url,
        "headline": content.title,
        "description": content.lead,
        "articleBody": content.text,
        "wordCount": content.word_count or len(content.text.split()),
        "articleSection": content.section,
        "keywords": list(dict.fromkeys((*content.tags, *classification.keywords))),
        "inLanguage": classification.language.code if classification.language.code != "und" else None,
        # In the page's own zone; without one where it is not known, and a bare date where the page gives no more.
        "datePublished": content.published and content.published.text,
        "dateModified": content.modified and content.modified.text,
        "author": [
            {"@type": "Person", "name": author.name, **({"url": author.url} if author.url else {})}
            for author in content.authors
        ]
        + [{"@type": "Organization", "name": name} for name in content.signed_by],
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


def _image(image: Image) -> dict[str, Any]:
    node = {"@type": "ImageObject", "url": image.url, "caption": image.caption, "creditText": image.credit}
    return {name: value for name, value in node.items() if value is not None}


def _mention(entity: Entity) -> dict[str, Any]:
    kind = "Country" if entity.country is not None else _TYPES[entity.type]
    node: dict[str, Any] = {"@type": kind, "name": entity.name}
    if entity.id is not None:
        node["identifier"] = entity.id
    if entity.aliases:
        node["alternateName"] = list(entity.aliases)
    return node
