"""Finds the rules of a module, changes them one at a time, and tells on which pages a change can matter.

Each number is halved and doubled. Each regular expression is made to match nothing, also one that a function makes from lists of
words; each collection is emptied; each function that may answer no, nothing or none always does.

A rule is watched on each page first: a change of a number that turns no comparison, or of an expression that does not match, leaves
the page as it is. So most of the runs need not be made.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from coranto_extractor.language import phrase_lists

_NEVER = re.compile(r"(?!)")
_PACKAGE = "coranto_extractor"
_NUMBER_CHANGES: dict[str, Callable[[float], float]] = {
    "halved": lambda value: value / 2,
    "doubled": lambda value: value * 2,
}
_EMPTY: dict[str, Callable[[], Any]] = {
    "bool": bool, "list": list, "set": set, "dict": dict, "Iterator": lambda: iter(()), "Sequence": tuple, "tuple": tuple,
}  # fmt: skip
_COLLECTIONS = (str, list, tuple, set, frozenset, dict)
_MATCHING = ("match", "search", "fullmatch")


@dataclass(frozen=True, slots=True)
class Variant:
    """One rule changed."""

    module: str
    name: str
    change: str
    value: Any
    places: tuple[str, ...]
    """The modules that know the rule by its name."""

    @property
    def label(self) -> str:
        """The rule and what was done to it, as the table shows it."""
        return f"{self.module}.{self.name} {self.change}"


def variants(modules: Sequence[str]) -> Iterator[Variant]:
    """Every rule of the modules, changed in each way that its type allows."""
    for module in modules:
        for name, value in _rules(module):
            for change, other in _changes(value):
                yield Variant(module, name, change, other, _places(modules, module, name))


def _rules(module: str) -> Iterator[tuple[str, Any]]:
    found = _import(module)
    for name, value in sorted(vars(found).items()):
        is_own = getattr(value, "__module__", None) == found.__name__ and not inspect.isclass(value)
        if (callable(value) and is_own) or re.fullmatch("_[A-Z]\\w*", name):
            yield name, value


def _places(modules: Sequence[str], module: str, name: str) -> tuple[str, ...]:
    """The modules that use the rule: its own, and those that import a function."""
    value = vars(_import(module))[name]
    # Numbers of the same name may be the same object.
    return tuple(one for one in modules if vars(_import(one)).get(name) is value) if callable(value) else (module,)


def _import(module: str) -> ModuleType:
    return importlib.import_module(f"{_PACKAGE}.{module}")


def _changes(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int | float):
        for change, changed in _NUMBER_CHANGES.items():
            yield change, type(value)(changed(value))
    elif isinstance(value, re.Pattern):
        yield "off", _NEVER
    elif isinstance(value, frozenset | tuple | dict) and value:
        yield "off", type(value)()
    elif callable(value):
        answer = _empty_answer(value)
        if answer is not None:
            yield "off", answer


def _empty_answer(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """A function in place of this one that always answers no, nothing or none; None when it has to answer something."""
    returned = str(getattr(function, "__annotations__", {}).get("return", ""))
    if returned.startswith("re.Pattern"):
        return lambda *_, **__: _NEVER
    if returned.endswith("| None"):
        return lambda *_, **__: None
    make = _EMPTY.get(returned.partition("[")[0])
    return (lambda *_, **__: make()) if make else None


@contextmanager
def changed(variant: Variant) -> Iterator[None]:
    """Within this context, the rule is changed, and what was made with it is made again."""
    with ExitStack() as stack:
        for place in variant.places:
            module = _import(place)
            stack.callback(forget, place)
            stack.callback(setattr, module, variant.name, getattr(module, variant.name))
            setattr(module, variant.name, variant.value)
            forget(place)
        yield


def forget(module: str, *, keeps_patterns: bool = False) -> None:
    """Clear what the module has made from its rules and the lists of words. `keeps_patterns`: but the expressions."""
    name = f"{_PACKAGE}.{module}"
    for cached in phrase_lists._cached_functions:
        is_pattern = not inspect.signature(cached.__wrapped__).parameters
        if cached.__module__ == name and not (keeps_patterns and is_pattern):
            cached.cache_clear()


class Watch:
    """Notes the changes that can matter while the rules are in use."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = modules
        self._seen: set[str] = set()
        self._always: set[str] = set()

    @contextmanager
    def on_page(self) -> Iterator[set[str]]:
        """Within this context, the labels of the changes that can matter are added to the set."""
        self._seen.clear()
        labels: set[str] = set()
        with ExitStack() as stack:
            for module in self._modules:
                forget(module, keeps_patterns=True)
                for name, value in list(_rules(module)):
                    watched = self._watched(module, name, value)
                    for place in _places(self._modules, module, name) if watched is not None else ():
                        stack.callback(setattr, _import(place), name, value)
                        setattr(_import(place), name, watched)
                stack.callback(forget, module, keeps_patterns=True)
            yield labels
        labels |= self._seen | self._always

    def _watched(self, module: str, name: str, value: Any) -> Any:
        changes = dict(_changes(value))
        labels = {change: f"{module}.{name} {change}" for change in changes}
        if not changes:
            return None
        if isinstance(value, int | float):
            return _WatchedNumber(value, changes, labels, self._seen, self._always)
        if isinstance(value, re.Pattern):
            return _WatchedPattern(value, labels["off"], self._seen, self._always)
        if callable(value):
            return _watched_function(value, labels["off"], self._seen)
        # Collections are not watched.
        self._always.add(labels["off"])
        return None


class _WatchedNumber:
    def __init__(
        self, value: float, changes: Mapping[str, float], labels: Mapping[str, str], seen: set[str], always: set[str]
    ) -> None:
        self.value = value
        self._others = [(labels[change], other) for change, other in changes.items()]
        self._seen, self._always = seen, always

    def compared(self, compare: Callable[[Any, Any], Any], other: Any) -> Any:
        other = other.value if isinstance(other, _WatchedNumber) else other
        result = compare(self.value, other)
        self._seen.update(label for label, value in self._others if compare(value, other) != result)
        return result

    def used(self) -> float:
        self._seen.update(label for label, _ in self._others)
        return self.value

    def __format__(self, spec: str) -> str:
        # It becomes part of an expression that is kept.
        self._always.update(label for label, _ in self._others)
        return format(self.value, spec)

    def __hash__(self) -> int:
        return hash(self.used())


def _add_operators() -> None:
    for name in ("lt", "le", "gt", "ge", "eq", "ne"):
        compare = getattr(operator, name)
        setattr(_WatchedNumber, f"__{name}__", lambda self, other, compare=compare: self.compared(compare, other))
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
        compute = getattr(operator, name)
        setattr(_WatchedNumber, f"__{name}__", lambda self, other, compute=compute: compute(self.used(), other))
        setattr(_WatchedNumber, f"__r{name}__", lambda self, other, compute=compute: compute(other, self.used()))
    for name, compute in {
        "neg": operator.neg,
        "index": int,
        "int": int,
        "float": float,
        "bool": bool,
        "round": round,
    }.items():
        setattr(_WatchedNumber, f"__{name}__", lambda self, *args, compute=compute: compute(self.used(), *args))


_add_operators()


class _WatchedPattern:
    def __init__(self, pattern: re.Pattern[str], label: str, seen: set[str], always: set[str]) -> None:
        self._pattern, self._label = pattern, label
        self._seen, self._always = seen, always

    def __getattr__(self, name: str) -> Any:
        if name == "pattern":
            self._always.add(self._label)
        method = getattr(self._pattern, name)
        if name not in _MATCHING:
            self._seen.add(self._label)
            return method

        def matching(*arguments: Any) -> Any:
            found = method(*arguments)
            if found:
                self._seen.add(self._label)
            return found

        return matching


def _watched_function(function: Callable[..., Any], label: str, seen: set[str]) -> Callable[..., Any]:
    @functools.wraps(function)
    def watched(*arguments: Any, **named: Any) -> Any:
        answer = function(*arguments, **named)
        if isinstance(answer, re.Pattern):
            return _WatchedPattern(answer, label, seen, seen)
        if answer not in (None, False) and not (isinstance(answer, _COLLECTIONS) and not answer):
            seen.add(label)
        return answer

    return watched
