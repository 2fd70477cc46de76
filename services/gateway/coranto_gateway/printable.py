"""What strangers wrote, as it may stand in a header, a message or a terminal."""

from __future__ import annotations


def one_line(text: str) -> str:
    """The text in one line, without anything that is not to be printed."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())
