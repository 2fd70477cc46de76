"""The closed list of reasons the fetcher gives; the same words stand in metrics, logs, dead letters and the ledger."""

from __future__ import annotations

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    # Waiting
    "host_busy": "The host is being asked or rests; the article waits in its queue.",
    "host_down": "The host has refused or failed ten times in a row and is set aside; a dead letter when that lasts for a day.",
    "rate_limited": "The host answered 429: it asks for fewer requests.",
    "robots_unreachable": "robots.txt could not be fetched (no answer, 5xx or 429), so nothing may be fetched for now.",
    "budget_unavailable": "Redis, which holds the hosts' leases, did not answer.",
    "no_contact": "Public hosts are asked only by a client that names a contact: set CORANTO_FETCHER__CONTACT.",
    "archive_unavailable": "The WARC file could not be written: full disk, or out of reach.",
    "page_store_unavailable": "The page store could not be written: full disk, or out of reach.",
    # The host or the network failed
    "name_not_resolved": "The host's name has no address, or the name service did not answer.",
    "connect_failed": "No connection to the host: refused, reset or unreachable.",
    "proxy_failed": "The proxy refused, or could not be reached.",
    "timeout": "The response was not complete in the time allowed.",
    "tls_failed": "The TLS handshake failed.",
    "bad_certificate": "The host's certificate is not valid for it: expired, self-signed or for another name.",
    "server_error": "The host answered 500 or another 5xx that is not 503.",
    "server_unavailable": "The host answered 503: it cannot serve now.",
    "broken_response": "What the host sent is not a complete HTTP response, or breaks off within its packing.",
    # The page cannot be fetched
    "not_found": "The host answered 404: there is no such page.",
    "gone": "The host answered 410: the page was there and is not any more.",
    "forbidden": "The host answered 401, 402, 403, 407 or 451: access is denied.",
    "client_error": "The host answered with another 4xx status.",
    "unexpected_status": "The host answered with a status that carries no page.",
    "robots_disallowed": "The host's robots.txt asks that this address not be fetched.",
    "rights_reserved": "The page is reserved against a use that the settings ask to respect.",
    "private_address": "The host is, or resolves to, an address that is not public and is not in the allowed networks.",
    "port_not_allowed": "The address names a port that is not in the list of those that may be asked.",
    "unsupported_url": "The address, or one it redirects to, is not an http or https URL.",
    "too_many_redirects": "The page is behind more redirects than are followed.",
    "redirect_loop": "The redirects lead back to an address that was asked before, with the same cookies.",
    "bad_redirect": "The host redirects without saying where to.",
    # The page is not what we want
    "not_modified": "The page has not changed since it was fetched last.",
    "content_type": "The page has a media type that cannot hold an article.",
    "empty_body": "The host sent a page without content.",
    "body_too_large": "The page is larger than allowed, as sent or unpacked.",
    "decompression_bomb": "The page unpacks to so many times its size that it looks like a decompression bomb.",
    "undecodable_body": "The packing of the page is corrupt, or one that is not undone.",
    "headers_too_large": "The response's headers are larger than allowed.",
    "challenge_page": "The host answered with a test for humans instead of the page.",
    "reader_timeout": "Searching the page took longer than allowed; its process was ended and replaced.",
    "reader_crashed": "The process that searched the page died, twice.",
    "no_saved_page": "The address names a file, but no page was handed over with it.",
}

SYSTEMIC: frozenset[str] = frozenset(
    {"budget_unavailable", "page_store_unavailable", "archive_unavailable", "proxy_failed"}
)
"""Reasons whose cause is our own machinery, not the article: a run of them opens the breaker."""
