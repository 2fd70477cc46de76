"""The page of the topology: who reads and writes what, drawn and as tables, and every Redis key."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from coranto.topology import (
    DROPPED,
    FINISHED,
    REINDEXED,
    SERVICES,
    SINK,
    STAGES,
    STREAMS,
    SUBMITTED,
    Keys,
    Pipeline,
    StageSpec,
    Stream,
    readers_of,
)
from generate.markdown import block, code, page, table
from generate.schemas import path_of

_INTRODUCTION = """
Services talk over Redis Streams. A stage reads one stream as the consumer group of its own name, adds its section and writes the
next stream; publishing and acknowledging are one step. Round boxes are programs of yours.
"""

_STREAMS = """
## Streams

Entries are trimmed once every group has acknowledged them; those of a *kept* stream stay for
`CORANTO_DELIVERY__KEEP_FINISHED` beyond that, so that a subscriber may start in the past. How to read a stream from any
language: [subscribing](subscribing.md).
"""

_KEYS = """
## Keys

Every key begins with the pipeline's prefix (`CORANTO_PIPELINE__PREFIX`) and the partition in braces. With more partitions than one
(`CORANTO_PIPELINE__PARTITIONS`) there is a set of keys for each, `{p0}`, `{p1}` and so on; an article's partition follows from its
id. Redis Cluster keeps keys with the same text in braces on one node, so one script may touch all keys of a partition.
"""

Edge = tuple[str, str]


def render() -> str:
    """The page."""
    return page(
        "Topology",
        _INTRODUCTION,
        block(drawing(), "mermaid"),
        "## Stages",
        table(
            ("service", "stage and group", "reads", "writes"),
            (
                (
                    service,
                    code(stage.name),
                    code(stage.reads.name),
                    code(stage.writes.name) if stage.writes else "nothing",
                )
                for service, stages in SERVICES.items()
                for stage in stages
            ),
        ),
        "A stage that drops a message or gives it up writes `dropped` as well.",
        _STREAMS,
        table(("stream", "key", "event type", "groups", "kept"), (_stream(stream) for stream in STREAMS)),
        _KEYS,
        table(("key", "what it holds"), ((code(key), meaning) for key, meaning in _keys())),
        f"`{Pipeline().shape()}` holds the pipeline's shape, its partitions and the version of these keys, for all programs.",
        source="`coranto.topology`",
    )


def edges() -> Iterator[Edge]:
    """Who hands to whom between stages and streams, by name."""
    for stage in STAGES:
        yield stage.reads.name, stage.name
        if stage.writes is not None:
            yield stage.name, stage.writes.name


def drawing() -> str:
    """The pipeline as a Mermaid flowchart."""
    lines = ["flowchart LR", f"  programs([programs that submit]) --> {SUBMITTED.name}"]
    lines += [f"  {stream.name}[({stream.name})]" for stream in STREAMS]
    for service, stages in SERVICES.items():
        lines.append(f"  subgraph service-{service}[{service}]")
        lines += [f"    {stage.name}[{stage.name}]" for stage in stages]
        lines.append("  end")
    lines += [f"  {giver} --> {taker}" for giver, taker in edges()]
    lines += [f"  {stage.name} -.-> {DROPPED.name}" for stage in STAGES if stage.ends_articles]
    lines.append(f"  {SINK.name} -. when asked .-> {REINDEXED.name}")
    lines.append(f"  {FINISHED.name} --> subscribers([programs that subscribe])")
    return "\n".join(lines)


def _stream(stream: Stream) -> tuple[str, ...]:
    kind = stream.carries.event_type
    groups = [code(stage.name) for stage in readers_of(stream)]
    if stream is FINISHED:
        groups.append("one for each subscriber")
    key = code(Keys().stream(stream))
    return (
        code(stream.name),
        key,
        f"[{kind}]({path_of(stream.carries)})",
        ", ".join(groups),
        "yes" if stream.is_replayable else "",
    )


def _keys() -> Iterator[tuple[str, str]]:
    """An example of every key, with a placeholder where a name goes."""
    a_stream = Stream("<stream>", FINISHED.carries)
    a_stage = StageSpec("<stage>", a_stream, None)
    places = {
        "stream": a_stream,
        "stage": a_stage,
        "name": "<name>",
        "consumer": "<worker>",
        "token": "<call>",
        "article_id": "<article>",
    }
    for name, method in vars(Keys).items():
        if name.startswith("_") or not inspect.isfunction(method):
            continue
        wanted = [parameter for parameter in inspect.signature(method).parameters if parameter != "self"]
        yield (
            method(Keys(), *(places[parameter] for parameter in wanted)),
            (inspect.getdoc(method) or "").partition("\n")[0],
        )
