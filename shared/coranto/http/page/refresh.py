"""Recognises a page that only sends its reader on: `<meta http-equiv=refresh>` or a Refresh header (WHATWG HTML, 4.2.5.3)."""

from __future__ import annotations

import re
from typing import Final

from coranto.http.client import WebResponse, web_address
from coranto.http.page.html_attributes import find_tags
from coranto.http.page.text import count_words

_LOOKED_AT: Final = 16_384
_TAGS: Final = frozenset({"meta"})
_REFRESH: Final = re.compile(
    r"\s{0,20}(?P<seconds>\d{0,9})[\d.]{0,20}\s{0,20}(?:[;,]\s{0,20}|\s)(?:url\s{0,20}=\s{0,20})?(?P<target>\S.{0,4000})",
    re.IGNORECASE | re.DOTALL,
)
# What a reader is given no time to read is no page. A longer delay is: news sites reload themselves every few minutes.
_AT_ONCE_SECONDS: Final = 1
_SHORT_SECONDS: Final = 10
_LONGEST_SECONDS: Final = 60
_FEW_WORDS: Final = 150
_NO_WORDS: Final = 20


def find_refresh(response: WebResponse) -> str | None:
    """Where the page sends its reader; None when it is one to be read. Raises UnsupportedUrlError."""
    if response.status not in (200, 203):
        return None
    body = response.body[:_LOOKED_AT]
    found = _parsed(response.headers.get("Refresh", "")[:_LOOKED_AT])
    is_for_everybody = found is not None
    if found is None and b"refresh" in body.lower() and b"<" in body:
        everything = body.decode("utf-8", "replace")
        found = _in_page(without_noscript(everything))
        is_for_everybody = found is not None
        found = found if found is not None else _in_page(everything)
    if found is None:
        return None
    seconds, link = found
    words = count_words(response.body[: 4 * _LOOKED_AT].lower())
    if not (
        (is_for_everybody and seconds <= _AT_ONCE_SECONDS)
        or (is_for_everybody and seconds <= _SHORT_SECONDS and words <= _FEW_WORDS)
        or (seconds <= _LONGEST_SECONDS and words <= _NO_WORDS)
    ):
        return None
    target = web_address(link, base=response.url).partition("#")[0]
    # A page that reloads itself leads elsewhere only if it has set a cookie.
    if target == response.url.partition("#")[0] and "Set-Cookie" not in response.headers:
        return None
    return target


def _in_page(page: str) -> tuple[int, str] | None:
    for tag in find_tags(page, _TAGS):
        if tag.attributes.get("http-equiv", "").strip().lower() == "refresh":
            found = _parsed(tag.attributes.get("content", ""))
            if found is not None:
                return found
    return None


def _parsed(content: str) -> tuple[int, str] | None:
    """Seconds and link of `0; url=/there`; None when it names no link."""
    match = _REFRESH.match(content)
    if match is None:
        return None
    target = match["target"].strip()
    quote = target[:1]
    if quote in ("'", '"'):
        target = target[1:].partition(quote)[0].strip()
    return (int(match["seconds"] or 0), target) if target else None


def without_noscript(page: str) -> str:
    """The page without what browsers show only where scripts are off."""
    lowered = page.lower() if page.isascii() else "".join(char.lower() if char.isascii() else char for char in page)
    kept, at = [], 0
    while (start := lowered.find("<noscript", at)) >= 0:
        kept.append(page[at:start])
        end = lowered.find("</noscript", start)
        if end < 0:
            return "".join(kept)
        at = end
    kept.append(page[at:])
    return "".join(kept)
