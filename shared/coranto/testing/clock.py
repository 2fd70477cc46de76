"""A clock that moves only when told to."""

from __future__ import annotations

from datetime import timedelta


class FakeClock:
    """Called, it gives Unix seconds; `advance` moves it."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self.now = start

    def __call__(self) -> float:
        """Unix seconds."""
        return self.now

    def advance(self, span: timedelta) -> None:
        """Move on by this span."""
        self.now += span.total_seconds()
