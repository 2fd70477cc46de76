"""All reasons why the extractor drops a page. Metrics, logs, dead letters and documentation use the same words."""

from __future__ import annotations

REASONS: dict[str, str] = {
    "index_page": "The page lists articles and is not one itself.",
    "home_page": "The page is the front page of a site.",
    "search_result": "The page lists search results.",
    "error_page": "The page says that something was not found, whatever its HTTP status is.",
    "paywall_stub": "The page shows a log-in or subscription form instead of the text.",
    "consent_wall": "The page asks for consent and shows no text before that.",
    "challenge_wall": "The page wants proof that the reader is human.",
    "video_or_gallery": "The page has a video or pictures and hardly any text.",
    "product_page": "The page offers a product.",
    "product_list": "The page lists products.",
    "other_page": "The page is built like a list, a product or a form, or is about the site itself.",
    "too_short": "The page has less text than two sentences.",
    "not_text": "The page's media type is not HTML, XHTML or plain text.",
    "binary": "The bytes are not text in any charset.",
    "no_language": "The text has hardly any letters.",
    "page_too_large": "The page has more bytes than allowed.",
    "too_many_nodes": "The page has more elements than allowed.",
    "too_deep": "The page's elements are nested deeper than allowed.",
    "empty_page": "The page has no elements.",
    "reader_timeout": "Reading took longer than allowed; the worker process was killed and replaced.",
    "reader_crashed": "The worker process crashed twice while it read the page.",
    "page_missing": "The page's bytes are not in the page store.",
    "page_corrupt": "The page store has other bytes under this reference.",
    "page_store_unavailable": "The page store did not respond.",
}

SYSTEMIC = frozenset({"page_store_unavailable"})
"""Reasons that are not about one page. Several of them in a row pause the reading of messages for a while."""
