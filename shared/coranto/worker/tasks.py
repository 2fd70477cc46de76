"""Ending tasks for certain, as all that talks to Redis must."""

from coranto.streams.tasks import end

__all__ = ["end"]
