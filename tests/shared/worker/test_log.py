"""Logging where lines cannot be written, and what may not be in them."""

from __future__ import annotations

import io
import json
import logging
from typing import Literal

import pytest

from coranto.settings import LogSettings
from coranto.worker import log


class SmallDisk(io.StringIO):
    """A file on a disk that is full for a while."""

    is_full = False
    writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        if self.is_full:
            raise OSError(28, "No space left on device")
        return super().write(text)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch, logging_restored: None) -> SmallDisk:
    """Standard error on a small disk, and logging set up for it."""
    file = SmallDisk()
    monkeypatch.setattr("sys.stderr", file)
    log.configure(LogSettings(level="info", format="json"))
    return file


def test_lines_that_cannot_be_written_are_counted_and_the_work_goes_on(disk: SmallDisk) -> None:
    logger = log.get_logger()
    logger.info("first")
    disk.is_full = True
    logger.info("second")
    logging.getLogger("library").warning("third")
    disk.is_full = False
    logger.info("fourth")
    first, lost, fourth = map(json.loads, disk.getvalue().splitlines())
    assert (first["event"], fourth["event"]) == ("first", "fourth")
    assert lost == {"lines": 2, "event": log.LINES_LOST, "level": "warning"}


def test_a_line_is_written_in_one_piece(disk: SmallDisk) -> None:
    log.get_logger().info("first")
    assert disk.writes == 1


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_shows_no_values(
    disk: SmallDisk, form: Literal["json", "console"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", disk)
    log.configure(LogSettings(level="info", format=form))
    password = "hunter2"
    try:
        raise RuntimeError("the server does not answer")
    except RuntimeError:
        log.get_logger().exception("task.failed")
        logging.getLogger("library").exception("failed")
    assert "the server does not answer" in disk.getvalue()
    assert password not in disk.getvalue()
