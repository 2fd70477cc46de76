"""Says what a new version of the extractor changes: per field how many pages differ, with examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_FIELDS = (
    "refused", "title", "text", "authors", "agencies", "published", "modified", "language", "section", "tags", "image_credit",
    "image_caption", "publisher", "lead", "canonical_url",
)  # fmt: skip
_SHOWN_CHARS = 160


def compare(
    earlier: Mapping[str, Mapping[str, Any]], now: Sequence[Mapping[str, Any]], *, examples: int
) -> Iterator[str]:
    """Lines of a report on the pages that both readings have."""
    both = [(earlier[reading["id"]], reading) for reading in now if reading["id"] in earlier]
    yield f"{len(both)} pages in both readings, {len(now) - len(both)} only now, {len(earlier) - len(both)} only earlier"
    for name in _FIELDS:
        changed = [(old, new) for old, new in both if (old.get(name) or None) != (new.get(name) or None)]
        if not changed:
            continue
        gained = sum(1 for old, _ in changed if not old.get(name))
        lost = sum(1 for _, new in changed if not new.get(name))
        yield f"{name}: {len(changed)} differ, {gained} gained, {lost} lost"
        for old, new in changed[:examples]:
            yield f"  {new['id']}"
            before, after = _difference(old.get(name), new.get(name))
            yield f"    - {before}"
            yield f"    + {after}"


def _difference(old: object, new: object) -> tuple[str, str]:
    """Both values, for long texts from the first line on that differs."""
    before, after = _shown(old), _shown(new)
    if isinstance(old, str) and isinstance(new, str) and "\n" in old + new:
        only_old = [line for line in old.split("\n") if line not in new]
        only_new = [line for line in new.split("\n") if line not in old]
        if only_old or only_new:
            before, after = _shown(" / ".join(only_old)), _shown(" / ".join(only_new))
        else:
            before, after = (
                f"{len(old)} characters",
                f"{len(new)} characters, the same lines in another order or number",
            )
    return before, after


def _shown(value: object) -> str:
    text = "nothing" if value in (None, "", []) else str(value)
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"
