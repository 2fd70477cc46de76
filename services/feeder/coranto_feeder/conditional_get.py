"""Fetches a feed's document, asking only for what has changed since it was fetched last."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from coranto.http import RedirectChain, TooManyRedirectsError, WebClient, WebError, WebResponse, follow_redirects
from coranto.http.headers import retry_after
from coranto.sources.registry import Feed
from coranto.urls import UnsupportedUrlError

_ACCEPT: Final = (
    "application/atom+xml,application/rss+xml,application/feed+json,application/rdf+xml,application/xml;q=0.9,"
    "text/xml;q=0.9,application/json;q=0.8,text/html;q=0.5,*/*;q=0.1"
)
_MOST_REDIRECTS: Final = 5
_TEST_VALIDATORS_EVERY: Final = 20
_LONGEST_RETRY_AFTER: Final = timedelta(days=1)


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
        """True when a test shows that the validator stayed the same although the document has changed."""
        return self.is_test and feed.etag is not None and feed.etag == self.response.headers.get("ETag")


async def get_feed(web: WebClient, feed: Feed, *, now: datetime) -> FeedResponse:
    """The feed's document, or that it has not changed. Raises PollFailedError."""
    is_test = feed.polls % _TEST_VALIDATORS_EVERY == _TEST_VALIDATORS_EVERY - 1
    is_conditional = feed.digest is not None and not feed.has_lying_validators and not is_test
    headers = {"Accept": _ACCEPT} | (_conditions(feed) if is_conditional else {})
    moved_to: str | None = None
    is_permanent = True
    chain = RedirectChain()

    def note_redirect(response: WebResponse, target: str) -> None:
        nonlocal moved_to, is_permanent
        # Only a chain that is permanent from its first hop says where the feed has moved.
        is_permanent = is_permanent and response.status in (301, 308)
        moved_to = target if is_permanent else moved_to

    async def get(url: str) -> WebResponse:
        return await web.get(url, headers=headers | chain.headers(url), wants_body=lambda status, _: status == 200)

    try:
        response = await follow_redirects(feed.url, get, most=_MOST_REDIRECTS, on_redirect=note_redirect, chain=chain)
    except WebError as error:
        raise PollFailedError(_error_name(error), str(error)) from error
    except UnsupportedUrlError as error:
        raise PollFailedError("unsupported_url", str(error)) from error
    except TooManyRedirectsError as error:
        raise PollFailedError("too_many_redirects", str(error)) from error
    if response.status not in (200, 304):
        pause = retry_after(response.headers, now=now, longest=_LONGEST_RETRY_AFTER)
        raise PollFailedError(f"status_{response.status}", f"status {response.status}", retry_after=pause)
    return FeedResponse(response, moved_to, is_test)


def with_validators(feed: Feed, response: WebResponse) -> Feed:
    """The feed with the validators of this response, for the next conditional request."""
    etag, modified = response.headers.get("ETag"), response.headers.get("Last-Modified")
    return feed.model_copy(update={"etag": etag, "last_modified": modified})


def _conditions(feed: Feed) -> dict[str, str]:
    pairs = (("If-None-Match", feed.etag), ("If-Modified-Since", feed.last_modified))
    return {name: value for name, value in pairs if value is not None}


def _error_name(error: WebError) -> str:
    name = type(error).__name__.removesuffix("Error")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
