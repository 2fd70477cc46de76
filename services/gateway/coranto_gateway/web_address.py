"""Addresses of servers, as settings name them."""

from __future__ import annotations

from urllib.parse import urlsplit


def web_address(url: str | None) -> str | None:
    """The address without a slash at its end. Raises ValueError when it is none."""
    if url is not None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"must be an address such as https://news.example.org, got {url[:200]!r}")
        return url.rstrip("/")
    return None
