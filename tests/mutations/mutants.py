"""Changes the code of a module in small ways, one at a time, and runs its tests against each: those that pass are blind to it.

    python -m tests.mutations.mutants coranto_feeder.polling.schedule tests/services/feeder/test_schedule.py

One line of JSON for each mutant that survived, and one with the counts at the end. The functions' code is replaced in a child of
a process that has imported everything, so that a mutant costs no more than its tests. Constants of the module stay as they are.
"""

from __future__ import annotations

import argparse
import ast
import copy
import functools
import gc
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from types import CodeType, FunctionType

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change."""

    line: int
    change: str
    number: int
    """Its place among the module's mutants."""


def changes_of(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """What may stand in the node's place, each with words for it."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in _COMPARISONS:
            other = _COMPARISONS[type(op)]
            yield f"{type(op).__name__} -> {other.__name__}", _with(node, ops=[other()])
        case ast.BoolOp(op=op):
            other_op = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield f"{type(op).__name__} -> {type(other_op).__name__}", _with(node, op=other_op)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "without not", operand
        case ast.BinOp(op=sign) | ast.AugAssign(op=sign) if type(sign) in _ARITHMETIC:
            yield (
                f"{type(sign).__name__} -> {_ARITHMETIC[type(sign)].__name__}",
                _with(node, op=_ARITHMETIC[type(sign)]()),
            )
        case ast.Constant(value=bool() as value):
            yield f"{value} -> {not value}", ast.copy_location(ast.Constant(not value), node)
        case ast.Constant(value=int() | float() as number):
            other_number = number + 1 if abs(number) <= 2 else 2 * number
            yield f"{number} -> {other_number}", ast.copy_location(ast.Constant(other_number), node)
        case ast.If(test=test):
            yield "condition -> False", _with(node, test=ast.copy_location(ast.Constant(False), test))
        case ast.IfExp(body=body, orelse=orelse):
            yield "always the first", body
            yield "always the second", orelse
        case ast.Expr(value=ast.Call() | ast.Await()):
            yield "call left out", ast.copy_location(ast.Pass(), node)


def _with(node: ast.AST, **changed: object) -> ast.AST:
    other = copy.copy(node)
    for name, value in changed.items():
        setattr(other, name, value)
    return other


class _Change(ast.NodeTransformer):
    """Makes the change of this number, and counts them all."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._inside = 0
        self.found: list[Mutant] = []

    def visit(self, node: ast.AST) -> ast.AST:
        result = node
        if self._inside:
            for words, other in changes_of(node):
                number = len(self.found)
                self.found.append(Mutant(getattr(node, "lineno", 0), words, number))
                if number == self._wanted:
                    result = other
        if result is not node:
            return result
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self._inside += 1
            node.body = [self.visit(statement) for statement in node.body]  # type: ignore[misc]  # a statement stays one
            self._inside -= 1
            return node
        if isinstance(node, ast.AnnAssign):
            if node.value is not None:
                node.value = self.visit(node.value)  # type: ignore[assignment]  # an expression stays one
            return node
        return self.generic_visit(node)


def mutants_of(source: str) -> list[Mutant]:
    """All changes inside the functions of this source."""
    counter = _Change(-1)
    counter.visit(ast.parse(source))
    return counter.found


def mutated(source: str, mutant: Mutant, file: str) -> CodeType:
    """The module's code with this change."""
    tree = _Change(mutant.number).visit(ast.parse(source))
    return compile(ast.fix_missing_locations(tree), file, "exec")  # type: ignore[arg-type]  # a module stays one


def spread(mutants: Sequence[Mutant], most: int) -> list[Mutant]:
    """At most so many of them, from all over the module."""
    if len(mutants) <= most:
        return list(mutants)
    return [mutants[place * len(mutants) // most] for place in range(most)]


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def replace_code(file: str, code: CodeType) -> None:
    """Give every function of the file that exists in this process its code of the changed module."""
    changed = {(one.co_qualname, one.co_firstlineno): one for one in _codes(code)}
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename == file:
            other = changed.get((each.__code__.co_qualname, each.__code__.co_firstlineno))
            if other is not None and other.co_freevars == each.__code__.co_freevars:
                each.__code__ = other
        elif isinstance(each, functools._lru_cache_wrapper):
            each.cache_clear()


def survives(file: str, code: CodeType, tests: Sequence[str], seconds: float) -> bool:
    """Whether the tests pass in a child of this process that runs the changed code. One that never ends is caught."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            replace_code(file, code)
            passed = _run(tests)
        except BaseException:  # noqa: BLE001 - whatever it is, the mutant is caught
            os._exit(1)
        os._exit(0 if passed else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _run(tests: Sequence[str]) -> bool:
    import pytest  # late: the children have it from their parent

    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        options = ["-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", "-p", "no:warnings", "--no-header"]
        return pytest.main([*options, *tests]) == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("module")
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--most", type=int, default=80, help="at most so many mutants, spread over the module")
    given = parser.parse_args()
    started = time.monotonic()
    if not _run(given.tests):
        sys.exit(f"the tests do not pass without a change: {' '.join(given.tests)}")
    seconds = 10 + 5 * (time.monotonic() - started)
    file = importlib.import_module(given.module).__file__
    assert file is not None
    source = Path(file).read_text(encoding="utf-8")
    chosen = spread(mutants_of(source), given.most)
    survivors = [one for one in chosen if survives(file, mutated(source, one, file), given.tests, seconds)]
    for one in survivors:
        print(json.dumps({"module": given.module, **asdict(one)}))
    print(json.dumps({"module": given.module, "mutants": len(chosen), "survived": len(survivors)}))


if __name__ == "__main__":
    main()
