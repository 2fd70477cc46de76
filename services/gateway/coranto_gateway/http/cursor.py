"""The cursor of a list: the place behind which the next page begins, bound to the question that the list answers."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from datetime import datetime

from coranto.store.interface import ArticlePlace
from coranto_gateway.http.problems import Problem


def question_hash(*parts: object) -> str:
    """Eight characters that differ between questions."""
    return hashlib.sha256(json.dumps(parts, default=str, ensure_ascii=False).encode()).hexdigest()[:8]


def write_cursor(place: ArticlePlace, question: str) -> str:
    """The cursor behind the place."""
    text = f"{place.at} {place.id} {question}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str, question: str) -> ArticlePlace:
    """The place. Raises Problem when the text is no cursor, or one of another question."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        at, identity, asked = base64.b64decode(padded, altchars=b"-_", validate=True).decode().split(" ")
        datetime.fromisoformat(at)  # raises ValueError
    except (ValueError, binascii.Error) as error:
        raise Problem(
            400, "bad-cursor", f"{cursor[:100]!r} is not a cursor; take `next` from the page before"
        ) from error
    if asked != question:
        raise Problem(
            400,
            "bad-cursor",
            "the cursor belongs to a list with other words or filters; begin the new list without a cursor",
        )
    return ArticlePlace(at, identity)
