"""Looks for what alerts search for, and sends it when it is due; of several gateways one does it for all alerts."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from redis.exceptions import RedisError

from coranto.records import FinishedArticle
from coranto.store.interface import ArticleReader, StoreError
from coranto.streams.tasks import end
from coranto.worker.log import TASK_FAILED
from coranto.worker.stage import RetryPolicy
from coranto_gateway.alerts.alert import Alert, Recipient, shown_recipient
from coranto_gateway.alerts.courier import Courier
from coranto_gateway.alerts.matching import find
from coranto_gateway.alerts.message import MOST_ENTRIES, OPERATOR, Hit, Message
from coranto_gateway.alerts.registry import (
    TOLD_FOR,
    Alerts,
    AlertState,
    Commands,
    Sent,
    log_arguments,
    new_messages,
    told_key,
)
from coranto_gateway.alerts.schedule import next_due
from coranto_gateway.alerts.settings import AlertSettings
from coranto_gateway.articles.announcements import Announcement, Announcements
from coranto_gateway.articles.stores import ArticleStores
from coranto_gateway.monitoring.metrics import Metrics
from coranto_gateway.webhooks.reasons import REASONS
from coranto_gateway.webhooks.sending import Answer

ALERTS_WAITING: Final = "alerts.waiting"
ALERT_DEAD: Final = "alert.dead"

_LOOK_SECONDS: Final = 0.5
_LEASE_SECONDS: Final = 60.0
"""Longer than bringing a message may take."""
_BATCHES_AT_ONCE: Final = 20
"""After so many, what is due is sent: whoever catches up with days would else tell of nothing for long."""
_AT_ONCE: Final = 8
_MOST_MESSAGES: Final = 100
"""Messages of one alert that are on their way; while there are more, what is found waits, and becomes one summary."""
_MOST_HITS: Final = 200
"""Stories of one alert that are kept until they are sent; of others there is the number."""
_MOST_DEAD: Final = 100
_RETRY: Final = RetryPolicy(first_delay=timedelta(seconds=10), longest_delay=timedelta(minutes=30))
_TEST_WAITS: Final = timedelta(minutes=5)
"""A test that no gateway has sent by then is not sent: whoever asked has gone."""
_BETWEEN: Final = timedelta(seconds=1)
"""Pause between two messages to one recipient: Telegram takes one a second."""


@dataclass(frozen=True, slots=True)
class AlertTools:
    """What it works with."""

    alerts: Alerts
    announcements: Announcements
    stores: ArticleStores
    courier: Courier
    settings: AlertSettings
    metrics: Metrics
    log: Any


class _LostError(Exception):
    """Another gateway looks and sends now."""


class Watcher:
    """Looks and sends while it has the right to."""

    def __init__(self, tools: AlertTools) -> None:
        self._tools = tools
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._generation = 0
        self._safe_until = 0.0
        self._announced: AsyncGenerator[list[Announcement], None] | None = None
        self._coming: asyncio.Task[list[Announcement]] | None = None
        self._sending: dict[str, asyncio.Task[None]] = {}
        """By recipient: each gets one message after the other."""
        self._ended: set[tuple[str, datetime]] = set()
        """Attempts that have ended, by message and time they were due: what was read before may still show them."""
        self._not_before: dict[str, datetime] = {}
        self._turning = asyncio.Lock()
        self._is_stopping = False

    async def run(self) -> None:
        """Look and send. Never returns."""
        log = self._tools.log
        try:
            while True:
                try:
                    async with self._turning:
                        await self._turn()
                except _LostError:
                    await self._begin_anew()
                except (RedisError, StoreError, OSError) as error:
                    log.warning(ALERTS_WAITING, error=str(error) or type(error).__name__)
                    await self._begin_anew()
                    await asyncio.sleep(1)
                except Exception:  # the webhooks and pages beside it go on
                    log.exception(TASK_FAILED, task="alerts")
                    await self._begin_anew()
                    await asyncio.sleep(5)
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            await self._begin_anew()

    async def drain(self, grace_seconds: float) -> None:
        """Begin nothing more, and let what is being sent be finished within the grace period."""
        self._is_stopping = True
        with suppress(TimeoutError, RedisError, OSError):
            async with asyncio.timeout(grace_seconds):
                # Whatever is still written keeps the right: it is given back behind the last of that, or lapses.
                async with self._turning:
                    if self._sending:
                        await asyncio.wait(self._sending.values())
                    await self._tools.alerts.release(self._owner, self._generation)

    async def _begin_anew(self) -> None:
        await end([*self._sending.values(), *([self._coming] if self._coming is not None else ())])
        self._sending.clear()
        if self._announced is not None:
            await self._announced.aclose()
        self._announced = self._coming = None
        generation, self._generation = self._generation, 0
        if generation:
            # Another gateway may well reach what this one does not.
            with suppress(RedisError, OSError):  # it lapses by itself
                await self._tools.alerts.release(self._owner, generation)

    async def _turn(self) -> None:
        if self._is_stopping:
            return
        state = await self._tools.alerts.state()
        self._count(state)
        self._tools.alerts.definitions.tell(self._tools.log, state.unusable)
        if not state.ids and not state.messages:
            await self._begin_anew()
            return
        if not self._generation:
            self._generation = await self._tools.alerts.acquire(self._owner, seconds=_LEASE_SECONDS)
            if not self._generation:
                return
            self._safe_until = time.monotonic() + _LEASE_SECONDS / 2
        await self._look(state)
        state = await self._tools.alerts.state()
        await self._make_messages(state)
        self._send(await self._tools.alerts.state())

    def _count(self, state: AlertState) -> None:
        paused = sum(each in state.paused for each in state.alerts)
        count = self._tools.metrics.alerts.labels
        count("active").set(len(state.alerts) - paused)
        count("paused").set(paused)
        count("unusable").set(len(state.unusable))

    async def _commit(self, commands: Commands) -> None:
        asked = time.monotonic()
        if not await self._tools.alerts.commit(self._owner, self._generation, commands, seconds=_LEASE_SECONDS):
            raise _LostError
        self._safe_until = asked + _LEASE_SECONDS / 2

    # --- looking ---------------------------------------------------------------------------------------------------

    async def _look(self, state: AlertState) -> None:
        """Look through what has been announced, and note what is found together with the place behind it."""
        if self._announced is None:
            cursor = await self._place(state)
            follow = self._tools.announcements.follow(cursor, pause=1.0)
            self._announced = cast("AsyncGenerator[list[Announcement], None]", follow)
        if self._coming is None:
            self._coming = asyncio.create_task(anext(self._announced))
        await asyncio.wait([self._coming], timeout=_LOOK_SECONDS)
        for _ in range(_BATCHES_AT_ONCE):
            if not self._coming.done():
                break
            found = self._coming.result()
            if found:
                await self._note(await self._tools.alerts.state(), found)
            self._coming = asyncio.create_task(anext(self._announced))
            await asyncio.wait([self._coming], timeout=0.05 if found else 0)
        await self._commit(Commands())

    async def _place(self, state: AlertState) -> int:
        now = await self._tools.announcements.now()
        is_here = state.store == now.store and state.cursor <= now.number
        # No alert tells of what was stored before it was made, so nobody has to look at that.
        first = min((alert.created_at for alert in state.alerts.values()), default=self._tools.courier.now())
        earliest = await self._tools.announcements.number_at(first)
        return max(state.cursor, earliest) if is_here else earliest

    async def _note(self, state: AlertState, announced: list[Announcement]) -> None:
        articles = [each.article for each in announced]
        commands, now = Commands(), self._tools.courier.now()
        for alert in state.alerts.values():
            if alert.id in state.paused:
                continue
            for hit in await self._found(alert, articles):
                await self._note_hit(commands, state, alert, hit, now)
        store = articles[-1].storage.store
        commands.add("HSET", "state", "cursor", str(announced[-1].number), *(("store", store) if store else ()))
        commands.add("ZREMRANGEBYSCORE", "told", "-inf", str((now - TOLD_FOR).timestamp()))
        await self._commit(commands)

    async def _found(self, alert: Alert, articles: list[FinishedArticle]) -> list[Hit]:
        def look(reader: ArticleReader) -> list[Hit]:
            return find(alert, articles, reader)

        return await self._tools.stores.ask(look)

    async def _note_hit(self, commands: Commands, state: AlertState, alert: Alert, hit: Hit, now: datetime) -> None:
        key = told_key(alert.id, hit.key)
        waiting = {each.key: each for each in state.hits.get(alert.id, ())}
        if hit.correction is not None:
            # Before it has been told at all, it is no correction to anybody.
            if hit.story in waiting or not await self._tools.alerts.told([told_key(alert.id, hit.story)]):
                return
        elif hit.story in waiting:
            known = waiting[hit.story]
            more = hit.copies + (hit.article != known.article)
            grown = known.model_copy(update={"copies": known.copies + more})
            commands.add("HSET", "hits", key, grown.model_dump_json())
            return
        if await self._tools.alerts.told([key]):
            return
        commands.add("ZADD", "told", str(now.timestamp()), key)
        if len(waiting) < _MOST_HITS:
            commands.add("HSET", "hits", key, hit.model_dump_json())
            state.hits.setdefault(alert.id, []).append(hit)
        else:
            commands.add("HINCRBY", "more", alert.id, "1")
        if alert.id not in state.due:
            due = next_due(alert, now, last_sent=state.last_sent.get(alert.id))
            state.due[alert.id] = due
            commands.add("HSET", "due", alert.id, due.isoformat())

    # --- what is due -----------------------------------------------------------------------------------------------

    async def _make_messages(self, state: AlertState) -> None:
        """Make messages of what is due, and forget what belongs to alerts that were removed."""
        now, commands = self._tools.courier.now(), Commands()
        for alert_id in state.due.keys() | state.hits.keys():
            alert = state.alerts.get(alert_id)
            hits = state.hits.get(alert_id, [])
            if alert is None and alert_id in state.ids:
                continue
            if alert is None or not hits:
                commands.add("HDEL", "due", alert_id)
                continue
            due = state.due.get(alert_id)
            if due is None:  # its times were changed
                due = next_due(alert, now, last_sent=state.last_sent.get(alert_id))
                commands.add("HSET", "due", alert_id, due.isoformat())
            on_their_way = sum(each.alert == alert_id and each.dead is None for each in state.messages.values())
            if due > now or alert_id in state.paused or on_their_way >= _MOST_MESSAGES:
                continue
            more = max(0, len(hits) - MOST_ENTRIES) + state.more.get(alert_id, 0)
            messages = new_messages(alert, await self._for_each(alert, hits, state), more=more, now=now)
            for message in messages:
                commands.add("HSET", "messages", message.id, message.model_dump_json())
                for hit in message.hits:
                    commands.add("ZADD", "told", str(now.timestamp()), told_key(message.to, hit.key))
            for hit in hits:
                commands.add("HDEL", "hits", told_key(alert_id, hit.key))
            commands.add("HDEL", "due", alert_id)
            commands.add("HDEL", "more", alert_id)
            if messages:
                commands.add("HSET", "sent", alert_id, now.isoformat())
            # What is told here is not told again by the next alert of this turn.
            await self._commit(commands)
            commands = Commands()
        _forget_what_is_gone(commands, state, now)
        if commands.rows:
            await self._commit(commands)

    async def _for_each(self, alert: Alert, hits: list[Hit], state: AlertState) -> dict[str, list[Hit]]:
        """What each recipient is told: people of no story that another alert has told them of, and by which alerts it was found.

        Programs get what each alert finds: its secret tells them which it is.
        """
        shown = hits[:MOST_ENTRIES]
        named = {hit.key: _names(hit, alert, state) for hit in shown}
        found: dict[str, list[Hit]] = {}
        for to in alert.to:
            if Recipient.parse(to).kind == "webhook":
                found[to] = [hit.model_copy(update={"searches": [alert.name]}) for hit in shown]
                continue
            told = await self._tools.alerts.told(told_key(to, hit.key) for hit in shown)
            left = [
                hit.model_copy(update={"searches": [name for name, others in named[hit.key] if to in others]})
                for hit in shown
                if told_key(to, hit.key) not in told
            ]
            if left:
                found[to] = left
        return found

    # --- sending ---------------------------------------------------------------------------------------------------

    def _send(self, state: AlertState) -> None:
        for to in [to for to, task in self._sending.items() if task.done()]:
            self._sending.pop(to).result()
        self._ended &= {(each.id, each.due) for each in state.messages.values()}
        now = self._tools.courier.now()
        for message in sorted(state.messages.values(), key=lambda each: each.due):
            alert = state.alerts.get(message.alert)
            if (
                (alert is None and not message.notice)
                or message.dead is not None
                or message.due > now
                or message.to in self._sending
            ):
                continue
            if message.is_test and now - message.at > _TEST_WAITS:
                continue
            is_paused = message.alert in state.paused and not message.is_test
            if is_paused or self._not_before.get(message.to, now) > now:
                continue
            if len(self._sending) >= _AT_ONCE or time.monotonic() > self._safe_until or self._is_stopping:
                return
            self._sending[message.to] = asyncio.create_task(self._bring(message, alert, state))

    async def _bring(self, message: Message, alert: Alert | None, state: AlertState) -> None:
        try:
            answer = await self._tools.courier.bring(message, None if alert is None else alert.secret)
        except Exception:  # one message must not keep the others from being sent
            self._tools.log.exception(ALERT_DEAD, alert=message.name, message=message.id)
            answer = Answer("refused", "not_written", self._tools.courier.now(), detail=REASONS["not_written"])
        self._not_before[message.to] = answer.at + max(_BETWEEN, answer.retry_after or _BETWEEN)
        commands = Commands()
        is_old = answer.at - message.at >= self._tools.settings.give_up_after
        outcome = "delivered" if answer.verdict == "delivered" else "retried"
        if outcome == "delivered" or message.is_test:
            # A test shows what is, and is not tried again.
            outcome = outcome if outcome == "delivered" else "dead"
            commands.add("HDEL", "messages", message.id)
        elif answer.verdict in ("refused", "gone") or is_old:
            outcome = "dead"
            self._keep_dead(commands, message, answer, state)
        else:
            pause = _RETRY.delay_seconds(message.attempts + 1, answer.retry_after)
            due = answer.at + timedelta(seconds=pause)
            later = message.model_copy(update={"attempts": message.attempts + 1, "due": due})
            commands.add("HSET", "messages", message.id, later.model_dump_json())
        line = Sent(
            at=answer.at,
            alert=message.name,
            message=message.id,
            to=shown_recipient(message.to),
            stories=len(message.hits) + message.more,
            outcome=outcome,
            reason=answer.reason,
            status=answer.status,
            answer=answer.body,
            detail=answer.detail,
            elapsed_ms=answer.elapsed_ms,
        )
        commands.add("XADD", "log", *log_arguments(line))
        await self._commit(commands)
        self._ended.add((message.id, message.due))
        self._tools.metrics.alert_messages.labels(outcome, answer.reason).inc()

    def _keep_dead(self, commands: Commands, message: Message, answer: Answer, state: AlertState) -> None:
        said = " ".join(str(each) for each in (answer.reason, answer.status, answer.body or answer.detail) if each)
        self._tools.log.error(ALERT_DEAD, alert=message.name, kind=message.to.partition(":")[0], reason=answer.reason)
        dead = message.model_copy(update={"dead": said[:500]})
        commands.add("HSET", "messages", message.id, dead.model_dump_json())
        kept = sorted((each for each in state.messages.values() if each.dead is not None), key=lambda each: each.at)
        for oldest in kept[: max(0, len(kept) - _MOST_DEAD + 1)]:
            commands.add("HDEL", "messages", oldest.id)


def _names(hit: Hit, alert: Alert, state: AlertState) -> list[tuple[str, list[str]]]:
    """The alerts that have found it, each with whom it tells; that which is due first."""
    others = [
        (other.name, other.to)
        for other in state.alerts.values()
        if other.id not in {alert.id, *state.paused}
        and any(each.key == hit.key for each in state.hits.get(other.id, ()))
    ]
    return [(alert.name, alert.to), *sorted(others)]


def _forget_what_is_gone(commands: Commands, state: AlertState, now: datetime) -> None:
    """Have removed what belongs to alerts that were removed, or to recipients that were taken out of one, and old tests."""
    known = state.ids
    for alert_id in state.hits.keys() - known:
        for hit in state.hits[alert_id]:
            commands.add("HDEL", "hits", told_key(alert_id, hit.key))
    for message in state.messages.values():
        alert = state.alerts.get(message.alert)
        is_gone = message.alert not in known and message.alert != OPERATOR
        is_old_test = message.is_test and now - message.at > _TEST_WAITS
        if is_gone or is_old_test or (alert is not None and message.to not in alert.to):
            commands.add("HDEL", "messages", message.id)
    for gone in (state.last_sent.keys() | state.more.keys()) - known:
        commands.add("HDEL", "sent", gone)
        commands.add("HDEL", "more", gone)
    for gone in state.paused - known:
        commands.add("SREM", "paused", gone)
