"""What a response, or the lack of one, means for the host and for the message: one table and one function."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from coranto.frontier import HostFeedback
from coranto.http import (
    BodyTooLargeError,
    BrokenResponseError,
    CertificateError,
    ConnectFailedError,
    DecompressionBombError,
    HeadersTooLargeError,
    NameNotResolvedError,
    NoContactError,
    PortNotAllowedError,
    PrivateAddressError,
    ProxyError,
    TimedOutError,
    TlsError,
    UndecodableBodyError,
    WebError,
    WebResponse,
)
from coranto.http.response.headers import retry_after
from coranto.worker.stage import Invalid, StageSignal, Transient, Unwanted
from coranto_fetcher.response.challenge import find_challenge
from coranto_fetcher.warc_files import ArchiveFailedError

Make = type[Transient] | type[Unwanted] | type[Invalid]

# Searched in order: a subclass stands before its base class.
ERROR_DECISIONS: Final[dict[type[WebError], tuple[Make, str, HostFeedback]]] = {
    PrivateAddressError: (Unwanted, "private_address", HostFeedback.FINE),
    PortNotAllowedError: (Unwanted, "port_not_allowed", HostFeedback.FINE),
    NoContactError: (Invalid, "no_contact", HostFeedback.FINE),
    ArchiveFailedError: (Transient, "archive_unavailable", HostFeedback.FINE),
    NameNotResolvedError: (Transient, "name_not_resolved", HostFeedback.FAILING),
    ProxyError: (Transient, "proxy_failed", HostFeedback.FINE),
    CertificateError: (Unwanted, "bad_certificate", HostFeedback.FINE),
    TlsError: (Transient, "tls_failed", HostFeedback.FAILING),
    ConnectFailedError: (Transient, "connect_failed", HostFeedback.FAILING),
    TimedOutError: (Transient, "timeout", HostFeedback.FAILING),
    HeadersTooLargeError: (Unwanted, "headers_too_large", HostFeedback.FINE),
    DecompressionBombError: (Unwanted, "decompression_bomb", HostFeedback.FINE),
    BodyTooLargeError: (Unwanted, "body_too_large", HostFeedback.FINE),
    UndecodableBodyError: (Unwanted, "undecodable_body", HostFeedback.FINE),
    BrokenResponseError: (Transient, "broken_response", HostFeedback.FAILING),
}

_REFUSALS: Final = {
    401: "forbidden", 402: "forbidden", 403: "forbidden", 407: "forbidden", 451: "forbidden", 404: "not_found", 410: "gone",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ResponseDecision:
    """What a response means."""

    feedback: HostFeedback = HostFeedback.FINE
    """What the host's pause is made from."""
    signal: StageSignal | None = None
    """What the message ends in; None where there is a page."""
    retry_after: timedelta | None = None


def decide(response: WebResponse, *, is_conditional: bool, max_retry_after: timedelta) -> ResponseDecision:
    """What the response means for the host and for the message."""
    status = response.status
    guard = find_challenge(response.headers, response.body)
    if guard is not None:
        return ResponseDecision(HostFeedback.SLOW_DOWN, Unwanted("challenge_page", detail=f"{guard}, status {status}"))
    if status in (200, 203):
        return ResponseDecision()
    detail = f"status {status}"
    if status == 304 and is_conditional:
        return ResponseDecision(signal=Unwanted("not_modified"))
    if status == 429 or 500 <= status < 600:
        reason = {429: "rate_limited", 503: "server_unavailable"}.get(status, "server_error")
        # A plain 500 concerns one page; any other 5xx concerns the whole host.
        feedback = {
            429: HostFeedback.SLOW_DOWN,
            503: HostFeedback.SLOW_DOWN,
            500: HostFeedback.FINE,
        }.get(status, HostFeedback.FAILING)
        pause = retry_after(response.headers, now=datetime.now(UTC), longest=max_retry_after)
        return ResponseDecision(feedback, Transient(reason, detail=detail), pause)
    if status in (408, 425):
        return ResponseDecision(signal=Transient("timeout", detail=detail))
    if 300 <= status < 400 and status != 304:
        return ResponseDecision(signal=Unwanted("bad_redirect", detail=detail))
    if status in _REFUSALS:
        # Sites that think us too quick often say 403.
        feedback = HostFeedback.SLOW_DOWN if status == 403 else HostFeedback.FINE
        return ResponseDecision(feedback, Unwanted(_REFUSALS[status], detail=detail))
    refusal = "client_error" if 400 <= status < 500 else "unexpected_status"
    return ResponseDecision(signal=Unwanted(refusal, detail=detail))
