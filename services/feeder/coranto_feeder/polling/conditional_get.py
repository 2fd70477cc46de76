"""Fetches a feed's document, asking only for what has changed since it was fetched last."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from coranto.frontier import HostLease
from coranto.http import TooManyRedirectsError, WebError, WebResponse
from coranto.http.response.decoding import BodySink
from coranto.http.response.headers import retry_after
from coranto.http.robots.cache import RobotsUnreachableError
from coranto.sources.registry import Feed
from coranto.urls import UnsupportedUrlError
from coranto_feeder.polite_client import PoliteClient, Redirect, RobotsDeniedError

_ACCEPT: Final = (
    "application/atom+xml,application/rss+xml,application/feed+json,application/rdf+xml,application/xml;q=0.9,"
    "text/xml;q=0.9,application/json;q=0.8,text/html;q=0.5,*/*;q=0.1"
)
_TEST_EVERY_POLLS: Final = 10
_TEST_EVERY: Final = timedelta(days=1)
_FORGIVEN_AFTER: Final = timedelta(days=7)
_LONGEST_RETRY_AFTER: Final = timedelta(days=1)
_LONGEST_VALIDATOR: Final = 1000


class PollFailedError(Exception):
    """A poll brought no document that could be read. `outcome` is a word for the feed's history."""

    def __init__(self, outcome: str, detail: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class FeedResponse:
    """A response of status 200 or 304."""

    response: WebResponse
    moved_to: str | None
    """Where the feed permanently redirects to."""
    is_test: bool
    """Whether the request was unconditional although the feed has validators, to find out whether they can be trusted."""

    @property
    def is_not_modified(self) -> bool:
        """True when the server says that nothing has changed."""
        return self.response.status == 304

    def contradicts(self, feed: Feed) -> bool:
        """True when a validator stayed the same although the document has changed: the server would have said 304."""
        etag, modified = _validators_of(self.response)
        if feed.etag is not None:
            return self.is_test and feed.etag == etag
        return self.is_test and feed.last_modified is not None and feed.last_modified == modified


async def get_feed(
    client: PoliteClient, feed: Feed, *, lease: HostLease | None, now: datetime, into: BodySink
) -> FeedResponse:
    """That the feed has not changed, or the response whose document is in `into`. The lease of its host is ended here.

    Raises PollFailedError, and HostBusyError when it redirects to a host whose turn it is not.
    """
    is_conditional = _may_ask_conditionally(feed, now)
    headers = {"Accept": _ACCEPT} | (_conditions(feed) if is_conditional else {})
    try:
        answer = await client.get(
            feed.url, f"feed:{feed.id}", lease=lease, headers=headers, obeys_robots=not feed.ignores_robots, into=into
        )
    except RobotsDeniedError as error:
        advice = "if the publisher lets you, register it anew with `coranto feeds add --ignore-robots`"
        raise PollFailedError("robots_denied", f"{error}; {advice}") from error
    except RobotsUnreachableError as error:
        raise PollFailedError("robots_unreachable", str(error), retry_after=error.retry_after) from error
    except WebError as error:
        raise PollFailedError(_error_name(error), str(error)) from error
    except UnsupportedUrlError as error:
        raise PollFailedError("unsupported_url", str(error)) from error
    except TooManyRedirectsError as error:
        raise PollFailedError("too_many_redirects", str(error)) from error
    response = answer.response
    if response.status == 304 and not is_conditional:
        raise PollFailedError(
            "not_modified_unasked", "the server says `not modified` although it was not asked whether"
        )
    if response.status not in (200, 304):
        pause = retry_after(response.headers, now=now, longest=_LONGEST_RETRY_AFTER)
        raise PollFailedError(f"status_{response.status}", f"status {response.status}", retry_after=pause)
    is_test = not is_conditional and feed.digest is not None and not feed.entries_left
    return FeedResponse(response, _permanent_target(answer.redirects), is_test)


def _may_ask_conditionally(feed: Feed, now: datetime) -> bool:
    if feed.digest is None or feed.entries_left or not _conditions(feed):
        return False
    since_test = _TEST_EVERY if feed.tested_at is None else now - feed.tested_at
    if feed.ignores_conditional_requests:
        return since_test >= _FORGIVEN_AFTER
    return since_test < _TEST_EVERY and feed.polls % _TEST_EVERY_POLLS != _TEST_EVERY_POLLS - 1


def _permanent_target(redirects: tuple[Redirect, ...]) -> str | None:
    """Where the feed has moved to: only a chain that is permanent from its first hop says so, up to where it is not."""
    target: str | None = None
    for redirect in redirects:
        if redirect.status not in (301, 308):
            break
        target = redirect.target
    return target


def with_validators(feed: Feed, response: WebResponse) -> Feed:
    """The feed with the validators of this response, for the next conditional request."""
    etag, modified = _validators_of(response)
    return feed.model_copy(update={"etag": etag, "last_modified": modified})


def _validators_of(response: WebResponse) -> tuple[str | None, str | None]:
    """ETag and Last-Modified, each None where it is none that could be kept and sent back as it is."""
    etag, modified = (response.headers.get(name, "") for name in ("ETag", "Last-Modified"))
    return _sendable(etag), _sendable(modified)


def _sendable(value: str) -> str | None:
    # Bytes that are not UTF-8 arrive as lone surrogates, which are not printable.
    return value if 0 < len(value) <= _LONGEST_VALIDATOR and value.isprintable() else None


def _conditions(feed: Feed) -> dict[str, str]:
    pairs = (("If-None-Match", feed.etag), ("If-Modified-Since", feed.last_modified))
    return {name: value for name, value in pairs if value is not None}


def _error_name(error: WebError) -> str:
    name = type(error).__name__.removesuffix("Error")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
