"""Inputs that no one foresaw, for what reads strangers' pages and feeds, and a run over many of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Input = TypeVar("Input")

LONGEST_SECONDS = 0.5

ODD_TEXTS = (
    "", " ", "\x00", "\ud800", "Boats \ud83d", "\u202e\ufeff", "²", "٣٤", "1" * 5000, "-1", "1e999", "NaN", "true", "100%",
    "http://\ud800.example/", "http://paper.example/\udc00", "http://[", "http://[::1", "//", "javascript:", "data:,",
    "http://xn--\u200d/", "http://\u2100/", "http://a\uff0fb/", "http://0" * 300, "http://paper.example:99999/", "?", "#",
    "2026-05-01T10:00:00Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+14:00", "10000-01-01", "2026-02-30",
    "2026-01-01T25:61:61Z", "2026-01-01T00:00:00+9999", "0000-00-00", "99999999999999999999999999",
    "Wed, 21 Oct 2026 07:28:00 +99999999999999999999", "06/31/2026 24:00", "99999999999 years ago",
    "&#xD800;", "&#x110000;", "&#99999999999999999999;", "&lt;b&gt;", "<![CDATA[", "]]>", "<!--", "</script>", "<p>" * 300,
    "\\", "'", '"', "\r\n", "Лодка на реке", "船", "By Anna Body", "Photo: Reuters",
)  # fmt: skip

TEXTS = st.one_of(
    st.sampled_from(ODD_TEXTS),
    st.lists(st.sampled_from(ODD_TEXTS), min_size=2, max_size=3).map("".join),
    st.text(st.characters(codec=None), max_size=12),
)
"""Texts, with halves of pairs among them."""

JSON_VALUES = st.recursive(
    st.one_of(
        TEXTS,
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.sampled_from((10**400, -(10**400), 10**13, 1e308, 1.7e12)),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(("name", "url", "@id", "\ud800", "")), inner, max_size=3),
    ),
    max_leaves=4,
)
"""Whatever JSON can say."""


def places(document: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where in the document a value stands."""
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [*([path] if path else []), *(place for key, value in inner for place in places(value, (*path, key)))]


def with_value(document: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """The document with this value at that place."""
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = with_value(copy[path[0]], path[1:], value)
    return copy


def changed(document: Any) -> st.SearchStrategy[Any]:
    """The document, with one or two values that nobody expects there."""
    change = st.tuples(st.sampled_from(places(document)), JSON_VALUES)

    def apply(changes: list[tuple[tuple[str | int, ...], Any]]) -> Any:
        # The longer path first: what stands above may be gone afterwards.
        result = document
        for path, value in sorted(changes, key=lambda one: -len(one[0])):
            result = with_value(result, path, value)
        return result

    return st.lists(change, min_size=1, max_size=2).map(apply)


def _seconds(target: Callable[[Input], None], one: Input) -> float:
    started = time.thread_time()
    target(one)
    return time.thread_time() - started


def tried(
    target: Callable[[Input], None], inputs: st.SearchStrategy[Input], examples: int, *, derandomize: bool
) -> None:
    """Give the target so many inputs; each must end, and soon."""

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=derandomize,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(inputs)
    def run(one: Input) -> None:
        # Twice before it counts as slow: the garbage of ten thousand examples may be collected meanwhile.
        assert _seconds(target, one) < LONGEST_SECONDS or _seconds(target, one) < LONGEST_SECONDS

    run()
