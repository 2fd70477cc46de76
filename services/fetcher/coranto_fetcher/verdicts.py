"""What an answer, or a failure to get one, means: for the host's budget, and for the message that asked."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from coranto.http import (
    BodyTooLargeError,
    BrokenResponseError,
    CertificateError,
    ConnectFailedError,
    DecompressionBombError,
    HeadersTooLargeError,
    NameNotResolvedError,
    PrivateAddressError,
    ProxyError,
    TimedOutError,
    TlsError,
    UndecodableBodyError,
    WebError,
    WebResponse,
)
from coranto.worker.stage import StageSignal, Transient, Unwanted
from coranto_fetcher.budget import Answer
from coranto_fetcher.challenge import find_challenge

Make = type[Transient] | type[Unwanted]

# Looked through in order: a subclass stands before its base.
FAILURES: Final[dict[type[WebError], tuple[Make, str, Answer]]] = {
    PrivateAddressError: (Unwanted, "private_address", Answer.FINE),
    NameNotResolvedError: (Transient, "name_not_resolved", Answer.FAILING),
    ProxyError: (Transient, "proxy_failed", Answer.FINE),
    CertificateError: (Unwanted, "bad_certificate", Answer.FINE),
    TlsError: (Transient, "tls_failed", Answer.FAILING),
    ConnectFailedError: (Transient, "connect_failed", Answer.FAILING),
    TimedOutError: (Transient, "timeout", Answer.FAILING),
    HeadersTooLargeError: (Unwanted, "headers_too_large", Answer.FINE),
    DecompressionBombError: (Unwanted, "decompression_bomb", Answer.FINE),
    BodyTooLargeError: (Unwanted, "body_too_large", Answer.FINE),
    UndecodableBodyError: (Unwanted, "undecodable_body", Answer.FINE),
    BrokenResponseError: (Transient, "broken_response", Answer.FAILING),
}

_REFUSALS: Final = {
    401: "forbidden", 402: "forbidden", 403: "forbidden", 407: "forbidden", 451: "forbidden", 404: "not_found", 410: "gone",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a response means: for the host's budget, and for the message (None where there is a page)."""

    answer: Answer = Answer.FINE
    signal: StageSignal | None = None
    retry_after: timedelta | None = None


def judge(response: WebResponse, *, is_conditional: bool, longest_retry_after: timedelta) -> Verdict:
    """What the response means for the host and for the message."""
    status = response.status
    guard = find_challenge(response.headers, response.body)
    if guard is not None:
        return Verdict(Answer.SLOW_DOWN, Unwanted("challenge_page", detail=f"{guard}, status {status}"))
    if status in (200, 203):
        return Verdict()
    detail = f"status {status}"
    if status == 304 and is_conditional:
        return Verdict(signal=Unwanted("not_modified"))
    if status == 429 or status >= 500:
        reason = {429: "rate_limited", 503: "server_unavailable"}.get(status, "server_error")
        # A bare 500 is one page's own trouble; behind the others stands the whole host.
        answer = {429: Answer.SLOW_DOWN, 500: Answer.FINE}.get(status, Answer.FAILING)
        return Verdict(answer, Transient(reason, detail=detail), _retry_after(response, longest_retry_after))
    if status in (408, 425):
        return Verdict(signal=Transient("timeout", detail=detail))
    if 300 <= status < 400 and status != 304:
        return Verdict(signal=Unwanted("bad_redirect", detail=detail))
    if status in _REFUSALS:
        return Verdict(signal=Unwanted(_REFUSALS[status], detail=detail))
    return Verdict(signal=Unwanted("client_error" if 400 <= status < 500 else "unexpected_status", detail=detail))


def _retry_after(response: WebResponse, longest: timedelta) -> timedelta | None:
    """The time the Retry-After header asks for, as seconds or as a date (RFC 9110, 10.2.3)."""
    value = response.headers.get("Retry-After", "").strip()
    seconds = math.nan
    with suppress(ValueError, TypeError, OverflowError):
        if value.isascii() and value.isdigit():
            seconds = float(value[:9])
        elif value:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    return None if math.isnan(seconds) else min(longest, timedelta(seconds=max(0.0, seconds)))
