"""Addresses that whoever knows may use: those of webhooks and chats hold a secret in their path or query.

They are shown by who answers there and a mark, by which two of one host can be told apart. Given back in a change, that stands
for the address that is kept.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final
from urllib.parse import unquote, urlsplit

_SHOWN: Final = re.compile(r"\S*…[0-9a-f]{6}")
_HOST: Final = re.compile(r"(?:\[[0-9a-f:.%]+\]|[^\s:@\\\[\]]+)(?::\d{0,5})?", re.IGNORECASE)
_LEAST_SECRET: Final = 6
_LIKE_A_SECRET: Final = re.compile(r"(?=.*[0-9A-Z]).{6,}|.{16,}")


def shown_address(url: str) -> str:
    """The address as it is shown: scheme, host and port, and a mark in place of anything more."""
    if is_shown(url):
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return mark_of(url)
    host = parts.netloc.rpartition("@")[2]
    # A password with a slash in it makes the beginning of the password look like a port.
    has_odd_password = "@" in url and "@" not in parts.netloc and ":" in parts.netloc
    if _HOST.fullmatch(host) is None or has_odd_password:
        return mark_of(url)
    is_bare = host == parts.netloc and parts.path in ("", "/") and not parts.query and not parts.fragment
    return url if is_bare else f"{parts.scheme}://{host}/{mark_of(url)}"


def mark_of(secret: str) -> str:
    """What stands in place of it."""
    return f"…{hashlib.sha256(secret.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"


def is_shown(text: str) -> bool:
    """Whether it is how an address is shown, and no address."""
    return _SHOWN.fullmatch(text) is not None


def without_address(text: str, url: str) -> str:
    """The text, as a server or library has it, without what it repeats of the address and may be a secret."""
    parts = urlsplit(url)
    path = parts.path.strip("/")
    segments = path.split("/")
    found = {
        f"{path}?{parts.query}",
        path,
        parts.query,
        segments[-1],
        *(each for each in segments if _LIKE_A_SECRET.fullmatch(each)),
    }
    found |= {value.partition("=")[2] for value in parts.query.split("&")}
    found |= {unquote(each) for each in found}
    for secret in sorted((each for each in found if len(each) >= _LEAST_SECRET), key=len, reverse=True):
        text = text.replace(secret, "…")
    return text
