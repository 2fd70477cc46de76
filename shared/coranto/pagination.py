"""Addresses of the parts of an article that is spread over several pages.

Both the fetcher, which gets the parts, and the extractor, which names the next one, ask here.
"""

from __future__ import annotations

import re
from typing import Final

from coranto.urls import UnsupportedUrlError, canonicalize, parse

_PART_PARAMETERS: Final = frozenset(
    {"page", "pg", "paged", "pagenum", "seite", "pagina", "part", "teil", "sida", "strona"}
)
_PART_IN_PATH: Final = re.compile(
    r"(?:/(?:page|seite|pagina|part|teil)|[-_,.](?:page|seite|part|teil))?[/\-_,.](\d{1,2})"
)
_SUFFIX: Final = re.compile(r"\.[A-Za-z]{3,5}$")
_NAMED_FIRST: Final = ("/1", "-1", "_1", ",1")
_WORDS_OF_A_SLUG: Final = 3


def follows(url: str, own: str, first: str) -> bool:
    """True when `url` is the part after `own` of the article that begins at `first`; False where one is no address."""
    try:
        return part_number(url, first) == (part_number(own, first) or 1) + 1
    except UnsupportedUrlError:
        return False


def part_number(url: str, first: str) -> int | None:
    """Which part of a paginated article `url` is, when `first` is the address of its first page; None when it is none.

    A part repeats the first page's address and adds a number to it: `/story/2`, `/story-2.html`, `/story?page=2`. The
    address must look like an article's: `/news` and `/news/page/2` are a list and its continuation. Raises
    UnsupportedUrlError when one of them is no address.
    """
    here, start = parse(canonicalize(url)), parse(canonicalize(first))
    if here.origin != start.origin or not _is_slug(start.path):
        return None
    if here.path == start.path:
        return _number_in_query(here.query, start.query)
    if here.query != start.query:
        return None
    stem, suffix = _stem_and_suffix(start.path)
    own_stem, own_suffix = _stem_and_suffix(here.path)
    if stem.endswith(_NAMED_FIRST) and _is_slug(stem[:-2]):
        stem = stem[:-2]
    if own_suffix not in (suffix, "") or not own_stem.startswith(stem):
        return None
    match = _PART_IN_PATH.fullmatch(own_stem[len(stem) :])
    return int(match[1]) if match else None


def _is_slug(path: str) -> bool:
    """True for the path of an article: its last segment has a number, a suffix or several words."""
    last = path.rstrip("/").rpartition("/")[2]
    return bool(re.search(r"\d", last) or _SUFFIX.search(last)) or len(re.split(r"[-_]", last)) >= _WORDS_OF_A_SLUG


def _stem_and_suffix(path: str) -> tuple[str, str]:
    path = path.rstrip("/")
    match = _SUFFIX.search(path)
    return (path[: match.start()], match[0].lower()) if match else (path, "")


def _number_in_query(query: str | None, first: str | None) -> int | None:
    pairs, expected = (
        [(name, value) for name, _, value in (pair.partition("=") for pair in (text or "").split("&")) if name]
        for text in (query, first)
    )
    numbers = [value for name, value in pairs if name.lower() in _PART_PARAMETERS]
    rest, first_rest = (
        [pair for pair in each if pair[0].lower() not in _PART_PARAMETERS] for each in (pairs, expected)
    )
    if len(numbers) == 1 and rest == first_rest and re.fullmatch(r"\d{1,2}", numbers[0]):
        return int(numbers[0])
    return None
