"""The events that tell the ledger of articles that ended early, made from a record or from whatever the entry holds.

Everything here comes from outside or is about something that failed, so nothing here may fail: text is cleaned and cut, and
where no event can be made there is none. The dead letter is kept all the same.
"""

from __future__ import annotations

import traceback as tracebacks
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal

from pydantic import ValidationError

from coranto.frontier import host_key
from coranto.records import DiscoveredArticle, DroppedArticle, Record, Submission, content_id
from coranto.records.envelope import encode, peek
from coranto.topology import StageSpec
from coranto.urls import UnsupportedUrlError, parse

LONGEST_ERROR = 2_000
LONGEST_TRACEBACK = 10_000
LONGEST_DETAIL = 300
_LONGEST_ADDRESS = 8_000
_LONGEST_ID = 200
_LONGEST_SOURCE = 200
_LONGEST_STAGE = 100


def clean(text: str, longest: int) -> str:
    """The text cut and fit to be sent: what is no character, such as half of a surrogate pair, becomes a question mark."""
    return text[:longest].encode("utf-8", "replace").decode()


def describe(error: BaseException) -> str:
    """The exception in a line. An exception whose own text fails is named by its type."""
    try:
        return clean(f"{type(error).__name__}: {error}", LONGEST_ERROR)
    except Exception:  # noqa: BLE001 - somebody's __str__: whatever it does, the message must end in an outcome
        return type(error).__name__


def trace_of(error: BaseException) -> str:
    """The traceback's end, cleaned."""
    try:
        trace = "".join(tracebacks.format_exception(error))
    except Exception:  # noqa: BLE001 - as above: formatting asks the exception for its text
        trace = "".join(tracebacks.format_tb(error.__traceback__))
    return clean(trace[-LONGEST_TRACEBACK:], LONGEST_TRACEBACK)


class Notices:
    """Makes one stage's events about articles that end there."""

    def __init__(self, spec: StageSpec, *, source: str, clock: Callable[[], float]) -> None:
        self._spec = spec
        self._source = source
        self._clock = clock

    def of_record(
        self, record: Record, outcome: Literal["accepted", "dropped", "dead"], reason: str, detail: str | None
    ) -> bytes | None:
        """The event about a record; None where the message's end is not an article's, or none can be made."""
        return self._encode(
            record.subject,
            url_of(record),
            submission_of(record),
            outcome,
            reason,
            detail,
            feed=_feed_of(record),
            named_by=_source_of(record),
            stage_times=record.stage_times if isinstance(record, DiscoveredArticle) else None,
        )

    def of_raw(self, raw: bytes | None, reason: str, detail: str | None) -> bytes | None:
        """The same for bytes that do not validate, as far as they can be read."""
        seen = peek(raw or b"")
        data = seen.get("data")
        fields = data if isinstance(data, dict) else {}
        subject = fields.get("id") or seen.get("subject")
        if not isinstance(subject, str) or not subject:
            subject = content_id(repr(raw))
        url = fields.get("url")
        return self._encode(subject, url if isinstance(url, str) else "unknown", subject, "dead", reason, detail)

    def _encode(
        self,
        subject: str,
        url: str,
        submission: str,
        outcome: Literal["accepted", "dropped", "dead"],
        reason: str,
        detail: str | None,
        *,
        feed: str | None = None,
        named_by: str | None = None,
        stage_times: Mapping[str, datetime] | None = None,
    ) -> bytes | None:
        if not self._spec.ends_articles:
            return None
        try:
            dropped = DroppedArticle(
                id=clean(subject, _LONGEST_ID),
                url=clean(url, _LONGEST_ADDRESS),
                submission=clean(submission, _LONGEST_ID),
                feed=clean(feed, _LONGEST_ADDRESS) if feed else None,
                source=clean(named_by, _LONGEST_SOURCE) if named_by else None,
                stage=self._spec.name,
                outcome=outcome,
                reason=reason,
                detail=clean(detail, LONGEST_DETAIL) if detail else None,
                dropped_at=datetime.fromtimestamp(self._clock(), UTC),
                stage_times=stage_times and {clean(stage, _LONGEST_STAGE): at for stage, at in stage_times.items()},
            )
            return encode(dropped, source=self._source)
        except (ValidationError, ValueError):
            return None


def url_of(record: Record) -> str:
    """The address the record is about; empty where it has none."""
    match record:
        case Submission():
            return record.address
        case DiscoveredArticle() | DroppedArticle():
            return record.url
        case _:
            return ""


def site_of(url: str) -> str | None:
    """Whose page the address names: a registered domain, or an IP address with its port. None for what is on no host."""
    try:
        return host_key(parse(url)) or None
    except UnsupportedUrlError:
        return None


def submission_of(record: Record) -> str:
    """The submission the record came from."""
    match record:
        case DiscoveredArticle():
            return record.discovery.submission
        case DroppedArticle():
            return record.submission
        case _:
            return record.subject


def _feed_of(record: Record) -> str | None:
    """The feed or sitemap that named the page, where one did."""
    match record:
        case DiscoveredArticle():
            return record.discovery.feed
        case Submission():
            return record.feed
        case _:
            return None


def _source_of(record: Record) -> str | None:
    """The name of what named the page, where something did."""
    match record:
        case DiscoveredArticle():
            return record.discovery.source
        case Submission():
            return record.source
        case _:
            return None
