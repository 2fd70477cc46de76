"""`coranto topology`: the pipeline as the tables in `coranto.topology` have it."""

from __future__ import annotations

from collections.abc import Iterator

from coranto.client import environment
from coranto.topology import DROPPED, FINISHED, SERVICES, STAGES, STREAMS, Keys, readers_of
from coranto_cli.terminal.console import print_result, write_json
from coranto_cli.terminal.options import JsonOption


def topology(as_json: JsonOption = False) -> None:
    """Draw the pipeline: streams, what they carry, and which stages read and write them."""
    keys = environment.pipeline().all_keys()
    if as_json:
        write_json(
            {
                "partitions": len(keys),
                "streams": [
                    {
                        "name": stream.name,
                        "key": [each.stream(stream) for each in keys],
                        "carries": stream.carries.event_type,
                        "is_replayable": stream.is_replayable,
                        "readers": [stage.name for stage in readers_of(stream)],
                    }
                    for stream in STREAMS
                ],
                "stages": [
                    {
                        "name": stage.name,
                        "service": _service_of(stage.name),
                        "reads": stage.reads.name,
                        "writes": stage.writes.name if stage.writes else None,
                    }
                    for stage in STAGES
                ],
            }
        )
        return
    for line in _drawing(keys[0]):
        print_result(line)


def _drawing(keys: Keys) -> Iterator[str]:
    """The pipeline, line by line."""
    width = max(len(stream.name) for stream in STREAMS)
    for stage in STAGES:
        reads = stage.reads
        if reads is DROPPED:
            yield ""
            yield "every stage"
            yield "  │  articles that ended early, and why"
            yield "  ▼"
        yield f"{reads.name:<{width}}  {reads.carries.event_type}  [{keys.stream(reads)}]"
        yield "  │"
        yield f"  ├─ {stage.name}" + (
            f" (in the {service})" if (service := _service_of(stage.name)) != stage.name else ""
        )
        yield "  ▼"
        if stage.writes is FINISHED:
            yield f"{FINISHED.name:<{width}}  {FINISHED.carries.event_type}  [{keys.stream(FINISHED)}]"
            yield "  │"
            yield "  ▼"
            yield "subscribers"
        elif stage.writes is None:
            yield "the ledger: how every article ended"


def _service_of(stage: str) -> str:
    return next(service for service, stages in SERVICES.items() if any(spec.name == stage for spec in stages))
