"""Reads the start tags of a page that nobody has parsed, in time that grows with the page and with nothing else.

Enough for the few tags that say where a page leads and what may be done with it. Measured on the hostile pages of
`tests/shared/http/test_html_attributes.py`, neither of the usual parsers could take its place: html.parser is quadratic
on a dozen of them (unclosed tags, comments, declarations), libxml2 on tags with very many attributes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.entities import html5
from typing import Final

_MOST_ATTRIBUTES: Final = 100
_LONGEST_VALUE: Final = 4000

_MARKUP: Final = re.compile(r"<(?:(?P<comment>!--)|(?P<name>[a-z][^\s/>]*))", re.IGNORECASE)
# Quoted values are not part of it: the second quote of one that is never closed would be looked for from every place.
_ATTRIBUTE: Final = re.compile(r"[\s/]*(?:(?P<end>>)|(?P<name>=?[^\s/>=]*)(?P<equals>\s*=\s*)?)")
_BARE_VALUE: Final = re.compile(r"[^\s>]*")
# In attributes `&reg=` and `&region` are not references, although they begin like one (WHATWG HTML, 13.2.5.73).
_REFERENCE: Final = re.compile(r"&(?:#\d{1,7}|#x[\da-f]{1,6}|[a-z][a-z\d]{1,31})(?:;|(?![a-z\d=]))", re.IGNORECASE)
_END_OF_RAW_TEXT: Final = {
    name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in ("script", "style", "textarea", "title")
}


@dataclass(frozen=True, slots=True)
class StartTag:
    """A start tag; names are in lower case, values without character references."""

    name: str
    attributes: dict[str, str]
    """Of an attribute that stands twice, the first."""


def find_tags(page: str, names: frozenset[str]) -> Iterator[StartTag]:
    """The start tags with these names, in the order of the page, outside of comments, scripts and styles.

    What is never closed (a tag, a comment, a quoted value) reaches to the end of the page, as in browsers.
    """
    at = 0
    while (match := _MARKUP.search(page, at)) is not None:
        if match["comment"] is not None:
            # `<!-->` and `<!--->` are whole comments (WHATWG HTML, 13.2.5.43).
            closing = page.find("-->", match.end() - 2)
            if closing < 0:
                return
            at = closing + len("-->")
            continue
        name = match["name"].lower()
        attributes, end = _read_attributes(page, match.end())
        if end is None:
            return
        if name in names:
            yield StartTag(name, attributes)
        at = end
        if name in _END_OF_RAW_TEXT:
            end_tag = _END_OF_RAW_TEXT[name].search(page, at)
            if end_tag is None:
                return
            at = end_tag.end()


def _read_attributes(page: str, at: int) -> tuple[dict[str, str], int | None]:
    """The attributes of the tag whose name ends here, and the place after the tag; None when it is never closed."""
    found: dict[str, str] = {}
    while True:
        match = _ATTRIBUTE.match(page, at)
        if match is None or match.end() == at:
            return found, None
        at = match.end()
        if match["end"] is not None:
            return found, at
        value = ""
        if match["equals"] is not None:
            quote = page[at : at + 1]
            if quote in ('"', "'"):
                end = page.find(quote, at + 1)
                if end < 0:
                    return found, None
                start, at = at + 1, end + 1
            else:
                bare = _BARE_VALUE.match(page, at)
                start, end = at, bare.end() if bare is not None else at
                at = end
            value = page[start : min(end, start + _LONGEST_VALUE)]
        name = match["name"]
        if name and len(found) < _MOST_ATTRIBUTES:
            found.setdefault(name[:_LONGEST_VALUE].lower(), _REFERENCE.sub(_resolved, value))


def _resolved(reference: re.Match[str]) -> str:
    text = reference[0]
    is_whole = text.endswith(";") or text[1] == "#" or text[1:] in html5
    return html.unescape(text) if is_whole else text
