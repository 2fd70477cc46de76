"""A filter that was read once, and answers for each record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from coranto.filter.fields import FIELDS, Kind
from coranto.filter.language import All, AnyOf, Missing, Node, Not, Test, read
from coranto.folding import fold
from coranto.records import FinishedArticle

Predicate = Callable[[FinishedArticle], bool]


@dataclass(frozen=True)
class Filter:
    """Which articles are meant. Call it with an article; two are equal when they ask the same."""

    tree: Node
    text: str = field(compare=False)
    """As it was written."""
    _predicate: Predicate = field(compare=False, repr=False)

    def __call__(self, article: FinishedArticle) -> bool:
        """Whether the article is meant."""
        return self._predicate(article)


def compile_filter(text: str) -> Filter:
    """The filter. Raises FilterError, which says where it is wrong and why."""
    tree = read(text)
    return Filter(tree, text, _predicate_of(tree))


def _predicate_of(node: Node) -> Predicate:
    match node:
        case All(parts):
            every = [_predicate_of(part) for part in parts]
            return lambda article: all(holds(article) for holds in every)
        case AnyOf(parts):
            some = [_predicate_of(part) for part in parts]
            return lambda article: any(holds(article) for holds in some)
        case Not(part):
            inner = _predicate_of(part)
            return lambda article: not inner(article)
        case Missing(name):
            reading = FIELDS[name].read
            return lambda article: all(value is None for value in reading(article))
        case Test():
            return _test(node)


def _test(test: Test) -> Predicate:
    described = FIELDS[test.field]
    read_values, holds = described.read, _comparison(test, described.kind)
    if described.kind in ("time", "number", "flag", "topic"):
        return lambda article: any(value is not None and holds(value) for value in read_values(article))
    return lambda article: any(value is not None and holds(fold(str(value))) for value in read_values(article))


def _comparison(test: Test, kind: Kind) -> Callable[[Any], bool]:
    """Compares one value, text folded."""
    values = frozenset(test.values)
    # Of all but equality there is one value.
    (wanted, *_) = test.values
    given: Any = wanted
    match test.operation:
        case "equals":
            return lambda value: value in values
        case "less":
            return lambda value: bool(value < given)
        case "less_or_equal":
            return lambda value: bool(value <= given)
        case "greater":
            return lambda value: bool(value > given)
        case "greater_or_equal":
            return lambda value: bool(value >= given)
        case "contains":
            return lambda value: given in value
        case "startswith":
            return lambda value: bool(value.startswith(given))
        case "under":
            separator = "-" if kind == "language" else "."
            if kind == "language":
                return lambda value: value == given or bool(value.startswith(given + separator))
            return lambda value: value == given or bool(value.endswith(separator + given))
