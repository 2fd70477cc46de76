"""The closed list of reasons the sink gives; the same words stand in metrics, logs, dead letters and the ledger."""

from __future__ import annotations

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    "unchanged": "The article was fetched again and nothing in it that subscribers care about has changed.",
    "other_form": "Another form of the article (AMP, print, another link) is stored already; only its main form may replace it.",
    "outdated": "A later fetch of the article is stored already; this older one must not overwrite it.",
    "unstorable": "The database never takes a value of this record, such as one that is no text; the detail says which.",
    "storage_unavailable": "The database cannot be written: full disk, locked file, read-only or out of reach.",
    "storage_corrupt": "The database file is damaged and needs an operator: restore a backup or recover it.",
}

SYSTEMIC: frozenset[str] = frozenset({"storage_unavailable", "storage_corrupt"})
"""Reasons whose cause is the storage, not the article: a run of them opens the breaker."""
