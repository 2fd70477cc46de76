"""The page of filters: their grammar, and the fields that they may ask about."""

from __future__ import annotations

from typing import Final

from coranto.filter import language
from coranto.filter.fields import FIELDS, Kind
from generate.markdown import block, code, page, table

_INTRODUCTION: Final = """
A filter says in one line which articles are wanted. It is the same for `coranto.subscribe(where=…)`, for the gateway's
`/v1/stream` and `/v1/articles`, and in Python: `coranto.filter.compile_filter(text)` gives a function of a record.
"""

_EXAMPLES: Final = """
language == 'ru' and topic.under('medtop:11000000')
host.under('example.org') and not story_role in ('copy', 'excerpt')
(person == 'Ursula von der Leyen' or title.contains('Brussels')) and published >= '2026-03-01'
author == none and publisher != none
"""

_RULES: Final = """
- Text is compared without regard to case, and `ё` is `е`.
- A field with several values, such as `topic` or `person`, compares as soon as one of them does: `tag == 'a' and tag == 'b'`
  wants both.
- What an article lacks compares with nothing: `publisher == 'x'` does not hold where there is no publisher, and
  `publisher != 'x'` does. `publisher == none` asks for just that.
- `and` binds closer than `or`, `not` closer than both; brackets group.
- A day or time without a zone is in UTC.
- A wrong filter is refused, with the place and the reason.
"""

_ABLE: Final[dict[Kind, str]] = {
    "text": "`==` `!=` `in` `.contains` `.startswith`",
    "texts": "`==` `!=` `in` `.contains` `.startswith`",
    "host": "`==` `!=` `in` `.contains` `.startswith` `.under`",
    "language": "`==` `!=` `in` `.contains` `.startswith` `.under`",
    "topic": "`==` `!=` `in` `.under`",
    "time": "`==` `!=` `in` `<` `<=` `>` `>=`",
    "number": "`==` `!=` `in` `<` `<=` `>` `>=`",
    "flag": "`==` `!=` `in`",
}


def render() -> str:
    """The page."""
    grammar = (language.__doc__ or "").partition("\n\n")[2].rstrip()
    return page(
        "Filters",
        _INTRODUCTION,
        block(_EXAMPLES.strip(), "text"),
        "## Rules",
        _RULES.strip(),
        "## Fields",
        table(
            ("field", "compares with", "meaning"),
            ((code(name), _ABLE[field.kind], field.meaning) for name, field in FIELDS.items()),
        ),
        "## Grammar",
        block(grammar, "text"),
        source="`coranto.filter`",
    )
