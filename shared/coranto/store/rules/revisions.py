"""When an article has changed, and what that means for its revisions. Pure: no database, no clock.

An article is compared field by field through short digests, so that the record before need not be read again and a
field that a later version of this list adds does not make every article look changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from coranto.records import ClassifiedArticle, Image, Storage, time_text
from coranto.urls import is_saved_page, key_of


def _picture(image: Image | None) -> object:
    if image is None:
        return None
    # The query of a picture's address often holds its size or a cache key, which differ from one visit to the next.
    return (image.url or "").partition("?")[0], image.caption, image.credit


COMPARED: Mapping[str, Callable[[ClassifiedArticle], object]] = {
    "content.title": lambda article: article.content.title,
    "content.lead": lambda article: article.content.lead,
    "content.paragraphs": lambda article: [(block.kind, block.text) for block in article.content.paragraphs],
    "content.authors": lambda article: [author.name for author in article.content.authors],
    "content.agencies": lambda article: article.content.agencies,
    "content.signed_by": lambda article: article.content.signed_by,
    "content.publisher": lambda article: article.content.publisher,
    "content.published": lambda article: article.content.published and article.content.published.text,
    "content.section": lambda article: article.content.section,
    "content.tags": lambda article: article.content.tags,
    "content.image": lambda article: _picture(article.content.image),
    "content.is_paywalled": lambda article: article.content.is_paywalled,
    "content.correction": lambda article: article.content.correction,
    "classification.language": lambda article: article.classification.language.code,
    "classification.topics": lambda article: sorted(topic.code for topic in article.classification.topics),
    "classification.entities": lambda article: sorted(
        (entity.type, entity.name) for entity in article.classification.entities
    ),
}
"""The fields whose change makes a new revision.

Left out on purpose: times of fetching and of last change (many sites give the time of rendering), scores and counts,
links and further pictures, the story cluster (it grows while the article stays), where fields came from, and versions.
"""

Digests = dict[str, str]


def digests_of(article: ClassifiedArticle) -> Digests:
    """A short digest of each compared field."""
    return {name: _digest(value(article)) for name, value in COMPARED.items()}


def changed_fields(before: Digests, now: Digests) -> tuple[str, ...]:
    """The compared fields that differ; a field the older revision knew nothing of does not count."""
    return tuple(name for name, digest in now.items() if name in before and before[name] != digest)


@dataclass(frozen=True, slots=True)
class Skipped:
    """The store keeps what it has; the reason is a word of the sink's closed list."""

    reason: Literal["unchanged", "outdated", "other_form"]
    detail: str


@dataclass(frozen=True, slots=True)
class Material:
    """What an article was made of: whatever differs in the article while this is the same was done here."""

    final_url: str
    """Where its page came from."""
    pages: tuple[str, ...]
    """SHA-256 of the page, and of each further one."""
    body_html: str | None
    """The feed's text, which may have stood in for the page's."""

    def makes_the_same_as(self, other: Material) -> bool:
        """Whether the publisher said the same, wherever it was read."""
        return (self.pages, self.body_html) == (other.pages, other.body_html)


def material_of(article: ClassifiedArticle) -> Material:
    """What the article was made of."""
    fetch = article.fetch
    return Material(
        fetch.final_url,
        (fetch.page.sha256, *(part.page.sha256 for part in fetch.parts)),
        article.discovery.hints.body_html,
    )


@dataclass(frozen=True, slots=True)
class Latest:
    """What is known of the article's latest revision."""

    revision: int
    digests: Digests
    fetched_at: datetime
    """Time of the latest fetch that was taken into account, whether or not it changed anything."""
    material: Material
    """What that revision was made of."""
    changed_at: datetime
    """When the latest revision was stored that the publisher's page brought."""
    is_retracted: bool = False
    """True when that revision says that the article was withdrawn."""


def latest_of(revision: int, digests: str, last_fetched: str, made_of: str) -> Latest:
    """From the columns of a store; `made_of` is an array in JSON: sections `fetch` and `storage`, and the hint `body_html`."""
    fetch, stored, body_html = json.loads(made_of)
    storage = Storage.model_validate(stored, extra="ignore")
    parts = (part["page"]["sha256"] for part in fetch.get("parts", ()))
    return Latest(
        revision,
        json.loads(digests),
        datetime.fromisoformat(last_fetched),
        Material(fetch["final_url"], (fetch["page"]["sha256"], *parts), body_html),
        storage.changed_at,
        is_retracted=storage.change == "retracted",
    )


def decide(article: ClassifiedArticle, digests: Digests, latest: Latest | None, *, now: datetime) -> Storage | Skipped:
    """What to do with an article that no earlier delivery of the same submission has stored already."""
    if latest is None:
        return Storage(revision=1, change="created", stored_at=now)
    fetched_at, material = article.fetch.fetched_at, material_of(article)
    # The page of a withdrawn article is news when it is there again, and nothing when it was fetched before.
    is_same_page = not latest.is_retracted and material.makes_the_same_as(latest.material)
    if fetched_at < latest.fetched_at and not is_same_page:
        return Skipped("outdated", f"fetched {time_text(fetched_at)}, known as of {time_text(latest.fetched_at)}")
    form, known = key_of(material.final_url), key_of(latest.material.final_url)
    if form not in (article.key, known) and not (is_saved_page(form) and is_saved_page(known)):
        # AMP, print and main form differ in small things; taken for changes, they would come and go with each visit.
        return Skipped("other_form", f"revision {latest.revision} is from {latest.material.final_url}"[:200])
    changed = changed_fields(latest.digests, digests)
    if not changed and not latest.is_retracted:
        return Skipped("unchanged", f"same as revision {latest.revision}")
    # What the classifier says follows from what the page says: where only that differs, it is the classifier that changed.
    is_ours = not latest.is_retracted and (is_same_page or all(name.startswith("classification.") for name in changed))
    return Storage(
        revision=latest.revision + 1,
        change="reprocessed" if is_ours else "updated",
        changed_fields=changed,
        stored_at=now,
        publisher_changed_at=latest.changed_at if is_ours else None,
    )


# One for all: `json.dumps` would make it anew each time.
_to_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _digest(value: object) -> str:
    return hashlib.sha256(_to_text(value).encode()).hexdigest()[:16]
