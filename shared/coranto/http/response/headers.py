"""Response headers that say when to come again (Retry-After, Cache-Control, Expires), and what is linked (Link)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

_LONGEST_LINKS: Final = 16_384
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


def link_target(values: Iterable[str], relation: str) -> str | None:
    """The first target of this relation in these `Link` headers (RFC 8288), as it is written; None when there is none.

    A link that says that it is of another document (`anchor`) does not count.
    """
    for target, parameters in _links(", ".join(values)[:_LONGEST_LINKS]):
        if relation in parameters.get("rel", "").lower().split() and "anchor" not in parameters and target:
            return target
    return None


def _links(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each link's target and parameters, the first of each name. Reads every character once."""
    at = 0
    while (start := text.find("<", at)) >= 0 and (end := text.find(">", start)) >= 0:
        target, at = text[start + 1 : end].strip(), end + 1
        parameters: dict[str, str] = {}
        words: list[str] = []
        is_quoted = False
        while at < len(text):
            sign = text[at]
            at += 1
            if is_quoted and sign == "\\" and at < len(text):
                words.append(text[at])
                at += 1
            elif sign == '"':
                is_quoted = not is_quoted
            elif is_quoted or sign not in ",;":
                words.append(sign)
            else:
                _take_parameter(words, parameters)
                if sign == ",":
                    break
        _take_parameter(words, parameters)
        yield target, parameters


def _take_parameter(words: list[str], parameters: dict[str, str]) -> None:
    name, _, value = "".join(words).partition("=")
    words.clear()
    if name.strip():
        parameters.setdefault(name.strip().lower(), value.strip())
