"""The address that an article is at home under: the one its page declares, where that can be believed, or where it came from.

A page may only speak for its own site, and sites make mistakes: many declare their front page, or a section, or a page without
the number of the article. Two records of one article are a smaller fault than one record of two.
"""

from __future__ import annotations

import re

from coranto.domains import is_same_site
from coranto.records import Content
from coranto.urls import Address, UnsupportedUrlError, canonicalize, is_saved_page, parse

# What may stand behind the address of an article in that of another form of it.
_FORM = re.compile(
    r"amp|amphtml|print|printable|printer|print-version|printversion|mobile|m|full|all|single|singlepage|index|default|"
    r"(?:page|p|seite|pagina|strona|sivu)?-?\d{1,3}",
    re.IGNORECASE,
)
_ENDING = re.compile(r"\.(?:s?html?|php|aspx?|jsp)$", re.IGNORECASE)
_NUMBER = re.compile(r"\d{3,}")
_WORDS_IN_SLUG = 3


def address_of(content: Content, page_url: str) -> str:
    """The address for readers, which the article's key and id are made from.

    `page_url` is where the page came from, or the name of a saved page. Raises UnsupportedUrlError when it is no address.
    """
    declared = content.canonical_url
    origin = content.origins.get("canonical_url")
    if is_saved_page(page_url):
        return _canonical_or_none(declared) or page_url
    here = canonicalize(page_url)
    # Many sites give the address of the site, or of a picture of the article, as og:url.
    found = _canonical_or_none(declared) if origin is not None and origin.source == "link" else None
    if found is None or not is_believable(parse(found), parse(here)):
        return here
    # The page came over https, whatever its template says.
    return f"https:{found[5:]}" if here.startswith("https:") and found.startswith("http:") else found


def _canonical_or_none(url: str | None) -> str | None:
    """The address on the web in canonical form; None where there is none, or only that of a site."""
    try:
        canonical = canonicalize(url) if url else None
        return (
            canonical if canonical and parse(canonical).scheme != "file" and not _is_front(parse(canonical)) else None
        )
    except UnsupportedUrlError:
        return None


def is_believable(declared: Address, here: Address) -> bool:
    """Whether the page at `here` may be the article at `declared`, both in canonical form."""
    if not is_same_site(declared.host, here.host):
        return False
    if _is_front(declared) and not _is_front(here):
        return False
    above, path = _segments(declared), _segments(here)
    lost = path[len(above) :]
    is_above = path[: len(above)] == above
    if is_above and not all(_FORM.fullmatch(_ENDING.sub("", segment)) for segment in lost):
        return False
    return not _loses_number(declared, here)


def _is_front(address: Address) -> bool:
    return not _segments(address) and address.query is None and address.fragment is None


def _segments(address: Address) -> list[str]:
    return [segment for segment in address.path.split("/") if segment]


def _loses_number(declared: Address, here: Address) -> bool:
    """Whether a query told this page from others of its kind, and the declared address has nothing that does."""
    if here.query is None or declared.query is not None:
        return False
    values = [pair.partition("=")[2] for pair in here.query.split("&")]
    names_article = any(
        _NUMBER.search(segment) or segment.count("-") + segment.count("_") + 1 >= _WORDS_IN_SLUG
        for segment in _segments(declared)
    )
    return not names_article and any(_NUMBER.search(value) for value in values)
