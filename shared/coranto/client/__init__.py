"""Subscribing to finished articles and submitting pages, for any program: needs only pydantic and redis."""

from coranto.client.client import (
    AsyncClient,
    Receipt,
    Start,
    Subscription,
    TooMuchWaitingError,
    new_submission,
    submit,
    subscribe,
)

__all__ = [
    "AsyncClient",
    "Receipt",
    "Start",
    "Subscription",
    "TooMuchWaitingError",
    "new_submission",
    "submit",
    "subscribe",
]
