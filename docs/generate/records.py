"""The page of records: every field of every section, and which stage writes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coranto.records import DroppedArticle, Record, ReindexedArticle, Submission
from coranto.topology import STAGES
from generate import examples
from generate.markdown import block, code, page, table
from generate.schemas import event_kinds, path_of, record_schema
from generate.text import phrase

_INTRODUCTION = """
One article is one record that grows: each stage adds its section and leaves the others as they came. A record travels as
the `data` of a CloudEvents 1.0 event in structured JSON, in the field `event` of a Redis Stream entry. Below is what each event
must have at least; an event with every field is in `tests/contracts/examples/`.

Times are ISO 8601 with a time zone; ours are in UTC. What is absent is left out. Ignore fields that you do not know: a new
optional field comes without a new version, anything else makes a `v2` beside the `v1`.
"""


def render(example_folder: Path) -> str:
    """The page. Raises MissingExampleError when an event type has no example."""
    kinds = tuple(event_kinds())
    parts: dict[str, Any] = {}
    for kind in kinds:
        parts.update(record_schema(kind).get("$defs", {}))
    overview = table(
        ("event type", "record", "what it is", "schema"),
        (
            (code(kind.event_type), f"[{kind.__name__}](#{kind.__name__.lower()})", _first_line(kind), _link(kind))
            for kind in kinds
        ),
    )
    return page(
        "Records",
        _INTRODUCTION,
        overview,
        "## Events",
        *(_event(kind, parts, examples.read(kind, "minimal", example_folder)) for kind in kinds),
        "## Sections and their parts",
        *(_part(name, schema, parts) for name, schema in sorted(parts.items())),
        source="`coranto.records`",
    )


def written_by(section: str) -> str | None:
    """The stage that writes the section of this name; None for a part of sections."""
    for stage in STAGES:
        if stage.writes is None:
            continue
        added = stage.writes.carries.model_fields.keys() - stage.reads.carries.model_fields.keys()
        if section.lower() in added:
            return stage.name
    return None


def _event(kind: type[Record], parts: Mapping[str, Any], example: str) -> str:
    schema = record_schema(kind)
    writers = {
        Submission: "programs and the feeder",
        DroppedArticle: "each stage where an article ends early",
        ReindexedArticle: "the sink, when the classifier asks",
    }
    writer = writers.get(kind) or next(
        f"the {stage.name}" for stage in STAGES if stage.writes is not None and stage.writes.carries is kind
    )
    introduction = f"{_first_line(kind)} Type {code(kind.event_type)}, written by {writer}."
    return "\n\n".join((f"### {kind.__name__}", introduction, _fields(schema, parts), block(example, "json")))


def _part(name: str, schema: Mapping[str, Any], parts: Mapping[str, Any]) -> str:
    writer = written_by(name)
    by = f" Written by the {writer}." if writer is not None else ""
    return f"### {name}\n\n{schema['description']}{by}\n\n{_fields(schema, parts)}"


def _fields(schema: Mapping[str, Any], parts: Mapping[str, Any]) -> str:
    required = schema.get("required", [])
    return table(
        ("field", "type", "presence", "description"),
        (
            (code(name), phrase(field), _presence(field, is_required=name in required), _meaning(field, parts))
            for name, field in schema["properties"].items()
        ),
    )


def _presence(field: Mapping[str, Any], *, is_required: bool) -> str:
    if is_required:
        return "always"
    match field.get("default"):
        case None | [] | {}:
            return "optional"
        case bool() as default:
            return f"else {code(str(default).lower())}"
        case default:
            return f"else {code(str(default))}"


def _meaning(field: Mapping[str, Any], parts: Mapping[str, Any]) -> str:
    # Where a field is described with the words of its section, pydantic leaves them to the section.
    found: str = field.get("description") or parts[field["$ref"].rpartition("/")[2]]["description"]
    return found


def _first_line(kind: type[Record]) -> str:
    return (kind.__doc__ or "").strip().partition("\n")[0]


def _link(kind: type[Record]) -> str:
    return f"[schema]({path_of(kind)})"
