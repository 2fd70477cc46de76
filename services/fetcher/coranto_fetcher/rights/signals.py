"""What a site says about the use of a page: recorded always, and obeyed where the operator wants it.

Whoever uses an article can read the signals in its record. A policy names the uses that the operator has in mind; a page
that is reserved against one of them is not taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal, get_args

from multidict import CIMultiDictProxy

from coranto.http.page.html_attributes import find_tags
from coranto.http.robots.rules import agent_names
from coranto_fetcher.response.headers import LONGEST_READ, LONGEST_VALUE, MOST_VALUES, printable

Reservation = Literal[
    "noarchive", "noindex", "nosnippet", "noai", "tdm", "train-ai", "ai-input", "search", "bots"
]  # fmt: skip
"""What a page can be reserved against."""

RESERVATIONS: Final[tuple[Reservation, ...]] = get_args(Reservation)

_MOST_SIGNALS: Final = 20
_HEAD_BYTES: Final = 65_536
_META: Final = frozenset({"meta"})

# Words in robots directives that are about use, not about crawling.
_USE_WORDS: Final = re.compile(
    r"\b(?:no-?ai|no-?imageai|no-?ml|noarchive|nocache|nosnippet|noindex|none|max-snippet|unavailable_after)\b",
    re.IGNORECASE,
)
_DIRECTIVES: Final[dict[str, Reservation]] = {
    "noarchive": "noarchive", "nocache": "noarchive", "noindex": "noindex", "none": "noindex", "nosnippet": "nosnippet",
    "noai": "noai", "no-ai": "noai", "noimageai": "noai", "no-imageai": "noai", "noml": "noai", "no-ml": "noai",
}  # fmt: skip
# Keys of Content-Usage (IETF AIPREF) and of Content-Signal, with what they are called here.
_USES: Final[dict[str, Reservation]] = {
    "train-ai": "train-ai", "train-genai": "train-ai", "ai-train": "train-ai", "ai": "train-ai", "genai": "train-ai",
    "ai-input": "ai-input", "ai-use": "ai-input", "search": "search", "bots": "bots", "tdm": "tdm",
}  # fmt: skip
_PREFERENCE: Final = re.compile(r"([a-z][a-z\-]{0,30})\s{0,5}=\s{0,5}([a-z0-9?]{1,10})", re.IGNORECASE)
_AGENT_PREFIX: Final = re.compile(r"\s{0,20}([A-Za-z][\w\-]{0,50})\s{0,5}:")
_WITH_VALUES: Final = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})


def rights_signals(
    headers: CIMultiDictProxy[str],
    in_page: Iterable[str] = (),
    content_signals: Iterable[str] = (),
    *,
    content_usage: Iterable[str] = (),
    for_site: Iterable[str] = (),
) -> tuple[str, ...]:
    """What headers, page, robots.txt and the site's TDM file say about the page's use, such as `x-robots-tag: noai`."""
    tags = (value[:LONGEST_READ] for value in headers.getall("x-robots-tag", ())[:MOST_VALUES])
    found = [f"x-robots-tag: {value}" for value in tags if _USE_WORDS.search(value)]
    found += [f"{name}: {headers[name]}" for name in ("tdm-reservation", "tdm-policy") if name in headers]
    for name, from_robots in (("content-signal", content_signals), ("content-usage", content_usage)):
        found += [f"{name}: {value}" for value in (*headers.getall(name, ())[:MOST_VALUES], *from_robots)]
    found += in_page
    # What a page says of itself goes before what is said of the whole site (TDMRep, 8).
    if not any(signal.startswith("tdm-reservation:") for signal in found):
        found += for_site
    return tuple(dict.fromkeys(printable(signal)[:LONGEST_VALUE] for signal in found))[:_MOST_SIGNALS]


def rights_in_page(body: bytes) -> tuple[str, ...]:
    """What the page's head says about its use. Call it off the event loop: anybody may have written the page."""
    found = []
    for tag in find_tags(body[:_HEAD_BYTES].decode("utf-8", "replace"), _META):
        name = tag.attributes.get("name", "").strip().lower()
        value = tag.attributes.get("content", "").strip()
        if name in ("tdm-reservation", "tdm-policy") and value:
            found.append(f"{name}: {value}")
        elif name == "robots" and _USE_WORDS.search(value):
            found.append(f"meta robots: {value}")
    return tuple(printable(signal)[:LONGEST_VALUE] for signal in found[:_MOST_SIGNALS])


def find_reservation(signals: Iterable[str], obeyed: Iterable[Reservation], agent: str) -> str | None:
    """The first signal that reserves the page against one of these uses; None where they are all left open."""
    wanted = frozenset(obeyed)
    if not wanted:
        return None
    names = agent_names(agent)
    return next((signal for signal in signals if not wanted.isdisjoint(_reserved_by(signal, names))), None)


def _reserved_by(signal: str, names: list[str]) -> Iterator[Reservation]:
    source, _, value = signal.partition(":")
    if source in ("x-robots-tag", "meta robots"):
        prefix = _AGENT_PREFIX.match(value)
        if prefix is not None and prefix[1].lower() not in _WITH_VALUES:
            if prefix[1].lower() not in names:
                return  # it is said to somebody else
            value = value[prefix.end() :]
        for word in re.split(r"[\s,;]+", value.lower()):
            if word in _DIRECTIVES:
                yield _DIRECTIVES[word]
    elif source == "tdm-reservation":
        if value.strip() == "1":
            yield "tdm"
    elif source in ("content-signal", "content-usage"):
        for key, answer in _PREFERENCE.findall(value):
            if key.lower() in _USES and answer.lower() in ("n", "no", "?0"):
                yield _USES[key.lower()]
