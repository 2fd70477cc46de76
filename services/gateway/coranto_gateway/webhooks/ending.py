"""How one attempt to deliver ends: what it changes in Redis, and what is told of the webhook's state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

from coranto.records import FinishedArticle
from coranto.worker.breaker import Breaker, Permit
from coranto_gateway.webhooks.deliveries import MOST_DEAD, Attempt, Change, DeadDelivery, Late
from coranto_gateway.webhooks.progress import Progress
from coranto_gateway.webhooks.sending import Answer

WEBHOOK_TRYING_AGAIN: Final = "webhook.trying_again"
WEBHOOK_FAILING: Final = "webhook.failing"
WEBHOOK_RECOVERED: Final = "webhook.recovered"
WEBHOOK_DISABLED: Final = "webhook.disabled"

_GIVE_UP_AFTER: Final = 20
"""Attempts with one record that failed while others went well: some three hours."""
_OURS: Final = frozenset({"record_gone", "not_written"})
"""Reasons that say nothing of the receiver."""


@dataclass(slots=True)
class Item:
    """One announcement on its way."""

    late: Late
    article: FinishedArticle | None = None
    """None for one that has to be read again."""
    due: float = 0.0
    is_fresh: bool = True
    """Whether the webhook's place has not passed it yet."""


@dataclass(frozen=True, slots=True)
class End:
    """How one attempt ended."""

    kind: Literal["delivered", "late", "dead", "disabled"]
    reason: str
    late: Late
    """What is kept where it is tried again."""
    changed: str | None = None
    """What it changed in the breaker."""

    @property
    def outcome(self) -> Literal["delivered", "retried", "dead"]:
        """As it is logged and counted."""
        return "retried" if self.kind in ("late", "disabled") else self.kind  # type: ignore[return-value]  # mypy does not narrow by `in`


@dataclass(frozen=True, slots=True)
class News:
    """A change of a webhook's state."""

    level: Literal["warning", "error"]
    event: str
    fields: dict[str, Any]
    notice: str | None = None
    """What the operator is told, if anything."""


def decide(item: Item, answer: Answer, permit: Permit, breaker: Breaker, *, dead: int) -> End:
    """How the attempt ends, where so many are dead already. Tells the breaker."""
    reason = answer.reason
    if reason in _OURS:
        return End("dead", reason, item.late)
    if answer.verdict == "gone":
        return End("disabled", reason, item.late)
    if answer.verdict == "delivered":
        changed = permit.report(reason, "success", is_dead=False, is_end=True)
        return End("delivered", reason, item.late, changed)
    is_refused = answer.verdict == "refused"
    is_given_up = not is_refused and breaker.is_closed and item.late.attempts + 1 >= _GIVE_UP_AFTER
    is_dead = is_refused or is_given_up
    # Whatever kind of failure: a receiver that is going down has several.
    changed = permit.report(
        "refused" if is_refused else "failed",
        "success" if is_refused else "systemic",
        is_dead=is_dead,
        is_end=is_dead,
    )
    is_held_back = breaker.holds_back_dead_letters and changed != "opened"
    if is_dead and not is_held_back and dead < MOST_DEAD:
        return End("dead", "gave_up" if is_given_up else reason, item.late, changed)
    attempts = item.late.attempts + (breaker.is_closed and not is_dead)
    return End("late", reason, item.late.model_copy(update={"attempts": attempts}), changed)


def change_for(item: Item, answer: Answer, end: End, store: str) -> Change:
    """What the end changes in Redis."""
    number, change = item.late.number, Change()
    if end.kind in ("delivered", "dead") and not item.is_fresh:
        change.not_late.append(number)
    match end.kind:
        case "delivered":
            change.add["delivered"] = 1
            change.set["delivered_at"] = answer.at.isoformat()
        case "dead":
            change.dead.append(_dead_delivery(item, answer, end.reason))
        case "late":
            change.late.append(end.late)
            if answer.retry_after:
                change.set["not_before"] = (answer.at + answer.retry_after).isoformat()
        case "disabled":
            change.set["disabled"] = f"the receiver answered 410 at {answer.at.isoformat(timespec='seconds')}"
    attempt = Attempt(
        at=answer.at,
        webhook_id=f"{store}-{number}",
        number=number,
        article=item.late.article,
        revision=item.late.revision,
        outcome=end.outcome,
        reason=end.reason,
        status=answer.status,
        answer=answer.body,
        detail=answer.detail,
        elapsed_ms=answer.elapsed_ms,
    )
    change.log.append(attempt)
    return change


def note_trouble(
    progress: Progress, change: Change, answer: Answer, end: End, *, is_closed: bool, failing_after: timedelta
) -> News | None:
    """Note a change of state in both, and give what is to be told of it: once, however many deliveries fail."""
    since = progress.trouble_since
    said = " ".join(filter(None, (answer.reason, answer.detail)))[:500]
    if end.kind == "disabled":
        return News("error", WEBHOOK_DISABLED, {"status": answer.status}, "its receiver answered 410; it is disabled")
    if end.kind == "delivered" or end.changed == "closed":
        if since is None:
            return None
        notice = "its receiver takes deliveries again" if progress.is_failing else None
        change.unset += ["trouble_since", "trouble", "is_failing"]
        progress.trouble_since, progress.is_failing = None, False
        lasted = round((answer.at - since).total_seconds())
        return News("warning", WEBHOOK_RECOVERED, {"after_seconds": lasted}, notice)
    if is_closed or end.reason in _OURS:
        return None
    change.set["trouble"] = said
    seen = {"status": answer.status, "error": said}
    if since is None:
        progress.trouble_since = answer.at
        change.set["trouble_since"] = answer.at.isoformat()
        return News("warning", WEBHOOK_TRYING_AGAIN, seen)
    if progress.is_failing or answer.at - since < failing_after:
        return None
    progress.is_failing = True
    change.set["is_failing"] = "1"
    began = since.isoformat(timespec="seconds")
    return News("error", WEBHOOK_FAILING, {"since": began} | seen, f"nothing was delivered since {began}: {said}")


def _dead_delivery(item: Item, answer: Answer, reason: str) -> DeadDelivery:
    said = f"{answer.status} {answer.body}".strip() if answer.status is not None else answer.detail
    return DeadDelivery(
        number=item.late.number,
        article=item.late.article,
        revision=item.late.revision,
        url=item.article.url if item.article is not None else "",
        at=answer.at,
        reason=reason,
        detail=f"{answer.reason}: {said}" if reason == "gave_up" else said,
    )
