"""The example events: written by hand, checked by tests, shown in the reference as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from coranto.records import Record

FOLDER = Path("tests/contracts/examples")
"""Where they are in the repository."""


class MissingExampleError(RuntimeError):
    """An event type has no example; the text says which file is wanted."""


def read(kind: type[Record], name: Literal["minimal", "full"], folder: Path) -> str:
    """The example of the event type as it stands in its file. Raises MissingExampleError."""
    path = folder / kind.event_type / f"{name}.json"
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise MissingExampleError(
            f"there is no {path}: every event type needs a minimal and a full example, and the reference is made in the "
            "top folder of the repository, or with --examples DIR"
        ) from error
