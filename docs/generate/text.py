"""How types, bounds and defaults read in plain words, from their JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

_UNITS = (("days", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def phrase(schema: Mapping[str, Any]) -> str:
    """The type in words, such as `list of [Block](#block)` or `whole number, 0 or more`."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(phrase(choice) for choice in schema["anyOf"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return "one of " + ", ".join(f"`{choice}`" for choice in schema["enum"])
    match schema.get("type"):
        case "string":
            return _text(schema)
        case "integer" | "number" as kind:
            return ("whole number" if kind == "integer" else "number") + _bounds(schema)
        case "array":
            return f"list of {phrase(schema['items'])}" if schema.get("items") else "list"
        case "object" if isinstance(inner := schema.get("additionalProperties"), dict):
            return f"map of text to {phrase(inner)}"
        case other:
            return {"boolean": "true or false", "null": "null", "object": "map"}.get(str(other), "anything")


def span(value: timedelta) -> str:
    """The time span in its largest whole unit, such as `90 s` or `7 days`."""
    seconds = value.total_seconds()
    for unit, size in _UNITS:
        if seconds and seconds % size == 0 and (seconds // size > 1 or unit != "days"):
            return f"{int(seconds // size)} {unit}"
    return f"{seconds:g} s"


def _text(schema: Mapping[str, Any]) -> str:
    if schema.get("writeOnly"):
        return "secret text"
    names = {
        "date-time": "time",
        "duration": "time span",
        "path": "path",
        "file-path": "path of a file",
        "uri": "address",
    }
    words = names.get(str(schema.get("format")), "text")
    if "pattern" in schema:
        return f"{words} matching `{schema['pattern']}`"
    return f"{words}, not empty" if schema.get("minLength") == 1 else words


def _bounds(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f", {low:g} to {high:g}"
    if low is not None:
        return f", {low:g} or more"
    if high is not None:
        return f", {high:g} or less"
    if "exclusiveMinimum" in schema:
        return f", more than {schema['exclusiveMinimum']:g}"
    return f", less than {schema['exclusiveMaximum']:g}" if "exclusiveMaximum" in schema else ""
