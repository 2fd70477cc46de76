"""Response headers that say when to come again: Retry-After, Cache-Control and Expires."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

_MAX_AGE: Final = re.compile(r"max-age=(\d{1,9})")


def retry_after(headers: Mapping[str, str], *, now: datetime, longest: timedelta) -> timedelta | None:
    """The time that Retry-After asks for, in seconds or as a date (RFC 9110, 10.2.3); None when it says nothing readable."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(timedelta(seconds=int(value[:9])), longest)
    with suppress(ValueError, TypeError, OverflowError):
        return min(max(parsedate_to_datetime(value) - now, timedelta()), longest)
    return None


def max_age(headers: Mapping[str, str]) -> timedelta | None:
    """How long Cache-Control lets the response be kept (RFC 9111, 5.2.2.1); None when it does not say."""
    match = _MAX_AGE.search(headers.get("Cache-Control", "").lower())
    return None if match is None else timedelta(seconds=int(match[1]))


def cache_lifetime(headers: Mapping[str, str], *, now: datetime, longest: timedelta) -> timedelta:
    """How long the response stays fresh by Cache-Control or else Expires; zero when it says nothing readable."""
    control = headers.get("Cache-Control", "").lower()
    if "no-cache" in control or "no-store" in control:
        return timedelta()
    lifetime = max_age(headers)
    if lifetime is None and "Expires" in headers:
        with suppress(ValueError, TypeError, OverflowError):
            lifetime = parsedate_to_datetime(headers["Expires"]) - now
    return min(max(lifetime or timedelta(), timedelta()), longest)
