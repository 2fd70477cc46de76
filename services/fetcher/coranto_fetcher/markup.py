"""Attributes of a tag in bytes that nobody has parsed: enough for the few tags the fetcher looks at."""

from __future__ import annotations

import html
import re
from typing import Final

_ATTRIBUTE: Final = re.compile(rb"([a-z\-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))", re.IGNORECASE)


def attributes_of(tag: bytes) -> dict[str, str]:
    """The tag's attributes: names in lower case, values without character references."""
    return {
        match[1].lower().decode("ascii", "replace"): html.unescape(
            (match[2] or match[3] or match[4] or b"").decode("utf-8", "replace")
        )
        for match in _ATTRIBUTE.finditer(tag)
    }
