"""The fields that a filter may ask about, and how to read each from a record.

A field that an article lacks has no values: then no comparison with it holds, and `!=` and `not in` do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal

from coranto.records import FinishedArticle
from coranto.urls import UnsupportedUrlError, host_of

Kind = Literal["text", "texts", "host", "language", "topic", "time", "number", "flag"]
"""`texts` and `topic` may have several values, and a comparison holds when it does for one of them."""

Value = str | datetime | int | bool


@dataclass(frozen=True, slots=True)
class Field:
    """One field."""

    kind: Kind
    read: Callable[[FinishedArticle], Iterable[Value | None]]
    meaning: str


def to_the_millisecond(moment: datetime) -> datetime:
    """The moment as the article store holds it, so that both compare alike."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _host(article: FinishedArticle) -> tuple[str | None]:
    with suppress(UnsupportedUrlError):
        return (host_of(article.url),)
    return (None,)


def _named(kind: str) -> Callable[[FinishedArticle], Iterable[str]]:
    return lambda article: (each.name for each in article.classification.entities if each.type == kind)


FIELDS: Final[Mapping[str, Field]] = MappingProxyType(
    {
        "id": Field("text", lambda a: (a.id,), "Id of the article."),
        "url": Field("text", lambda a: (a.url,), "Its address."),
        "host": Field("host", _host, "Host of its address; `.under('example.org')` takes `news.example.org` too."),
        "title": Field("text", lambda a: (a.content.title,), "Headline."),
        "lead": Field("text", lambda a: (a.content.lead,), "Standfirst."),
        "text": Field("text", lambda a: (a.content.text,), "The text."),
        "language": Field(
            "language", lambda a: (a.classification.language.code,), "Tag; `.under('pt')` takes `pt-BR` too."
        ),
        "source": Field("text", lambda a: (a.discovery.source,), "Name of the source that named it."),
        "publisher": Field("text", lambda a: (a.content.publisher,), "Name of the publication."),
        "section": Field("text", lambda a: (a.content.section,), "The publisher's own section."),
        "author": Field("texts", lambda a: (each.name for each in a.content.authors), "Names of the authors."),
        "tag": Field("texts", lambda a: a.content.tags, "The publisher's own tags."),
        "source_tag": Field(
            "texts", lambda a: a.discovery.tags, "Tags of the source, such as the folders of a feed list."
        ),
        "topic": Field(
            "topic",
            lambda a: (each.code for each in a.classification.topics),
            "Code or name of an IPTC media topic; `.under(…)` takes all below it too.",
        ),
        "entity": Field("texts", lambda a: (each.name for each in a.classification.entities), "Names in normal form."),
        "entity_id": Field(
            "texts",
            lambda a: (each.id for each in a.classification.entities if each.id),
            "Countries, cities and well-known people in any language: `iso3166:KG`, `geonames:703448`, `wikidata:Q7747`.",
        ),
        "person": Field("texts", _named("person"), "Names of persons."),
        "organisation": Field("texts", _named("organisation"), "Names of organisations."),
        "place": Field("texts", _named("place"), "Names of places."),
        "story": Field(
            "text", lambda a: [a.classification.story.id] if a.classification.story else (), "Id of its story."
        ),
        "story_role": Field(
            "text",
            lambda a: [a.classification.story.role] if a.classification.story else (),
            "`original`, `copy`, `excerpt` or `update`.",
        ),
        "change": Field("text", lambda a: (a.storage.change,), "`created`, `updated`, `reprocessed` or `retracted`."),
        "revision": Field("number", lambda a: (a.storage.revision,), "Number of the revision."),
        "published": Field(
            "time",
            lambda a: [to_the_millisecond(a.content.published.sort_time)] if a.content.published else (),
            "When it was published; as if in UTC where the zone is unknown.",
        ),
        "stored": Field("time", lambda a: (to_the_millisecond(a.storage.stored_at),), "When this revision was stored."),
        "paywalled": Field("flag", lambda a: (a.content.is_paywalled,), "Whether the page says that it is for payers."),
    }
)
