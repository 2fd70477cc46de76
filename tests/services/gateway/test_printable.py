"""What strangers wrote, as it is printed."""

from __future__ import annotations

import pytest

from coranto_gateway.printable import log_line


@pytest.mark.parametrize(
    ("status", "elapsed_ms", "detail", "answer", "expected"),
    [
        (200, 12, "", "thanks\x1b[31m\nbye", "sent: 200 in 12 ms thanks [31m bye"),
        (None, 250, "", "", "sent: in 250 ms"),
        (None, 0, "no such service", "", "sent: no such service"),
        (None, 0, "", "", "sent"),
    ],
)
def test_line_of_a_log_tells_only_what_there_was(
    status: int | None, elapsed_ms: int, detail: str, answer: str, expected: str
) -> None:
    assert log_line("sent", status=status, elapsed_ms=elapsed_ms, detail=detail, answer=answer) == expected
