"""What the client raises beside redis-py's own errors."""

from __future__ import annotations

from collections.abc import Sequence

from coranto.client.receipt import Receipt
from coranto.records import Submission


class TooMuchWaitingError(RuntimeError):
    """Submissions were refused because too many wait already. `refused` holds them: submit them again later."""

    def __init__(
        self,
        refused: Sequence[Submission],
        max_backlog: int,
        accepted: Sequence[Receipt] = (),
        *,
        is_for_hosts: bool = False,
    ) -> None:
        why = (
            "too many pages are waiting for their hosts, which are asked one page at a time. Submit them again later"
            if is_for_hosts
            else f"more than {max_backlog} are waiting. Submit them again later, or see with `coranto top` which stage is "
            "behind"
        )
        super().__init__(f"{len(refused)} submissions were not accepted: {why}")
        self.refused = tuple(refused)
        self.accepted = tuple(accepted)
        """Receipts of those that were accepted by the same call."""
        self.is_for_hosts = is_for_hosts
        """True when only hosts are behind: submissions of others are accepted."""


class UnsupportedVersionError(RuntimeError):
    """An event is of a version that this program does not know. It stays pending: a newer program in the group gets it."""

    def __init__(self, seen: str, expected: str, entry_id: str) -> None:
        super().__init__(
            f"entry {entry_id} is of type {seen!r}, this program reads {expected!r}: upgrade the package coranto. "
            "The article stays pending in the group, and comes to a program that can read it"
        )
        self.seen = seen
        self.entry_id = entry_id
