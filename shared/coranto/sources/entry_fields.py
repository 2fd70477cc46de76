"""Cleans the fields of entries: text, addresses and times, however they are written."""

from __future__ import annotations

import html
import re
from typing import Any, Final

from coranto.urls import UnsupportedUrlError, join

LONGEST_TITLE: Final = 1000
LONGEST_SUMMARY: Final = 5000
# Each takes one pass over the text, whatever is left unclosed; html.parser starts over at each unclosed tag.
_UNSEEN: Final = re.compile(r"<(script|style)\b[^<>]*>.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", re.DOTALL | re.IGNORECASE)
_TAG: Final = re.compile(r"<[A-Za-z/!?][^<>]*>")
_FORMATTING: Final = re.compile(
    r"</?(?:a|abbr|b|bdi|bdo|big|br|center|cite|code|del|div|em|font|h[1-6]|i|img|ins|mark|nobr|p|q|s|small|span|strike"
    r"|strong|sub|sup|tt|u|wbr)\b[^<>]*>",
    re.IGNORECASE,
)
_CONTROLS: Final = re.compile("[\\0-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f]")


def strip_markup(text: str) -> str:
    """The text without tags, entities resolved and white space folded."""
    if "<" in text or "&" in text:
        text = html.unescape(_TAG.sub(" ", _UNSEEN.sub(" ", text)))
    return " ".join(text.split())


def clean_line(value: Any, longest: int) -> str | None:
    """HTML as one line of text without markup, at most so many characters; None when there is none."""
    text = _as_text(value, longest)
    return None if text is None else writable(strip_markup(text))[:longest].strip() or None


def title_line(value: Any, longest: int) -> str | None:
    """A headline of RSS, which may be text or HTML: formatting is stripped, and what only looks like a tag stays."""
    text = _as_text(value, longest)
    if text is None:
        return None
    text = _FORMATTING.sub(" ", _UNSEEN.sub(" ", text)) if "<" in text else text
    return _one_line(html.unescape(text), longest)


def plain_line(value: Any, longest: int) -> str | None:
    """Plain text as one line, at most so many characters; None when there is none."""
    text = _as_text(value, longest)
    return None if text is None else _one_line(text, longest)


def _as_text(value: Any, longest: int) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    return value[: 4 * longest] if isinstance(value, str) else None


def _one_line(text: str, longest: int) -> str | None:
    return " ".join(writable(text).split())[:longest].strip() or None


def whole_text(value: Any, longest: int) -> str | None:
    """The text if it is not longer than allowed; a part of an article is of no use."""
    return writable(value) if isinstance(value, str) and 0 < len(value) <= longest else None


def writable(text: str) -> str:
    """The text without what no store takes: lone surrogates, NUL and other control characters."""
    return _CONTROLS.sub(lambda char: " " if char[0].isspace() else "", text).encode("utf-8", "replace").decode("utf-8")


def absolute_url(base: str, link: Any, *, is_guess: bool = False) -> str | None:
    """The absolute http address of a link in the document at `base`; None when it is none."""
    if not isinstance(link, str) or not link.strip() or (is_guess and "://" not in link):
        return None
    try:
        address = join(base, link)
    except UnsupportedUrlError:
        return None
    return address if address.startswith(("http://", "https://")) else None
