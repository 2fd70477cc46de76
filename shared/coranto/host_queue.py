"""Two values about hosts that handlers, delivery and streams share: where a message waits, and when its host may be asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

QUEUED: Final = "queued"
"""Reason of the outcome of a message that goes into the queue of its host; it has not been tried yet."""


@dataclass(frozen=True, slots=True)
class HostQueue:
    """The queue that a message waits in."""

    host: str
    """Whatever names the host; empty for messages that wait for none, which are handed out at once."""
    is_backlog: bool = False
    """True when all that is live goes first, of this host and of others."""
    is_front: bool = False
    """True for a message that has waited before."""


@dataclass(frozen=True, slots=True)
class HostRest:
    """When a host may be asked again, as the worker knows that has asked it."""

    wait_ms: int = 0
    """From now on."""
    is_slow: bool | None = None
    """Whether it takes long for each request; None when that is not known."""
