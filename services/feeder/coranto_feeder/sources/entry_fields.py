"""Cleans the fields of entries: text, addresses and times, however they are written."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from typing import Any, Final

from coranto.urls import UnsupportedUrlError, join

LONGEST_TITLE: Final = 1000
LONGEST_SUMMARY: Final = 5000
# Each takes one pass over the text, whatever is left unclosed; html.parser starts over at each unclosed tag.
_UNSEEN: Final = re.compile(r"<(script|style)\b[^<>]*>.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", re.DOTALL | re.IGNORECASE)
_TAG: Final = re.compile(r"<[A-Za-z/!?][^<>]*>")


def strip_markup(text: str) -> str:
    """The text without tags, entities resolved and white space folded."""
    if "<" in text or "&" in text:
        text = html.unescape(_TAG.sub(" ", _UNSEEN.sub(" ", text)))
    return " ".join(text.split())


def clean_line(value: Any, longest: int) -> str | None:
    """The value as one line of text without markup, at most so many characters; None when there is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    return without_surrogates(strip_markup(value[: 4 * longest])[:longest]) or None


def whole_text(value: Any, longest: int) -> str | None:
    """The text if it is not longer than allowed; a part of an article is of no use."""
    return without_surrogates(value) if isinstance(value, str) and 0 < len(value) <= longest else None


def without_surrogates(text: str) -> str:
    """The text without lone surrogates, which a document can contain and no encoding can write."""
    return text.encode("utf-8", "replace").decode("utf-8")


def absolute_url(base: str, link: Any, *, is_guess: bool = False) -> str | None:
    """The absolute http address of a link in the document at `base`; None when it is none."""
    if not isinstance(link, str) or not link.strip() or (is_guess and "://" not in link):
        return None
    try:
        address = join(base, link)
    except UnsupportedUrlError:
        return None
    return address if address.startswith(("http://", "https://")) else None


def parse_w3c_time(value: Any) -> datetime | None:
    """A time by W3C-DTF or RFC 3339; a bare day is its midnight in UTC; anything shorter is not a time."""
    if not isinstance(value, str) or len(value) < len("2026-01-01"):
        return None
    try:
        moment = datetime.fromisoformat(value.strip().upper())
    except ValueError:
        return None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (OverflowError, ValueError):
        return None
