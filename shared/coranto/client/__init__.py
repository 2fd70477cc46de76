"""Subscribing to finished articles and submitting pages, for any program: needs only pydantic and redis."""

from coranto.client.client import AsyncClient, submit, subscribe
from coranto.client.errors import TooMuchWaitingError, UnsupportedVersionError
from coranto.client.receipt import Receipt
from coranto.client.submission import HostClass, Room, new_submission
from coranto.client.subscription import Start, Subscription
from coranto.streams.shape import PipelineMismatchError

__all__ = [
    "AsyncClient",
    "HostClass",
    "PipelineMismatchError",
    "Receipt",
    "Room",
    "Start",
    "Subscription",
    "TooMuchWaitingError",
    "UnsupportedVersionError",
    "new_submission",
    "submit",
    "subscribe",
]
