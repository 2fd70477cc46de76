"""What a program is told of a submission of its own."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one submission."""

    submission: str
    article_id: str
    """Id by the address as it was submitted; the page may turn out to be at home under another one. The store knows both."""
    url: str
    is_new: bool
    """False when this submission id had been accepted before, by another call."""
    is_replicated: bool | None = None
    """On a cluster or with Sentinel: whether a replica had it within a second. None on a single server."""
