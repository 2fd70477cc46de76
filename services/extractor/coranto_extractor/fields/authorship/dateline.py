"""Finds the agency in the dateline, such as Reuters in “LONDON (Reuters) -”."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from coranto.agencies import byline_names
from coranto_extractor.fields.authorship.east_asian_bylines import agency_of_dateline
from coranto_extractor.language import phrase_lists

_DATELINE = re.compile(
    r"^(?P<town>[^\W\d_][\w\s.,'’/-]{1,60}?)?\s{0,2}"
    r"(?:\((?P<in_brackets>[^()]{2,40})\)|/(?P<in_slashes>[^/]{2,40})/"
    r"|(?:[—–-]|\.)\s{1,2}(?P<behind_dash>[^\W\d_][\w\s«»-]{1,30}?)\s{0,2}[.,—–-])\s{0,2}[—–-]?\s"
)
_MAX_DATELINE_CHARS = 140
# Some pages have a caption or a summary above the dateline.
_SEARCHED_LINES = 2
_MAX_AGENCY_WORDS = 3


def find_dateline_agency(texts: Sequence[str], organisations: Sequence[str] = ()) -> str | None:
    """The agency in the dateline; None when there is none.

    `organisations`: those that the page names as its maker or source. Any other unknown name is accepted only when the
    dateline also gives a day.
    """
    for text in texts[:_SEARCHED_LINES]:
        if in_brackets := agency_of_dateline(text):
            return in_brackets
        match = _DATELINE.match(text[:_MAX_DATELINE_CHARS])
        if match:
            name = (match["in_brackets"] or match["in_slashes"] or match["behind_dash"] or "").strip()
            agency = byline_names().get(name.casefold())
            if agency:
                return agency
            if name in organisations or (_contains_day(match["town"] or "") and _may_be_agency(name)):
                return name
    return None


def _contains_day(town: str) -> bool:
    """True when a number and the name of a month stand side by side: “BERLIN, Jan 5”."""
    words = [word.strip(".,").casefold() for word in town.split()]
    months = phrase_lists.month_names(None)
    return any(
        (one.isdigit() and other in months) or (other.isdigit() and one in months) for one, other in pairwise(words)
    )


def _may_be_agency(name: str) -> bool:
    words = name.split()
    return 0 < len(words) <= _MAX_AGENCY_WORDS and all(word.isalpha() and word[0].isupper() for word in words)
