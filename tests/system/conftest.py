"""Worker processes of the system tests, killed when the test ends, and a small site."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from tests.harness.small_site import Site


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()
