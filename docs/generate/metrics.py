"""The page of metrics: those that every service exposes, and those that a service adds, read from where they are declared."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import coranto.worker.metrics
from generate.markdown import code, page, table
from generate.services import Service

_INTRODUCTION = """
Each service answers `/metrics` in the Prometheus text format, beside `/ready`. Labels come from closed sets: `stage` and
`partition` from the [topology](topology.md), `outcome` and `reason` from the [reasons](reasons.md).

For each stage `coranto_messages_received_total` equals the sum of `coranto_messages_settled_total` and
`coranto_messages_superseded_total`, but for the messages in progress. A gauge with the label `partition` speaks of the whole
stage: every replica reports the same number, so take the maximum over replicas and not the sum. A histogram is exposed as
`…_bucket`, `…_sum` and `…_count`.
"""

_KINDS = {"Counter": "counter", "Gauge": "gauge", "Histogram": "histogram", "Summary": "summary"}


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as it is exposed."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str


def render(services: Sequence[Service]) -> str:
    """The page."""
    return page(
        "Metrics",
        _INTRODUCTION,
        "## Every service that takes messages",
        _table(declared_in([Path(coranto.worker.metrics.__file__)])),
        *(_section(service) for service in services),
        source="`coranto.worker.metrics` and the services' sources",
    )


def declared_in(sources: Iterable[Path]) -> Iterator[Metric]:
    """Every metric that the sources declare with its name and meaning in the call, in order."""
    # Read rather than run: a metric that has not been used yet does not tell its labels, and a service's come with the service.
    for source in sources:
        text = source.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if "prometheus_client" in text else ():
            match node:
                case ast.Call(
                    func=ast.Name(id=kind),
                    args=[ast.Constant(value=str() as name), ast.Constant(value=str() as meaning), *rest],
                ) if kind in _KINDS:
                    labels = ast.literal_eval(rest[0]) if rest else ()
                    yield Metric(f"{name}_total" if kind == "Counter" else name, _KINDS[kind], tuple(labels), meaning)


def _section(service: Service) -> str:
    own = _table(declared_in(service.sources()))
    return f"## {service.name.capitalize()}\n\n{own}" if own else ""


def _table(metrics: Iterable[Metric]) -> str:
    return table(
        ("metric", "type", "labels", "meaning"),
        ((code(each.name), each.kind, ", ".join(map(code, each.labels)) or "none", each.meaning) for each in metrics),
    )
