"""The page of log events: every event name that a service writes, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import coranto.worker
from generate.markdown import code, page, table
from generate.services import Service

_INTRODUCTION = """
A service writes one line of JSON for each event to standard error, or a readable line when that is a terminal. `event` names
what happened; everything else is a field. INFO is for the operator, WARNING should be looked at this week, ERROR now. There are no
page bodies, secrets or query strings in it.

A message's line has `stage`, `outcome`, `reason`, `record_id`, `url` (without its query), `attempt`, `queue_ms` (the wait for
the stage), `handle_ms` and, for a dead one, `error`.
"""

Level = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class LogEvent:
    """What one event name says."""

    level: Level
    meaning: str


EVENTS: Mapping[str, LogEvent] = {
    "settings.loaded": LogEvent("info", "The settings in force, secrets masked; first line of a service."),
    "worker.started": LogEvent("info", "The service reads messages from now on."),
    "message.done": LogEvent("info", "A message has ended; at WARNING when it became a dead letter."),
    "worker.stopping": LogEvent("info", "The service was told to stop, and finishes the messages it is working on."),
    "worker.stopped": LogEvent("info", "The service has ended; what was left was handed back."),
    "log.lines_lost": LogEvent(
        "warning", "So many lines could not be written, for example to a full disk; the work went on meanwhile."
    ),
    "redis.unsafe": LogEvent("warning", "Redis may lose or evict what it holds; the line names the setting to change."),
    "redis.waiting": LogEvent("warning", "Redis does not answer. The service waits and is not ready."),
    "redis.reconnected": LogEvent("info", "Redis answers again."),
    "group.created": LogEvent("warning", "A stream or group was gone, for example after a restart without a file."),
    "claim.lost": LogEvent("warning", "Another worker took over a message that this one was still working on."),
    "feed.storage_failed": LogEvent(
        "warning",
        "The feeder cannot write what it has found, for example to a full disk. It polls nothing for half a minute.",
    ),
    "websub.listening": LogEvent("info", "The feeder listens for hubs at this address."),
    "websub.subscribed": LogEvent(
        "info", "A hub announces a feed's changes from now on, for the lease that it grants."
    ),
    "websub.ended": LogEvent("info", "A hub announces a feed's changes no longer, as it was asked."),
    "websub.refused": LogEvent(
        "warning",
        "A hub does not take what it is asked for. It is asked again, more and more rarely; the feed is polled as before.",
    ),
    "websub.ignored": LogEvent(
        "warning", "What was sent for a feed is not signed by its hub, and was ignored. The feed is polled as before."
    ),
    "reindex.started": LogEvent(
        "info", "The sink sends stored articles again: the index of stories had come back empty."
    ),
    "outbox.announced": LogEvent(
        "info", "The sink announced revisions that were stored and not announced; `known` were announced before."
    ),
    "outbox.waiting": LogEvent(
        "warning", "Taking note of what is announced has to wait: the store or Redis cannot be written."
    ),
    "outbox.unreadable": LogEvent(
        "error", "Stored revisions cannot be announced, because their records are gone or cannot be read."
    ),
    "reindex.done": LogEvent("info", "All articles of the window have been sent again."),
    "redis.restarted": LogEvent(
        "info", "Redis was restarted with its file; what was handed on just before is submitted again."
    ),
    "redis.lost_data": LogEvent("warning", "Redis came back without what it held; the feeder looks into its account."),
    "recovery.resubmitted": LogEvent("info", "The feeder submitted again what Redis had lost."),
    "recovery.waiting_for_room": LogEvent(
        "info",
        "Some of what Redis had lost finds no room in its host's queue yet; it is submitted again once there is.",
    ),
    "refetch.submitted": LogEvent(
        "info", "Articles that were stored a while ago are fetched again, to look for corrections."
    ),
    "feed.polled": LogEvent("info", "The feeder asked a feed for news; the line says what it brought."),
    "feed.failed": LogEvent("info", "A feed could not be had or read; it is asked again, later each time."),
    "stage.paused": LogEvent("warning", "The stage downstream has too much waiting, so this one stops reading."),
    "stage.resumed": LogEvent("warning", "The stage downstream has caught up, and reading goes on."),
    "breaker.opened": LogEvent(
        "error",
        "A run of failures for one systemic reason, or too many dead letters (`reason` is `dead_letters`, `last` says why): "
        "the stage stops reading and tries one message at a time.",
    ),
    "commit.failed": LogEvent(
        "error", "Outcomes could not be sent to Redis; they are settled one by one. A bug: report it."
    ),
    "handlers.left_behind": LogEvent(
        "error", "The service ended although handlers were still running that could not be cancelled. Report it."
    ),
    "stage.stop_failed": LogEvent("error", "A stage could not close what it had opened."),
    "group.at_risk": LogEvent(
        "warning",
        "A group has not read what will soon be trimmed. Let its program run, or remove the group with XGROUP DESTROY.",
    ),
    "group.unknown": LogEvent(
        "warning",
        "A consumer group on an internal stream that is none of ours; it holds nothing back and may lose entries.",
    ),
    "breaker.closed": LogEvent("warning", "A probe went well; the stage works again."),
    "task.failed": LogEvent(
        "warning", "A background task of the service failed and is started again; at ERROR when it is a bug."
    ),
    "announcements.waiting": LogEvent(
        "warning", "The gateway cannot read the article store, and tries again; readers of its streams wait meanwhile."
    ),
    "webhook.trying_again": LogEvent(
        "warning", "A webhook's receiver fails with everything: one delivery at a time is tried, more and more rarely."
    ),
    "webhook.failing": LogEvent(
        "error", "Nothing could be delivered to a webhook for a day. Nothing is lost: look at `coranto webhooks log`."
    ),
    "webhook.recovered": LogEvent(
        "warning", "A webhook's receiver takes deliveries again; it gets all that it missed."
    ),
    "definition.unusable": LogEvent(
        "error",
        "A webhook or alert is kept in a form that cannot be used, for the reason in the line. It does nothing; all others go on. "
        "Mend it with `coranto webhooks edit` or `coranto alerts edit`.",
    ),
    "webhook.disabled": LogEvent(
        "error", "A webhook's receiver answered 410: nothing is sent until `coranto webhooks resume`."
    ),
    "webhook.row_set_aside": LogEvent(
        "error",
        "A row of a webhook in Redis could not be read, for the reason in the line; it was set aside and the webhook goes on. "
        "`coranto webhooks show` has it, `coranto webhooks reset` discards it.",
    ),
    "webhook.reset": LogEvent(
        "warning",
        "A webhook's place is not one of this article store, so it goes on from now; `coranto webhooks redeliver` sets it back.",
    ),
    "webhook.record_failed": LogEvent(
        "error", "A record could not be written in a webhook's format; it is a dead delivery. A bug: report it."
    ),
    "webhooks.waiting": LogEvent(
        "warning", "Webhooks have to wait: the article store cannot be read, or Redis does not answer."
    ),
    "alerts.waiting": LogEvent(
        "warning", "Alerts have to wait: the article store cannot be read, or Redis does not answer."
    ),
    "alert.dead": LogEvent(
        "error", "A message of an alert was given up; `coranto alerts log` says why, and `redeliver` sends it again."
    ),
    "request.failed": LogEvent(
        "error", "The gateway could not answer a request; at WARNING when it was Redis that did not answer."
    ),
    "housekeeping.failed": LogEvent(
        "error", "Claiming, trimming, measuring, a commit or handing back failed; `during` says which."
    ),
}
"""What each event means. The names are constants of `coranto.worker.log` and of the services."""

# A constant such as MESSAGE_DONE = "message.done", or a name written in the call itself.
_NAMED = re.compile(r'^[A-Z][A-Z_]+(?:: Final)? = "([a-z_]+\.[a-z_]+)"$', re.MULTILINE)
_CALLED = re.compile(r'\.(?:debug|info|warning|error|exception|critical)\(\s*"([a-z_]+\.[a-z_]+)"')


def render(services: Sequence[Service]) -> str:
    """The page. An event without a meaning has an empty line, which a test refuses."""
    names = sorted(event_names(services))
    return page(
        "Log events",
        _INTRODUCTION,
        table(("event", "level", "meaning"), ((code(name), *_words(name)) for name in names)),
        source="`generate.logs`",
    )


def event_names(services: Iterable[Service]) -> set[str]:
    """Every event name in the sources of delivery and of the services."""
    sources = [*_sources_of(Path(coranto.worker.__path__[0])), *(path for each in services for path in each.sources())]
    texts = [path.read_text(encoding="utf-8") for path in sources]
    return {name for text in texts for pattern in (_NAMED, _CALLED) for name in pattern.findall(text)}


def _sources_of(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.rglob("*.py"))


def _words(name: str) -> tuple[str, str]:
    event = EVENTS.get(name)
    return (event.level, event.meaning) if event is not None else ("", "")
