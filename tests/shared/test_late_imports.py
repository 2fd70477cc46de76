"""What is imported when: a process that reads one page must not wait for Redis' client, nor a program for models."""

from __future__ import annotations

import subprocess
import sys

import pytest

import coranto
import coranto.client


def imported_by(statement: str) -> set[str]:
    program = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    ["import coranto", "import coranto.records, coranto.urls, coranto.settings", "import coranto_extractor.reader"],
)
def test_neither_client_nor_redis_is_imported(statement: str) -> None:
    assert not imported_by(statement) & {"redis", "coranto.client", "faststream"}


def test_names_of_the_package_are_there_when_they_are_asked_for() -> None:
    for name in coranto.__all__:
        assert getattr(coranto, name) is getattr(coranto.client, name)
        assert name in dir(coranto)
    assert "coranto.client" in imported_by("import coranto; coranto.subscribe")
    assert "coranto.records" in imported_by("import coranto; coranto.records")
    assert "coranto.client.blocking" in imported_by("from coranto import blocking")


def test_a_name_that_the_package_does_not_have_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'subscribed'"):
        coranto.subscribed  # type: ignore[attr-defined]  # noqa: B018 - asking for it is the test


def test_the_stages_of_a_page_need_no_web_server_metrics_or_broker() -> None:
    services = ("feeder", "fetcher", "extractor", "classifier", "sink")
    found = imported_by("import " + ", ".join(f"coranto_{name}.app" for name in services))
    assert not found & {"aiohttp.web", "prometheus_client", "python_socks", "faststream"}
