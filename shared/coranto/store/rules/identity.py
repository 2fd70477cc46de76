"""Which article a page is of, and by what each of its addresses leads there. No clock, and no database but what is passed in.

The extractor says which address an article is at home under. A store knows better in two cases: it gave the article its id when
ids were made otherwise, or an operator has split an address off.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from coranto.records import ClassifiedArticle, article_id
from coranto.urls import UnsupportedUrlError, canonicalize, key_of

if TYPE_CHECKING:
    from coranto.store.database.asking import Ask

LedBy = Literal["own", "redirect", "canonical"]
"""How an address leads to an article: it is the article's own, it redirected, or the page at it declares the article's."""

Split = tuple[str, str]
"""Id of an address, and of the article that it does not lead to."""


@lru_cache(maxsize=2_000)
def key_and_id(url: str) -> tuple[str, str]:
    """Key form of the address, and the id it has by itself. An article is asked for those of its own several times on its way."""
    key = key_of(url)
    return key, article_id(key)


@dataclass(frozen=True, slots=True)
class Address:
    """An address that leads to an article."""

    key_id: str
    """Id that the address has by itself."""
    key: str
    led_by: LedBy


def ids_of(article: ClassifiedArticle) -> list[str]:
    """Ids of the addresses that the article was met under, each once, the one it has now first."""
    return list(dict.fromkeys([article.id, *(each.key_id for each in addresses_of(article))]))


def identify(
    article: ClassifiedArticle, *, known_as: Mapping[str, str], splits: Collection[Split]
) -> ClassifiedArticle:
    """The article under the id, key and address that the store keeps it by.

    `known_as`: the id that the store gave, by the one that is made now, where they differ. `splits` may hold others' as well.
    """
    kept = known_as.get(article.id, article.id)
    with suppress(UnsupportedUrlError):  # a foreign writer's
        _, page = key_and_id(article.fetch.final_url)
        if page != article.id and (page, kept) in splits:
            # Only where the page came from is believed: one that merely redirects there is that page.
            address = canonicalize(article.fetch.final_url)
            return article.model_copy(update={"id": known_as.get(page, page), "key": key_of(address), "url": address})
    return article if kept == article.id else article.model_copy(update={"id": kept})


def addresses_of(article: ClassifiedArticle, splits: Collection[Split] = ()) -> list[Address]:
    """Every address that leads to the article, its own first, without those that were split off."""
    found = [Address(article_id(article.key), article.key, "own")]
    with suppress(UnsupportedUrlError):
        own = (article.key, found[0].key_id)
        asked, came_from = (
            own if url == article.url else key_and_id(url) for url in (article.discovery.url, article.fetch.final_url)
        )
        for (key, key_id), led_by in (
            (came_from, "canonical"),
            (asked, "canonical" if asked == came_from else "redirect"),
        ):
            address = Address(key_id, key, led_by)  # type: ignore[arg-type]  # both are words of the list
            if all(each.key_id != address.key_id for each in found) and (address.key_id, article.id) not in splits:
                found.append(address)
    return found


@dataclass(frozen=True, slots=True)
class KnownAddress:
    """An address that has led to a stored article."""

    key: str
    """Its key form."""
    led_by: LedBy | None
    """None for what was stored before this was kept."""
    known_since: datetime | None
    """Likewise."""


@dataclass(frozen=True, slots=True)
class SplitAddress:
    """An address that an operator has split off."""

    key: str
    split_at: datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """Which addresses are one article."""

    article_id: str
    url: str
    """Address for readers."""
    addresses: tuple[KnownAddress, ...]
    """Those that lead there, its own first."""
    splits: tuple[SplitAddress, ...]
    """Those that do so no longer."""


def identity_of(ask: Ask, article: str) -> Identity | None:
    """Which addresses are the article of this id; None when it is not stored. `ask` as in `source_accounts`."""
    asked = {"id": article}
    stored = ask("SELECT url FROM articles WHERE id = :id", asked)
    if not stored:
        return None
    addresses = ask(
        "SELECT key, led_by, known_since FROM addresses WHERE article_id = :id ORDER BY is_own DESC, key", asked
    )
    splits = ask("SELECT key, split_at FROM splits WHERE article_id = :id ORDER BY key", asked)
    return Identity(
        article,
        stored[0][0],
        tuple(
            KnownAddress(key, led_by, None if since is None else datetime.fromisoformat(since))
            for key, led_by, since in addresses
        ),
        tuple(SplitAddress(key, datetime.fromisoformat(at)) for key, at in splits),
    )


def why_not_split(url: str, article: str) -> str:
    """What to tell an operator who would split an article's own address off it."""
    return (
        f"{url} is the own address of article {article}, which its id is made from: split the other addresses off it, "
        f"see `coranto identity explain {article}`"
    )
