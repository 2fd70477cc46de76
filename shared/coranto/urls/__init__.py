"""Addresses as identities: one spelling for every way of writing the same URL.

`parse` reads an address the way browsers do, `canonicalize` goes on to one spelling that can still be fetched, and `key_of` to the
one an article's id is made from. All are pure and use the standard library only, so that every program that submits or looks up an
article comes to the same id. Whether an address may be fetched is not decided here. `docs/reference/urls.md` has the
rules in words.
"""

from coranto.urls.address import DEFAULT_PORTS, MAX_URL_CHARS, Address, host_of, join, parse
from coranto.urls.errors import UnsupportedUrlError
from coranto.urls.identity import (
    SAVED_PAGE_PREFIX,
    TRACKING_PARAMETERS,
    TRACKING_PREFIXES,
    canonicalize,
    is_saved_page,
    key_of,
)
from coranto.urls.site import site_name

__all__ = [
    "DEFAULT_PORTS",
    "MAX_URL_CHARS",
    "SAVED_PAGE_PREFIX",
    "TRACKING_PARAMETERS",
    "TRACKING_PREFIXES",
    "Address",
    "UnsupportedUrlError",
    "canonicalize",
    "host_of",
    "is_saved_page",
    "join",
    "key_of",
    "parse",
    "site_name",
]
