"""Flattens results into prediction lines for scorers and other tools, and compares those of two versions.

It is part of the package, and not of the benchmarks, because `coranto extract` prints and compares these lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from coranto.records.sections import Content
from coranto_extractor.refusal import NotAnArticle

Prediction = Mapping[str, Any]

_COMPARED_FIELDS = (
    "refused", "doubt", "title", "text", "authors", "agencies", "signed_by", "published", "modified", "language", "section",
    "tags",
    "image_credit", "image_caption", "publisher", "lead", "canonical_url",
)  # fmt: skip
_SHOWN_CHARS = 160


def prediction(page_id: str, result: Content | NotAnArticle) -> dict[str, Any]:
    """The line for the page with this id. That of a refused page has no text, but everything else that was read."""
    if not isinstance(result, NotAnArticle):
        return {"id": page_id, **_fields(result), "refused": None, **_doubt(result), "from": _sources(result)}
    read = result.read
    fields = _fields(read) if read else {"title": None, "text": "", "authors": [], "published": None}
    sources = _sources(read) if read else {}
    return {"id": page_id, **fields, "refused": result.reason, "evidence": result.evidence, "from": sources}


def _doubt(content: Content) -> dict[str, Any]:
    return {"doubt": content.doubt.model_dump() if content.doubt else None}


def _sources(content: Content) -> dict[str, str]:
    return {name: origin.source for name, origin in content.origins.items()}


def _fields(content: Content) -> dict[str, Any]:
    persons = [person.name for person in content.authors]
    # The agency of a dateline sent the text, which is not to sign it.
    origin = content.origins.get("agencies")
    signing = () if origin is None or origin.source == "dateline" else content.agencies
    return {
        "title": content.title,
        "text": content.text,
        "authors": [*persons, *content.signed_by, *signing],
        "agencies": list(content.agencies),
        "signed_by": list(content.signed_by),
        "published": content.published.text if content.published else None,
        "modified": content.modified.text if content.modified else None,
        "language": content.declared_language,
        "section": content.section,
        "tags": list(content.tags),
        "image_credit": content.image.credit if content.image else None,
        "image_caption": content.image.caption if content.image else None,
        "publisher": content.publisher,
        "lead": content.lead,
        "canonical_url": content.canonical_url,
    }


def compare(earlier: Mapping[str, Prediction], now: Sequence[Prediction], *, examples: int) -> Iterator[str]:
    """The lines of a report on the pages in both sets of predictions: per field, how many differ, with examples."""
    both = [(earlier[line["id"]], line) for line in now if line["id"] in earlier]
    yield f"{len(both)} pages in both runs, {len(now) - len(both)} only now, {len(earlier) - len(both)} only earlier"
    for name in _COMPARED_FIELDS:
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
    """Both values, shortened; of long texts, only the lines that differ."""
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
