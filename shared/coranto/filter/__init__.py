"""Filters: which articles a program wants, in one line such as `language == 'ru' and topic.under('medtop:11000000')`.

One language for subscriptions, streams, lists and feeds. `compile_filter` reads it once; what comes of it is called with
records, and the article store turns the same into SQL.
"""

from coranto.filter.compiled import Filter, compile_filter
from coranto.filter.language import FilterError, quote

__all__ = ["Filter", "FilterError", "compile_filter", "quote"]
