"""Finds the day in an article's URL."""

from __future__ import annotations

import re

from coranto.records.sections import ArticleDate
from coranto_extractor.language.date_parsing import make_date

# /2020/5/1/ or /2020-05/01/, /2020/0501/, 20200501. A month or day of one digit counts only between equal separators.
_IN_URL = re.compile(
    r"(?<!\d)(?P<year>(?:19|20)\d{2})(?:"
    r"(?P<separator>[/\-_.])(?P<month>0?[1-9]|1[0-2])(?P=separator)(?P<day>0?[1-9]|[12]\d|3[01])"
    r"|[/\-_.]?(?P<full_month>0[1-9]|1[0-2])[/\-_.]?(?P<full_day>0[1-9]|[12]\d|3[01]))(?!\d)"
)
_DAY_FIRST_IN_URL = re.compile(r"/(0[1-9]|[12]\d|3[01])[-_.](0[1-9]|1[0-2])[-_.]((?:19|20)\d{2})(?!\d)")


def date_in_url(url: str | None) -> ArticleDate | None:
    """The day in the URL, as in /2020/05/01/; None when there is none."""
    if not url:
        return None
    path = url.split("//", 1)[-1].partition("/")[2].split("?", 1)[0]
    day_first = _DAY_FIRST_IN_URL.search("/" + path)
    if day_first:
        return make_date(int(day_first.group(3)), int(day_first.group(2)), int(day_first.group(1)))
    for match in _IN_URL.finditer("/" + path):
        month, day = match["month"] or match["full_month"], match["day"] or match["full_day"]
        moment = make_date(int(match["year"]), int(month), int(day))
        # Eight digits without separators may be the number of an article, unless they stand alone.
        if moment and (
            re.search(r"\D", match.group(0)) or re.search(r"(?:^|/|[-_])" + match.group(0) + r"(?:/|[-_.]|$)", path)
        ):
            return moment
    return None
