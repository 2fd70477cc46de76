"""Logging where lines cannot be written."""

from __future__ import annotations

import io
import json
from typing import Any

from coranto.worker import log


class SmallDisk(io.StringIO):
    """A file on a disk that is full for a while."""

    is_full = False

    def write(self, text: str) -> int:
        if self.is_full:
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_lines_that_cannot_be_written_are_counted_and_the_work_goes_on() -> None:
    disk: Any = SmallDisk()
    output = log._Output(disk)
    output.write("first\n")
    disk.is_full = True
    output.write("second\n")
    output.write("third\n")
    disk.is_full = False
    output.write("fourth\n")
    first, lost, fourth = disk.getvalue().splitlines()
    assert (first, fourth) == ("first", "fourth")
    assert json.loads(lost) == {"lines": 2, "event": log.LINES_LOST, "level": "warning"}
