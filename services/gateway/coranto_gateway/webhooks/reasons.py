"""Why an attempt to deliver to a webhook, or to bring a message of an alert, ended as it did: the same words everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

REASONS: Final[Mapping[str, str]] = {
    "ok": "The receiver took it: any status from 200 to 299.",
    "refused": "The receiver answered with a 4xx that speaks of this record: it is a dead delivery.",
    "busy": "The receiver asked for time: 408, 425 or 429.",
    "server_error": "The receiver answered with a 5xx.",
    "redirected": "The receiver answered with a redirect, which is not followed: give the address that it leads to.",
    "odd_status": "The receiver answered with a status that is none for an answer.",
    "gone": "The receiver answered 410: the webhook is disabled.",
    "timeout": "No complete answer came in time.",
    "name_not_resolved": "The name in the address has no address.",
    "connect_failed": "No connection, or it broke before the answer was complete.",
    "tls_failed": "No TLS connection, or a certificate that is not valid.",
    "address_refused": "The address is not public and not allowed: see CORANTO_GATEWAY__WEBHOOKS__ALLOWED_NETWORKS.",
    "answer_too_large": "The answer was longer than is read.",
    "not_set_up": "A setting without which alerts cannot be sent this way is missing.",
    "not_brought": "The service behind an `apprise:…` recipient did not take it. Apprise says no more than that.",
    "not_wanted": "The webhook's filter does not let the article through.",
    "gave_up": "The receiver failed with this record again and again while it took others: it is a dead delivery.",
    "not_written": "The record cannot be written in the webhook's format, which is a bug: it is a dead delivery.",
    "unreadable": "What Redis kept of a dead delivery could not be read; it stands here anew, for the same record.",
    "record_gone": "The record is no longer in the article store: it is a dead delivery.",
}
"""The closed list, each word with a sentence about it."""
