"""The one error that commands raise, and the exit codes. What other errors mean for the user is in `explanation`."""

from __future__ import annotations

FAILED = 1
USAGE = 2
NOT_FOUND = 3


class CommandError(Exception):
    """The command ends here; the text tells the user why and what to do."""

    def __init__(self, text: str, *, exit_code: int = FAILED) -> None:
        super().__init__(text)
        self.exit_code = exit_code
