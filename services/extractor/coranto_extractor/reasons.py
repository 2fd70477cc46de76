"""Every reason for which the extractor gives up a page: the same words in metrics, logs, dead letters and docs."""

from __future__ import annotations

REASONS: dict[str, str] = {
    "index_page": "The page lists articles and is none itself.",
    "home_page": "The page is the front page of a site.",
    "search_result": "The page lists what a search found.",
    "error_page": "The page says that something was not found, whatever its HTTP status was.",
    "paywall_stub": "The page holds a log-in or subscription form in place of the text.",
    "consent_wall": "The page asks for consent and shows no text before it.",
    "challenge_wall": "The page asks to prove that no robot is reading.",
    "video_or_gallery": "The page holds a video or pictures, and hardly any text.",
    "product_page": "The page offers a product.",
    "product_list": "The page lists products.",
    "too_short": "The page holds less text than two sentences.",
    "not_text": "The page's media type is none of HTML, XHTML or plain text.",
    "binary": "The bytes are no text in any charset.",
    "no_language": "The text consists of no words.",
    "page_too_large": "The page has more bytes than allowed.",
    "too_many_nodes": "The page has more elements than allowed.",
    "too_deep": "The page's elements nest deeper than allowed.",
    "empty_page": "The page holds no element.",
    "reader_timeout": "PageSummary took longer than allowed; the worker process was ended and replaced.",
    "reader_crashed": "The worker process died while it read the page, twice.",
    "page_missing": "The page's bytes are not in the page store.",
    "page_corrupt": "The page store holds other bytes under this reference.",
    "page_store_unavailable": "The page store did not answer.",
}

SYSTEMIC = frozenset({"page_store_unavailable"})
"""Reasons whose cause is not the page: a run of one of them stops the reading of further messages for a while."""
