"""The one error of this package, and how its messages show what was seen."""

from __future__ import annotations


class UnsupportedUrlError(ValueError):
    """The text is no address this project works with; the message says what was seen and what was expected."""


def shown(url: str) -> str:
    """The address as a message may hold it: quoted, and not too long."""
    return repr(url if len(url) <= 100 else f"{url[:100]}…")
