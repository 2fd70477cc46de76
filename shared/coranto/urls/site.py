"""What a site is called where its pages do not say: readers know it by its host, not by how the page was found."""

from __future__ import annotations

from contextlib import suppress

from coranto.urls.address import host_of
from coranto.urls.errors import UnsupportedUrlError
from coranto.urls.identity import is_saved_page


def site_name(publisher: str | None, url: str, source: str) -> str:
    """What a list shows as the publisher: its name, else the host of the page, else the source that named the page.

    An address in numbers says nothing to a reader. Of a saved page without an address nothing is known, and it is "".
    """
    if publisher:
        return publisher
    if is_saved_page(url):
        return ""
    with suppress(UnsupportedUrlError, UnicodeError):
        host = host_of(url).removeprefix("www.")
        if host and ":" not in host and not host.rpartition(".")[2].isdigit():
            return host.encode("ascii").decode("idna")
    return source
