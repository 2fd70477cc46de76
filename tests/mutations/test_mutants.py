"""Small changes to the pure modules that read strangers' bytes or decide about hosts and feeds: their tests notice nearly all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.mutations.mutants import Mutant, mutants_of, mutated, spread

ROOT = Path(__file__).parents[2]
MOST = 40
# Some changes make no difference, so the share is never 1: what matters is that it does not fall.
TESTS_OF: dict[str, tuple[str, float]] = {
    "coranto_feeder.polling.schedule": ("tests/services/feeder/test_schedule.py", 0.9),
    "coranto_feeder.polling.sitemap_children": ("tests/services/feeder/test_sitemap_children.py", 0.9),
    "coranto_feeder.sources.times": ("tests/services/feeder/test_feed_times.py", 0.8),
    "coranto_fetcher.response.challenge": ("tests/services/fetcher/test_challenge.py", 0.8),
    "coranto_fetcher.rights.signals": ("tests/services/fetcher/test_rights.py", 0.9),
    "coranto.http.response.headers": ("tests/shared/http/test_headers.py", 0.9),
    "coranto.http.robots.rules": ("tests/shared/http/test_robots.py", 0.8),
    "coranto.urls.address": ("tests/shared/test_urls.py", 0.8),
    "coranto.urls.host": ("tests/shared/test_urls.py", 0.85),
    "coranto.urls.identity": ("tests/shared/test_urls.py", 0.85),
    "coranto.http.redirects": ("tests/shared/http/test_redirects.py", 0.9),
}

SOURCE = '''
LIMIT = 3

def is_small(number, others=()):
    """Whether it is."""
    if number is None:
        return False
    log(number)
    return number < LIMIT + 2 and not others
'''


def test_every_kind_of_change_is_made_once_and_inside_functions_only() -> None:
    found = mutants_of(SOURCE)
    assert [one.change for one in found] == [
        "condition -> False",
        "Is -> IsNot",
        "False -> True",
        "call left out",
        "And -> Or",
        "Lt -> LtE",
        "Add -> Sub",
        "2 -> 3",
        "without not",
    ]
    for one in found:
        names: dict[str, object] = {"log": lambda _: None}
        exec(mutated(SOURCE, one, "<source>"), names)  # noqa: S102 - our own source
        assert names["LIMIT"] == 3
    at_limit: dict[str, object] = {"log": lambda _: None}
    exec(mutated(SOURCE, found[5], "<source>"), at_limit)  # noqa: S102 - our own source
    assert at_limit["is_small"](5) is True  # type: ignore[operator]  # a function


def test_few_of_many_come_from_all_over_the_module() -> None:
    many = [Mutant(line, "", line) for line in range(100)]
    assert [one.line for one in spread(many, 4)] == [0, 25, 50, 75]
    assert spread(many, 200) == many


def run(module: str, tests: str, most: int) -> tuple[dict[str, int], list[str]]:
    """The counts, and the survivors."""
    command = [sys.executable, "-m", "tests.mutations.mutants", module, tests, "--most", str(most)]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr
    *survivors, counts = done.stdout.splitlines()
    return json.loads(counts), survivors


@pytest.mark.slow
@pytest.mark.parametrize("module", TESTS_OF)
def test_changes_are_noticed(module: str) -> None:
    tests, least = TESTS_OF[module]
    counts, survivors = run(module, tests, MOST)
    assert counts["mutants"] > 10
    assert counts["mutants"] - counts["survived"] >= least * counts["mutants"], "\n".join(survivors)


@pytest.mark.slow
def test_tests_that_look_at_nothing_notice_nothing(tmp_path: Path) -> None:
    blind = tmp_path / "test_blind.py"
    blind.write_text("import coranto.http.response.headers\n\ndef test_nothing():\n    pass\n")
    counts, survivors = run("coranto.http.response.headers", str(blind), 5)
    assert counts["survived"] == counts["mutants"] == len(survivors) == 5
