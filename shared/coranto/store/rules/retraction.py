"""When a stored article counts as withdrawn by its publisher, and when as back. Pure: no database, no clock.

What is known of it are the ends of later visits: an article whose page is not there ends before it comes to the store, and all
that comes of it is a line of the ledger. A host that says 410 means it. A host that says 404 may be moving, or have lost a
server for an hour, so it is taken at its word when it has said so several times over most of a day, and nothing else meanwhile.
And a site that has lost all its pages has lost a server, whatever it answers: one page is withdrawn where others are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol

from coranto.domains import is_same_site, registered_domain
from coranto.records import DroppedArticle, FinishedArticle, Storage, article_id
from coranto.store.database.columns import to_milliseconds
from coranto.store.rules.ledger import LedgerLine
from coranto.topology import CLASSIFIER, EXTRACTOR, FETCHER
from coranto.urls import UnsupportedUrlError, host_of, key_of

GONE: Final = "gone"
NOT_FOUND: Final = "not_found"
NOT_MODIFIED: Final = "not_modified"
VISITS: Final = 3
"""Answers of 404 in a row after which an article is withdrawn."""
SPAN: Final = timedelta(hours=20)
"""Shortest time between the first and the last of them: longer than what is done to a server in a night."""
YOUNG: Final = timedelta(days=4)
"""Articles stored or changed so lately are visited again, and tell how their site fares."""
OTHERS_ASKED: Final = 1000
"""Most other pages that are looked at, the latest first."""
# A page that was shown so shortly before another was not tells that the site is there.
_LATELY: Final = timedelta(minutes=15)
# Before the first absence: a site breaks down for all pages, and is visited for some of them first.
_ABSENT_BEFORE: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LastRevision:
    """What the store knows of the article that a dropped one may be."""

    article_id: str
    change: str
    last_fetched: datetime


@dataclass(frozen=True, slots=True)
class OtherPage:
    """Another young article of the same site."""

    url: str
    last_fetched: datetime
    change: str


class OtherPages(Protocol):
    """How the other pages of a site fare, as the store knows it. Pages of more sites than that may be given."""

    def young(self, site: str, since: datetime) -> Iterable[OtherPage]:
        """Articles that were stored or changed since then, but for the one in question."""

    def absent(self, site: str, since: datetime) -> Iterable[str]:
        """Addresses of pages that were not found, or gone, since then, but for the one in question."""


def may_revise(dropped: DroppedArticle) -> bool:
    """True when this end of a visit may tell that an article is withdrawn or back."""
    return (
        dropped.stage == FETCHER.name
        and dropped.outcome == "dropped"
        and dropped.reason in (GONE, NOT_FOUND, NOT_MODIFIED)
    )


def is_news(dropped: DroppedArticle, last: LastRevision) -> bool:
    """True when this end may change what is known: a first look, before records and ledger are read."""
    is_there = dropped.reason == NOT_MODIFIED
    return to_milliseconds(dropped.dropped_at) > last.last_fetched and is_there == (last.change == "retracted")


def find_change(
    dropped: DroppedArticle,
    latest: FinishedArticle,
    last: LastRevision,
    visits: Sequence[LedgerLine],
    others: OtherPages,
) -> Literal["retracted", "updated"] | None:
    """What has become of the article; None for nothing.

    `visits` are the lines of the ledger about it, that of `dropped` among them, since `last_fetched`. `others` are asked only where
    the answer depends on them.
    """
    if not is_news(dropped, last) or not _speaks_for(dropped, latest):
        return None
    if dropped.reason == NOT_MODIFIED:
        return "updated"
    since = max([last.last_fetched, *(line.at for line in visits if _shows_page(line))])
    if to_milliseconds(dropped.dropped_at) <= since:
        return None
    absences = sorted(line.at for line in visits if line.at > since and _shows_none(line))
    is_said_often = len(absences) >= VISITS and absences[-1] - absences[0] >= SPAN
    if not absences or (dropped.reason != GONE and not is_said_often):
        return None
    return "retracted" if _is_about_one_page(latest, absences, others) else None


def _is_about_one_page(latest: FinishedArticle, absences: Sequence[datetime], others: OtherPages) -> bool:
    """True unless the site shows no other page either, as far as is known: then it is the site that is in trouble."""
    host = host_of(latest.fetch.final_url)
    site, first = registered_domain(host), absences[0]
    young = [page for page in others.young(site, first - YOUNG) if _is_of(host, page.url)]
    # A retracted article counts as fetched when its page was found to be gone.
    if any(page.change != "retracted" and page.last_fetched >= first - _LATELY for page in young):
        return True
    own = (latest.url, latest.fetch.final_url, latest.discovery.url)
    if any(url not in own and _is_of(host, url) for url in others.absent(site, first - _ABSENT_BEFORE)):
        return False
    # Nobody has looked at another page since. If there are some that will be looked at, the next visit will know more.
    return not young or len(absences) > 1


def _is_of(host: str, url: str) -> bool:
    try:
        return is_same_site(host_of(url), host)
    except UnsupportedUrlError:
        return False  # a page that was handed over, or a foreign writer's


def next_revision(
    latest: FinishedArticle, change: Literal["retracted", "updated"], dropped: DroppedArticle, now: datetime, store: str
) -> FinishedArticle:
    """The revision that says so, with all that was known of the article."""
    storage = Storage(revision=latest.storage.revision + 1, change=change, stored_at=now, store=store)
    discovery = latest.discovery.model_copy(update={"submission": dropped.submission})
    return latest.model_copy(update={"storage": storage, "discovery": discovery})


def _shows_page(line: LedgerLine) -> bool:
    # What came to the sink counts by the time of its fetch, which is in `last_fetched`.
    return line.reason == NOT_MODIFIED or line.stage in (EXTRACTOR.name, CLASSIFIER.name)


def _shows_none(line: LedgerLine) -> bool:
    return line.stage == FETCHER.name and line.outcome == "dropped" and line.reason in (GONE, NOT_FOUND)


def _speaks_for(dropped: DroppedArticle, latest: FinishedArticle) -> bool:
    """True when the page at this address is the article: a link through another site, or another form of it, may go alone."""
    own = latest.fetch.final_url
    for url in (own, latest.url, latest.discovery.url):
        try:
            if article_id(key_of(url)) == dropped.id:
                return is_same_site(host_of(url), host_of(own))
        except UnsupportedUrlError:
            continue  # a foreign writer's, or a page that was handed over
    return False
