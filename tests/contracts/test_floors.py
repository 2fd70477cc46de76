"""What import-linter cannot see: the library names no service by string either."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from coranto.topology import SERVICES

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = sorted(path.name for path in (ROOT / "services").glob("*/coranto_*") if path.is_dir())
SOURCES = sorted((ROOT / "shared").rglob("*.py"))
_IMPORTING = {"import_module", "__import__", "find_spec", "resolve_name", "run_module", "EntryPoint"}


def strings(source: Path) -> set[str]:
    return {
        node.value
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def called(source: Path) -> set[str]:
    calls = [
        node.func for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
    ]
    return {call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls}


def test_the_packages_of_every_service_are_looked_for() -> None:
    assert {f"coranto_{service}" for service in SERVICES} | {"coranto_cli", "coranto_samplesite"} <= set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_library_names_no_service(package: str) -> None:
    for path in (ROOT / "shared").rglob("*"):
        if path.is_file() and path.suffix in (".py", ".lua", ".toml", ".sql"):
            assert package not in path.read_text(encoding="utf-8"), path


def test_the_library_makes_no_name_of_a_service_from_its_parts() -> None:
    for source in SOURCES:
        # `import_module(f"coranto_{name}")` would hold this text.
        assert not [text for text in strings(source) if text == "coranto_"], source


def test_the_library_imports_nothing_by_string() -> None:
    for source in SOURCES:
        assert not called(source) & _IMPORTING, source
