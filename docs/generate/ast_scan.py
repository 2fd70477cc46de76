"""Which ways a reason may end a message, read from the sources of a service.

A handler ends a message by raising `Accepted`, `Unwanted`, `Transient` or `Invalid` with a reason. The reason is found where
it stands in the call, in a tuple beside the class, in a table or in a name assigned nearby. One that a value carries, as in
`Unwanted(refusal.reason)`, may be any of those that are found nowhere else. Only the page of reasons depends on this.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, TypeGuard

Ending = Literal["accepted", "dropped", "retried", "retried, then dead", "dead"]

_ENDINGS: Mapping[str, Ending] = {
    "Accepted": "accepted",
    "Unwanted": "dropped",
    "Transient": "retried, then dead",
    "Invalid": "dead",
}
_Names = Mapping[str, list[ast.expr]]


def find_endings(sources: Iterable[Path], reasons: Iterable[str]) -> dict[str, frozenset[Ending]]:
    """For each reason, the ways it ends a message; none where the sources do not tell."""
    found: dict[str, set[Ending]] = {reason: set() for reason in reasons}
    carried: set[Ending] = set()
    for node, names in _nodes(sources):
        if isinstance(node, ast.Call) and node.args and (ending := _ending_of(node)) is not None:
            if isinstance(node.args[0], ast.Attribute) and node.args[0].attr == "reason":
                carried.add(ending)
            words = set(_words(node.args[0], names))
            for reason in found.keys() & words:
                found[reason].add(ending)
        elif isinstance(node, ast.Tuple) and (classes := [part.id for part in node.elts if _is_class(part)]):
            for reason in found.keys() & set(_words(node, {})):
                found[reason].update(_ENDINGS[name] for name in classes)
    return {reason: frozenset(endings or carried) for reason, endings in found.items()}


def _nodes(sources: Iterable[Path]) -> Iterator[tuple[ast.AST, _Names]]:
    """Every node of the sources, with what the names it may use are assigned."""
    for source in sources:
        text = source.read_text(encoding="utf-8")
        if not any(name in text for name in _ENDINGS):
            continue
        module = ast.parse(text)
        outside = _assignments(module)
        functions = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        for scope in (module, *functions):
            names = {**outside, **_assignments(scope)}
            yield from ((node, names) for node in _own_nodes(scope))


def _ending_of(call: ast.Call) -> Ending | None:
    if not isinstance(call.func, ast.Name):
        return None
    is_waiting = any(
        keyword.arg == "spends_attempt" and isinstance(keyword.value, ast.Constant) and keyword.value.value is False
        for keyword in call.keywords
    )
    return "retried" if is_waiting else _ENDINGS.get(call.func.id)


def _is_class(node: ast.expr) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and node.id in _ENDINGS


def _words(node: ast.expr, names: _Names) -> Iterator[str]:
    """Every text the expression may come to; a name stands for what is assigned to it, one step deep."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value
        elif isinstance(part, ast.Name):
            for value in names.get(part.id, ()):
                yield from _words(value, {})


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of the scope without those of functions inside it, which are scopes of their own."""
    for child in ast.iter_child_nodes(scope):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
            yield from _own_nodes(child)


def _assignments(scope: ast.AST) -> dict[str, list[ast.expr]]:
    found: defaultdict[str, list[ast.expr]] = defaultdict(list)
    for node in _own_nodes(scope):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found[name].append(value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                found[name].append(value)
    return dict(found)
