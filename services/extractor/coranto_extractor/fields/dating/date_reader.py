"""Reads the dates of one page. Its other dates, then its domain, then its language tell whether 3/4/2020 is in April or March."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from itertools import chain, islice

from coranto.records.sections import ArticleDate
from coranto_extractor.language.date_parsing import AUSTRALIAN, make_date, parse_date, parse_date_text
from coranto_extractor.page.blocks import Block

_WITH_SLASHES = re.compile(r"(?<![\d/])(\d{1,2})/(\d{1,2})/((?:19|20)\d{2}|\d{2})(?![\d/])")
# Longer blocks are text, which tells of other times and places.
_MAX_BLOCK_CHARS = 160
# So many dates tell the order; a page may hold thousands.
_MAX_DATES = 100
_MONTHS = 12
_CHARS_OF_COUNTRY = 2
# Domains of countries where the month comes first or either may, and those that are sold all over the world.
_OPEN_ENDINGS = frozenset(
    {"us", "ph", "pr", "gu", "vi", "as", "mp", "mh", "pw", "ca", "bz", "pa"}
    | {"eu", "fm", "me", "tv", "io", "co", "ai", "am", "ly", "to", "cc", "la", "su", "gg", "sh", "ws", "vc", "im", "gl"}
)


@dataclass(frozen=True)
class DateReader:
    """Reads dates as this page writes them."""

    language: str | None
    is_month_first: bool | None
    """None where only the language tells."""

    def stated(self, text: str) -> ArticleDate | None:
        """The date in a machine-readable statement; None when there is none."""
        return parse_date(text, self.language, is_month_first=self.is_month_first)

    def shown(self, text: str) -> ArticleDate | None:
        """The first date in a text for people; None when there is none."""
        return parse_date_text(text, self.language, is_month_first=self.is_month_first)


def date_reader(
    language: str | None,
    host: str | None,
    blocks: Sequence[Block],
    near: Sequence[Block],
    stated: Sequence[str],
    times: Iterator[str],
) -> DateReader:
    """A reader for the page.

    `near`: the blocks around the headline; `stated`: what the metadata state as dates of the article; `times`: the values of time
    elements, which are asked for only where a date can be read in two ways.
    """
    if (host or "").endswith(".au") and (language or "en").partition("-")[0] == "en":
        language = AUSTRALIAN
    texts = [block.text for block in near if len(block.text) <= _MAX_BLOCK_CHARS]
    open_dates = {found for found in _slashed([*texts, *stated]) if found[0] != found[1]}
    if not open_dates:
        return DateReader(language, None)
    short_texts = (block.text for block in blocks if len(block.text) <= _MAX_BLOCK_CHARS)
    numbers = list(islice(_slashed(chain(stated, short_texts)), _MAX_DATES))
    has_day_first = any(first > _MONTHS >= second for first, second, _ in numbers)
    has_month_first = any(second > _MONTHS >= first for first, second, _ in numbers)
    if has_day_first != has_month_first:
        return DateReader(language, has_month_first)
    order = _order_confirmed_by(_certain_days(language, texts, chain(stated, times)), open_dates)
    if order is None:
        ending = (host or "").rpartition(".")[2]
        order = False if len(ending) == _CHARS_OF_COUNTRY and ending not in _OPEN_ENDINGS else None
    return DateReader(language, order)


def _certain_days(language: str | None, texts: Iterable[str], stated: Iterable[str]) -> set[date]:
    """The days that are written in another way."""
    shown = (parse_date_text(text, language) for text in texts if "/" not in text)
    for_machines = (parse_date(text, language) for text in islice(stated, _MAX_DATES) if "/" not in text)
    return {moment.day for moment in chain(shown, for_machines) if moment}


def _slashed(texts: Iterable[str]) -> Iterator[tuple[int, int, int]]:
    for text in texts:
        if "/" in text:
            for match in _WITH_SLASHES.finditer(text[:_MAX_BLOCK_CHARS]):
                year = int(match[3])
                yield int(match[1]), int(match[2]), year if year > 99 else 2000 + year


def _order_confirmed_by(days: AbstractSet[date], open_dates: AbstractSet[tuple[int, int, int]]) -> bool | None:
    """True when the days have an open date read with the month first, False when with the day first; None when both or neither."""
    month_first = any(_day(year, first, second) in days for first, second, year in open_dates)
    day_first = any(_day(year, second, first) in days for first, second, year in open_dates)
    return month_first if month_first != day_first else None


def _day(year: int, month: int, day: int) -> date | None:
    moment = make_date(year, month, day)
    return moment.day if moment else None
