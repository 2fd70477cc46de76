"""Reads JSON out of pages, without what JSON can spell and no record can hold."""

from __future__ import annotations

import json
import re
from typing import Any, Final

# Control characters, and halves of pairs: scripts that cut a text to a length cut through its emoji.
_NO_TEXT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_MAY_SPELL_THEM: Final = re.compile(
    r"\\(?:u(?:[dD][89a-fA-F]|00[017])|[bf])|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]"
)


def load_json(text: str) -> Any:
    """The value; its strings hold no control characters and no lone surrogates. Raises ValueError and RecursionError."""
    value = json.loads(text, strict=False)
    return _without(value) if _MAY_SPELL_THEM.search(text) else value


def _without(value: Any) -> Any:
    if isinstance(value, str):
        return _NO_TEXT.sub("", value)
    if isinstance(value, list):
        return [_without(item) for item in value]
    if isinstance(value, dict):
        return {_NO_TEXT.sub("", name): _without(item) for name, item in value.items()}
    return value
