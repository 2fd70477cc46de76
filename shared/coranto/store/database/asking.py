"""How what is the same in both databases asks the one that is there."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Ask = Callable[[str, Mapping[str, object]], Sequence[Sequence[Any]]]
"""Gives the rows of a statement whose parameters are written as `:name`."""
