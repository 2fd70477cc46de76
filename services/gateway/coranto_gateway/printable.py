"""What strangers wrote, as it may stand in a header, a message or a terminal."""

from __future__ import annotations


def one_line(text: str) -> str:
    """The text in one line, without anything that is not to be printed."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def checked_text(text: str) -> str:
    """The text. Raises ValueError for half of a character, which JSON can write and nothing can keep."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"expected text, and character {error.start + 1} is half of one (a lone surrogate)") from None
    return text


def log_line(start: str, *, status: int | None, elapsed_ms: int, detail: str, answer: str) -> str:
    """A line of a log: how it starts, then what came back, as far as anything did."""
    took = f"in {elapsed_ms} ms" if elapsed_ms else ""
    parts = [str(status or ""), took, detail, answer]
    came = " ".join(part for part in parts if part)
    return one_line(f"{start}: {came}" if came else start)
