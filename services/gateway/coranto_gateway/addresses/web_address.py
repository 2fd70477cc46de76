"""Addresses of servers, as settings name them."""

from __future__ import annotations

from urllib.parse import urlsplit

from coranto_gateway.addresses.secret_addresses import shown_address


def web_address(url: str | None) -> str | None:
    """The address without a slash at its end. Raises ValueError when it is none."""
    if url is not None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"must be an address such as https://news.example.org, got {shown_address(url)[:200]!r}")
        if "@" in parts.netloc:
            raise ValueError("must be an address without a user name or password")
        return url.rstrip("/")
    return None
