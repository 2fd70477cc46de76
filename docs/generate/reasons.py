"""The page of reasons: every word that may stand behind an outcome, stage by stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from coranto.worker.stage import DELIVERY_REASONS
from generate.ast_scan import find_endings
from generate.markdown import code, page, table
from generate.services import Service, get_module

_INTRODUCTION = """
Every message ends in one outcome with one reason. The words are the same in metrics (`coranto_messages_settled_total`), in the log
(`message.done`), in dead letters and in the ledger behind `coranto show`.

| outcome | what happened to the message |
|---|---|
| `published` | Its result was published; at the end of a line there is nothing to publish. |
| `accepted` | What it asked for is done, such as registering a feed, and no article comes of it. The ledger has a line. |
| `dropped` | Nothing is wrong and nothing comes of it. The ledger has a line. |
| `retried` | It waits and comes again; when its attempts are used up it is dead. |
| `dead` | It is a dead letter: see `coranto dead`. The ledger has a line. |

A reason marked *systemic* has its cause in the machinery and not in the message: a run of them opens the stage's breaker, which
stops reading and probes until the cause is gone.
"""

# What delivery does with its own reasons is in its code, not in a call that could be read.
_OF_DELIVERY: Mapping[str, str] = {
    "ok": "published",
    "queued": "retried",
    "malformed": "dead",
    "deadline": "retried, then dead",
    "worker_lost": "dead",
    "error": "retried, then dead",
    "entry_deleted": "dropped",
    "already_published": "dropped",
}


def render(services: Sequence[Service]) -> str:
    """The page."""
    return page(
        "Reasons",
        _INTRODUCTION,
        "## Every stage",
        "Given by delivery itself.",
        table(
            ("reason", "outcome", "meaning"),
            ((code(name), _OF_DELIVERY.get(name, "see the log"), text) for name, text in DELIVERY_REASONS.items()),
        ),
        *(_section(service) for service in services if service.stages),
        "## Webhooks and alerts",
        "Why an attempt to deliver to a webhook, or to bring a message of an alert, ended as it did: in "
        "`coranto_gateway_webhook_deliveries_total`, `coranto_gateway_alert_messages_total`, `coranto webhooks log` and `coranto "
        "alerts log`.",
        table(
            ("reason", "meaning"),
            ((code(name), text) for name, text in _webhook_reasons().items()),
        ),
        source="the services' `reasons.py` and `coranto.worker.stage`",
    )


def _webhook_reasons() -> Mapping[str, str]:
    reasons: Mapping[str, str] = get_module("coranto_gateway.webhooks.reasons", install="./services/gateway").REASONS
    return reasons


def _section(service: Service) -> str:
    endings = find_endings(service.sources(), service.reasons)
    stages = " and ".join(stage.name for stage in service.stages)
    note = "" if len(service.stages) == 1 else f"Its stages {stages} share the list.\n\n"
    rows = (
        (code(name), " or ".join(sorted(endings[name])) or "as the case is", f"{text}{_mark(service, name)}")
        for name, text in service.reasons.items()
    )
    return f"## {service.name.capitalize()}\n\n{note}{table(('reason', 'outcome', 'meaning'), rows)}"


def _mark(service: Service, reason: str) -> str:
    return " *Systemic.*" if reason in service.systemic else ""
