"""The AsyncAPI 3.0 document: channels, operations and messages, from the topology."""

from __future__ import annotations

from typing import Any

import yaml

from coranto import __version__
from coranto.records.envelope import FIELD
from coranto.topology import DROPPED, FINISHED, REINDEXED, SERVICES, STREAMS, SUBMITTED, Keys, StageSpec, Stream
from generate.schemas import path_of

_NOTE = "# Made from `coranto.topology` by `make reference`: edit that, not this file.\n"
_DESCRIPTION = (
    "News pages in, structured article records out. Each channel is a Redis Stream; each entry has one field, "
    f"`{FIELD.decode()}`, with a CloudEvents 1.0 event in structured JSON. A stage reads as the consumer group of its own name."
)


def render() -> str:
    """The document as YAML."""
    text: str = yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=120)
    return _NOTE + text


def document() -> dict[str, Any]:
    """The document as a value."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Coranto",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": {
            "redis": {"host": "127.0.0.1:6379", "protocol": "redis", "description": "As CORANTO_REDIS__URL says."}
        },
        "channels": {stream.name: _channel(stream) for stream in STREAMS},
        "operations": _operations(),
        "components": {
            "messages": {stream.carries.__name__: _message(stream) for stream in STREAMS},
            "parameters": {
                "partition": {
                    "description": "Partition of the pipeline, braces included: Redis Cluster's hash tag.",
                    "default": "{p0}",
                    "examples": ["{p0}", "{p1}"],
                }
            },
        },
    }


def _channel(stream: Stream) -> dict[str, Any]:
    kind = stream.carries.__name__
    # The braces of the key are part of the partition's value, so that they are no expression here.
    address = Keys().stream(stream).replace("{p0}", "{partition}")
    return {
        "address": address,
        "description": (stream.carries.__doc__ or "").strip().partition("\n")[0],
        "messages": {kind: {"$ref": f"#/components/messages/{kind}"}},
        "parameters": {"partition": {"$ref": "#/components/parameters/partition"}},
    }


def _message(stream: Stream) -> dict[str, Any]:
    return {
        "name": stream.carries.event_type,
        "contentType": "application/cloudevents+json",
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./{path_of(stream.carries)}"},
        },
    }


def _operations() -> dict[str, Any]:
    operations = {"submit": _operation("send", SUBMITTED, "A program asks for a page.")}
    for service, stages in SERVICES.items():
        for stage in stages:
            operations.update(_of_stage(service, stage))
    operations["sinkReindexes"] = {
        **_operation("send", REINDEXED, "The sink sends stored articles again, when the classifier has asked."),
        "x-service": "sink",
    }
    operations["subscribe"] = _operation(
        "receive", FINISHED, "A program follows the finished articles, in a group of its own."
    )
    return operations


def _of_stage(service: str, stage: StageSpec) -> dict[str, Any]:
    name = stage.name
    found = {
        f"{name}Reads": {
            **_operation("receive", stage.reads, f"The {name} takes its messages."),
            "x-service": service,
            "x-consumer-group": name,
        }
    }
    if stage.writes is not None:
        found[f"{name}Writes"] = {
            **_operation("send", stage.writes, f"The {name} publishes its result."),
            "x-service": service,
        }
    if stage.ends_articles:
        found[f"{name}Drops"] = {
            **_operation("send", DROPPED, f"The {name} says that a message ended early, and why."),
            "x-service": service,
        }
    return found


def _operation(action: str, stream: Stream, summary: str) -> dict[str, Any]:
    kind = stream.carries.__name__
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{stream.name}"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/{stream.name}/messages/{kind}"}],
    }
