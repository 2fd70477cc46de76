"""Reads a filter: from text to a tree, with the place of whatever is wrong.

filter     = any
any        = all { "or" all }
all        = one { "and" one }
one        = "not" one | "(" any ")" | test
test       = FIELD operator value
           | FIELD ["not"] "in" "(" value { "," value } ")"
           | FIELD "." method "(" value ")"
operator   = "==" | "!=" | "<" | "<=" | ">" | ">="
method     = "contains" | "startswith" | "under"
value      = 'text' | "text" | NUMBER | "true" | "false" | "none"
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Final, Literal

from coranto.filter.fields import FIELDS, Kind, Value, to_the_millisecond
from coranto.folding import fold
from coranto.media_topics import UnknownTopicError, codes_below, codes_named

_LONGEST: Final = 4000
_DEEPEST: Final = 50
_MOST_TESTS: Final = 200

Operation = Literal["equals", "less", "less_or_equal", "greater", "greater_or_equal", "contains", "startswith", "under"]


class FilterError(ValueError):
    """The filter cannot be understood. The text says where and why; `position` counts characters from 0."""

    def __init__(self, text: str, position: int, why: str) -> None:
        line_start = text.rfind("\n", 0, position) + 1
        line_end = text.find("\n", position)
        line = text[line_start : line_end if line_end >= 0 else len(text)]
        first = max(0, position - line_start - 40)
        shown = line[first : first + 80]
        super().__init__(
            f"the filter is wrong at character {position + 1}: {why}\n  {shown}\n  {' ' * (position - line_start - first)}^"
        )
        self.position = position
        self.why = why


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of the parts holds."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Node


@dataclass(frozen=True, slots=True)
class Missing:
    """The article lacks the field."""

    field: str


@dataclass(frozen=True, slots=True)
class Test:
    """One of the field's values compares so with one of the values given."""

    field: str
    operation: Operation
    values: tuple[Value, ...]
    """Text folded, times in UTC, topics as codes."""


Node = All | AnyOf | Not | Missing | Test

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<string>'(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*")
      | (?P<number>-?\d+)
      | (?P<word>[^\W\d]\w*)
      | (?P<sign>==|!=|<=|>=|<|>|\(|\)|,|\.)""",
    re.VERBOSE | re.DOTALL,
)
_COMPARISONS: Final[dict[str, Operation]] = {
    "==": "equals",
    "<": "less",
    "<=": "less_or_equal",
    ">": "greater",
    ">=": "greater_or_equal",
}
_METHODS: Final[dict[str, tuple[Kind, ...]]] = {
    "contains": ("text", "texts", "host", "language"),
    "startswith": ("text", "texts", "host", "language"),
    "under": ("topic", "host", "language"),
}
_ORDERED: Final[tuple[Kind, ...]] = ("time", "number")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def read(text: str) -> Node:
    """The filter as a tree. Raises FilterError."""
    if len(text) > _LONGEST:
        raise FilterError(text, _LONGEST, f"a filter has {_LONGEST} characters at most, this one has {len(text)}")
    return _Reader(text).read()


def quote(text: str) -> str:
    """The text as a filter holds it, in quotes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0
        self._tests = 0

    def read(self) -> Node:
        node = self._any()
        if self._next.kind != "end":
            raise self._wrong(self._next, "expected `and`, `or` or the end")
        return node

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._tokens[self._at]
        if token.kind != "end":
            self._at += 1
        return token

    def _takes(self, text: str) -> bool:
        """Take the next token if it is this word or sign."""
        if self._next.kind in ("word", "sign") and self._next.text == text:
            self._at += 1
            return True
        return False

    def _expect(self, sign: str) -> None:
        if not self._takes(sign):
            raise self._wrong(self._next, f"expected `{sign}`")

    def _any(self) -> Node:
        parts = [self._all()]
        while self._takes("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _all(self) -> Node:
        parts = [self._one()]
        while self._takes("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _one(self) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise FilterError(self._text, self._next.at, f"brackets and `not` go {_DEEPEST} deep at most")
        if self._takes("not"):
            node: Node = Not(self._one())
        elif self._takes("("):
            node = self._any()
            self._expect(")")
        else:
            node = self._test()
        self._depth -= 1
        return node

    def _test(self) -> Node:
        self._tests += 1
        if self._tests > _MOST_TESTS:
            raise FilterError(self._text, self._next.at, f"a filter has {_MOST_TESTS} comparisons at most")
        token = self._take()
        if token.kind != "word":
            raise self._wrong(token, "expected a field, such as `language`, or `not` or `(`")
        if token.text not in FIELDS:
            near = get_close_matches(token.text, FIELDS, n=1)
            meant = f"did you mean `{near[0]}`?" if near else f"the fields are {', '.join(FIELDS)}"
            raise FilterError(self._text, token.at, f"there is no field `{token.text[:50]}`; {meant}")
        field, kind = token.text, FIELDS[token.text].kind
        if self._takes("."):
            return self._method(field, kind)
        if self._takes("in"):
            return self._one_of(field, kind)
        if self._next.text == "not" and self._next.kind == "word":
            self._take()
            self._expect("in")
            return Not(self._one_of(field, kind))
        return self._comparison(field, kind)

    def _comparison(self, field: str, kind: Kind) -> Node:
        operator = self._take()
        if operator.kind != "sign" or operator.text not in (*_COMPARISONS, "!="):
            raise self._wrong(operator, f"expected `==`, `!=`, `in` or another comparison of `{field}`")
        if operator.text not in ("==", "!=") and kind not in _ORDERED:
            raise FilterError(self._text, operator.at, f"`{field}` has no order: only `==`, `!=` and `in` compare it")
        if self._takes("none"):
            if operator.text not in ("==", "!="):
                raise FilterError(self._text, operator.at, "`none` is only compared with `==` and `!=`")
            return Missing(field) if operator.text == "==" else Not(Missing(field))
        values = self._value(field, kind)
        if operator.text == "!=":
            return Not(Test(field, "equals", values))
        return Test(field, _COMPARISONS[operator.text], values)

    def _one_of(self, field: str, kind: Kind) -> Node:
        self._expect("(")
        values = list(self._value(field, kind))
        while self._takes(","):
            if self._next.text == ")":
                break
            values += self._value(field, kind)
        self._expect(")")
        return Test(field, "equals", tuple(dict.fromkeys(values)))

    def _method(self, field: str, kind: Kind) -> Node:
        token = self._take()
        if token.kind != "word" or token.text not in _METHODS:
            raise self._wrong(token, f"expected one of {', '.join(f'`{name}`' for name in _METHODS)}")
        if kind not in _METHODS[token.text]:
            able = ", ".join(f"`{name}`" for name, each in FIELDS.items() if each.kind in _METHODS[token.text])
            raise FilterError(self._text, token.at, f"`{field}` has no `{token.text}`; these have: {able}")
        self._expect("(")
        at = self._next.at
        if token.text == "under" and kind == "topic":
            values: tuple[Value, ...] = self._topics(codes_below)
        else:
            values = self._value(field, kind)
        if values == ("",):
            raise FilterError(self._text, at, f"`{token.text}` of an empty text would hold for everything")
        self._expect(")")
        if kind == "topic":
            return Test(field, "equals", values)
        operation: Operation = token.text  # type: ignore[assignment]  # a key of _METHODS
        return Test(field, operation, values)

    def _value(self, field: str, kind: Kind) -> tuple[Value, ...]:
        if kind == "topic":
            return self._topics(codes_named)
        token = self._take()
        match kind, token.kind:
            case "number", "number":
                return (self._number(token),)
            case "flag", "word" if token.text in ("true", "false"):
                return (token.text == "true",)
            case "time", "string":
                return (self._time(token),)
            case "text" | "texts" | "host" | "language", "string":
                return (fold(_unquoted(token.text)),)
        wanted = {
            "number": "a whole number",
            "flag": "`true` or `false`",
            "time": "a day or time in quotes, such as '2026-03-14'",
        }.get(kind, "a text in quotes")
        raise self._wrong(token, f"`{field}` is compared with {wanted}")

    def _topics(self, find: Callable[[str], list[str]]) -> tuple[str, ...]:
        token = self._take()
        if token.kind != "string":
            raise self._wrong(token, "`topic` is compared with a code or name in quotes, such as 'medtop:11000000'")
        try:
            return tuple(find(_unquoted(token.text)))
        except UnknownTopicError as error:
            raise FilterError(self._text, token.at, str(error)) from error

    def _number(self, token: _Token) -> int:
        number = int(token.text) if len(token.text) < 18 else None
        if number is None:
            raise FilterError(self._text, token.at, "the number has too many digits")
        return number

    def _time(self, token: _Token) -> datetime:
        try:
            moment = datetime.fromisoformat(_unquoted(token.text))
            return to_the_millisecond(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))
        except (ValueError, OverflowError) as error:
            why = f"expected a day or time such as '2026-03-14' or '2026-03-14T12:00+03:00', got {token.text[:50]}"
            raise FilterError(self._text, token.at, why) from error

    def _wrong(self, token: _Token, expected: str) -> FilterError:
        seen = "the end" if token.kind == "end" else f"`{token.text[:50]}`"
        return FilterError(self._text, token.at, f"{expected}, got {seen}")


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            why = "the quotes are not closed" if text[at] in "'\"" else f"`{text[at]}` has no meaning here"
            raise FilterError(text, at, why)
        if match.lastgroup != "space":
            found.append(_Token(str(match.lastgroup), match[0], at))
        at = match.end()
    return [*found, _Token("end", "", len(text))]


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
