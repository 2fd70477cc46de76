"""Delivers for one webhook: what is announced behind its place, in order for each article, until the receiver takes it.

A failed delivery is kept to be tried again (it is late), so that one record that the receiver cannot take holds up no other,
except later revisions of its own article. When all fail, a breaker stops the webhook and one delivery at a time is tried;
nothing but the place is kept then, however long it lasts. The place moves on only with what is settled in Redis, so what a
gateway had under way when it was killed is sent again, with the same `webhook-id`.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from redis.exceptions import RedisError

from coranto.filter import Filter, compile_filter
from coranto.records import FinishedArticle
from coranto.store.interface import ArticleReader, StoreError
from coranto.streams.tasks import end
from coranto.worker.breaker import Breaker, Permit
from coranto_gateway.articles.announcements import NO_STORE, Announcement, Announcements, Position
from coranto_gateway.articles.stores import ArticleStores
from coranto_gateway.monitoring.metrics import Metrics
from coranto_gateway.webhooks.deliveries import Change, DeadDelivery, Grant, Late, place_in
from coranto_gateway.webhooks.ending import End, Item, News, change_for, decide, note_trouble
from coranto_gateway.webhooks.progress import Progress
from coranto_gateway.webhooks.reasons import REASONS
from coranto_gateway.webhooks.registry import LOG_LINES, Webhooks
from coranto_gateway.webhooks.sending import Answer, Sender, message_of
from coranto_gateway.webhooks.settings import WebhookSettings
from coranto_gateway.webhooks.webhook import Webhook

WEBHOOKS_WAITING: Final = "webhooks.waiting"
WEBHOOK_RESET: Final = "webhook.reset"
WEBHOOK_RECORD_FAILED: Final = "webhook.record_failed"

MOST_LATE: Final = 100
"""Beyond these nothing new is begun: a receiver that fails with so many is not well."""
_LOOK_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Tools:
    """What every delivery works with."""

    webhooks: Webhooks
    announcements: Announcements
    stores: ArticleStores
    sender: Sender
    settings: WebhookSettings
    metrics: Metrics
    clock: Callable[[], datetime]
    notify: Callable[[str], Awaitable[None]]
    """Tells the operator."""
    log: Any


class Delivery:
    """Delivers for one webhook for as long as it has the right to."""

    def __init__(self, webhook: Webhook, grant: Grant, tools: Tools) -> None:
        self.webhook = webhook
        self._grant = grant
        self._tools = tools
        self._wanted = _filter_of(webhook)
        self._breaker = Breaker(tools.settings.breaker, clock=lambda: tools.clock().timestamp())
        self._retry = tools.settings.retry
        self._progress = Progress()
        self._store = NO_STORE
        self._taken = 0
        """Number of the last announcement that was begun, or needed nothing."""
        self._written = -1
        """The cursor that is in Redis."""
        self._fresh: deque[Announcement] = deque()
        self._late: dict[int, Item] = {}
        self._dead = 0
        self._in_flight: dict[asyncio.Task[None], Item] = {}
        self._next_start = 0.0
        self._safe_until = 0.0
        self._stop = asyncio.Event()
        self._is_lost = False
        self._lock = asyncio.Lock()

    # --- running ---------------------------------------------------------------------------------------------------

    def use(self, webhook: Webhook) -> None:
        """Go on with the webhook as it is now: what is begun from now on goes by it."""
        if webhook.where != self.webhook.where:
            self._wanted = _filter_of(webhook)
        self.webhook = webhook

    def write_place(self) -> None:
        """Write the place again with what is written next: in Redis it is lost."""
        self._written = -1

    def stop(self) -> None:
        """Begin nothing more; what is under way is finished."""
        self._stop.set()

    async def run(self) -> None:
        """Deliver until it is told to stop, or the right is lost. Raises StoreError when it cannot begin."""
        try:
            await self._begin()
        except BaseException:
            await self._release()
            raise
        announced = cast(
            "AsyncGenerator[list[Announcement], None]",
            self._tools.announcements.follow(self._taken, pause=1.0),
        )
        coming: asyncio.Task[list[Announcement]] | None = None
        stopping = asyncio.create_task(self._stop.wait())
        try:
            while not self._stop.is_set() and not self._is_lost:
                if coming is not None and coming.done():
                    self._fresh.extend(coming.result())
                    coming = None
                await self._start_what_may()
                if coming is None and not self._fresh:
                    coming = asyncio.create_task(anext(announced))
                waiting = {stopping, *self._in_flight, *([coming] if coming is not None else ())}
                await asyncio.wait(waiting, timeout=self._seconds_to_wait(), return_when=asyncio.FIRST_COMPLETED)
                self._reap()
                await self._keep_right()
            if not self._is_lost:
                await self._drain()
        finally:
            await end([stopping, *self._in_flight, *([coming] if coming is not None else ())])
            await announced.aclose()
            if not self._is_lost:
                await self._release()

    async def _drain(self) -> None:
        while self._in_flight and not self._is_lost:
            await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)
            self._reap()
        if not self._is_lost:
            await self._commit(Change())

    def _reap(self) -> None:
        for task in [task for task in self._in_flight if task.done()]:
            del self._in_flight[task]
            task.result()  # what nobody foresaw ends the delivery, which begins anew

    async def _release(self) -> None:
        with suppress(RedisError, OSError):  # it lapses by itself
            await self._tools.webhooks.release(self._grant)

    async def _begin(self) -> None:
        """Take up where it stands."""
        webhooks, name = self._tools.webhooks, self.webhook.name
        self._progress = progress = await webhooks.progress(name)
        now = await self._tools.announcements.now()
        cursor, change = progress.cursor, Change()
        if progress.rewind is not None:
            cursor = await self._tools.announcements.number_at(datetime.fromisoformat(progress.rewind))
            change.unset.append("rewind")
        elif cursor is None:
            cursor = await self._find_place(now)
            self._tell_reset(Position(now.store, cursor), "how far it had got cannot be read")
        elif progress.store not in (now.store, NO_STORE):
            self._tell_reset(now, f"the place is of the article store {progress.store}, and this is {now.store}")
            cursor = now.number
        elif cursor > now.number:
            self._tell_reset(now, f"it has got to {cursor}, and the article store has announced {now.number}")
            cursor = now.number
        late = await webhooks.late(name)
        dead = await webhooks.dead(name)
        if progress.rewind is not None:
            # They come again by themselves.
            change.not_late = [each.number for each in late if each.number > cursor]
            change.not_dead = [each.number for each in dead if each.number > cursor]
        self._late = {each.number: Item(each, is_fresh=False) for each in late if each.number not in change.not_late}
        self._dead = len(dead) - len(change.not_dead)
        await self._make_again(change, cursor)
        self._store, self._taken = now.store, cursor
        await self._commit(change)

    async def _find_place(self, now: Position) -> int:
        """A place behind which all comes that may not have been delivered: by the log, else all since the webhook was made."""
        log = await self._tools.webhooks.log(self.webhook.name, limit=LOG_LINES)
        number = place_in(log, now.store, longest=2 * self._tools.settings.timeout)
        if number is None:
            number = await self._tools.announcements.number_at(self.webhook.created_at)
        return min(number, now.number)

    async def _make_again(self, change: Change, cursor: int) -> None:
        """Make deliveries again whose rows were set aside, of announcements that the place has passed."""
        for row in await self._tools.webhooks.set_aside(self.webhook.name):
            number = row.number
            if number is None or number > cursor or row.is_made_again:
                continue
            article = await self._announced(number)
            if article is None:
                continue
            late = Late(number=number, article=article.id, revision=article.storage.revision)
            if row.part == "late":
                change.late.append(late)
                self._late[number] = Item(late, is_fresh=False)
            else:
                dead = late.model_dump(exclude={"attempts"})
                detail = REASONS["unreadable"]
                change.dead.append(DeadDelivery(**dead, url=article.url, at=row.at, reason="unreadable", detail=detail))
                self._dead += 1
            change.made_again.append(row.model_copy(update={"is_made_again": True}))

    async def _announced(self, number: int) -> FinishedArticle | None:
        def look(reader: ArticleReader) -> FinishedArticle | None:
            found = reader.announced_after(number - 1, 1)
            return found[0].article if found and found[0].number == number else None

        return await self._tools.stores.ask_if_any(look)

    def _tell_reset(self, now: Position, why: str) -> None:
        self._tools.log.warning(WEBHOOK_RESET, webhook=self.webhook.name, to=str(now), why=why)

    # --- choosing --------------------------------------------------------------------------------------------------

    def _now(self) -> float:
        return self._tools.clock().timestamp()

    def _may_start(self) -> bool:
        not_before = self._progress.not_before
        return (
            not self._stop.is_set()
            and not self._is_lost
            and len(self._in_flight) < self.webhook.at_once
            # An answer must have come, or not, while nobody else can have the right.
            and time.monotonic() < self._safe_until
            and (not_before is None or self._tools.clock() >= not_before)
            and self._now() >= self._next_start
            and (self._breaker.is_closed or self._breaker.may_try)
        )

    def _seconds_to_wait(self) -> float:
        pause = self._next_start - self._now()
        return pause if 0 < pause < _LOOK_SECONDS else _LOOK_SECONDS

    async def _start_what_may(self) -> None:
        while self._may_start():
            item = self._next_late() or await self._next_fresh()
            if item is None or not self._may_start():
                if item is not None:
                    self._put_back(item)
                return
            if self.webhook.per_minute is not None:
                self._next_start = self._now() + 60 / self.webhook.per_minute
            permit = await self._breaker.permit()  # at once: it was asked before
            self._in_flight[asyncio.create_task(self._deliver(item, permit))] = item

    def _next_late(self) -> Item | None:
        """The late one that has waited longest for its turn; of each article the earliest only."""
        now, seen = self._now(), self._articles_in_flight()
        found: Item | None = None
        for number in sorted(self._late):
            item = self._late[number]
            if item.late.article in seen:
                continue
            seen.add(item.late.article)
            if item.due <= now and (found is None or item.due < found.due):
                found = item
        return found

    def _articles_in_flight(self) -> set[str]:
        return {item.late.article for item in self._in_flight.values()}

    async def _next_fresh(self) -> Item | None:
        """The next announcement that is wanted, and waits for no earlier one of its article."""
        while self._fresh and len(self._late) < MOST_LATE:
            number, article = self._fresh[0].number, self._fresh[0].article
            if self._store == NO_STORE and article.storage.store is not None:
                self._store = article.storage.store
            if self._wanted is not None and not self._wanted(article):
                self._fresh.popleft()
                self._taken = number
                self._count("dropped", "not_wanted")
                continue
            late = Late(number=number, article=article.id, revision=article.storage.revision)
            if article.id in self._articles_in_flight() or any(
                item.late.article == article.id for item in self._late.values()
            ):
                if not await self._commit(Change(late=[late]), passing=number):
                    return None
                self._fresh.popleft()
                self._late[number] = Item(late, is_fresh=False)
                continue
            self._fresh.popleft()
            self._taken = number
            return Item(late, article)
        return None

    def _put_back(self, item: Item) -> None:
        """Leave a fresh one for the next look; a late one is in its place."""
        if item.is_fresh:
            assert item.article is not None  # noqa: S101 - a fresh one has its record
            self._taken = item.late.number - 1
            self._fresh.appendleft(Announcement(item.late.number, item.article, b""))

    # --- delivering ------------------------------------------------------------------------------------------------

    async def _deliver(self, item: Item, permit: Permit) -> None:
        with permit:
            try:
                answer = await self._send(item)
            except StoreError as error:
                # Nothing is wrong with the receiver, and all of it is still late.
                self._tools.log.warning(WEBHOOKS_WAITING, webhook=self.webhook.name, error=str(error))
                item.due = self._now() + self._retry.delay_seconds(1)
                return
            end = decide(item, answer, permit, self._breaker, dead=self._dead)
        change = change_for(item, answer, end, self._store)
        news = note_trouble(
            self._progress,
            change,
            answer,
            end,
            is_closed=self._breaker.is_closed,
            failing_after=self._tools.settings.failing_after,
        )
        if await self._commit(change, item=item):
            self._settle(item, answer, end)
            if news is not None:
                await self._tell(news)

    async def _send(self, item: Item) -> Answer:
        article = item.article or await self._find(item.late)
        if article is None:
            return Answer("refused", "record_gone", self._tools.clock(), detail=REASONS["record_gone"])
        item.article = article
        try:
            message = message_of(article, Position(self._store, item.late.number), self.webhook.format)
        except Exception:  # one record must not keep the others from being delivered
            self._tools.log.exception(WEBHOOK_RECORD_FAILED, webhook=self.webhook.name, record_id=article.id)
            return Answer("refused", "not_written", self._tools.clock(), detail=REASONS["not_written"])
        return await self._tools.sender.send(self.webhook, message)

    async def _find(self, late: Late) -> FinishedArticle | None:
        article = await self._announced(late.number)
        # In another store the number may mean another article.
        is_it = article is not None and (article.id, article.storage.revision) == (late.article, late.revision)
        return article if is_it else None

    def _settle(self, item: Item, answer: Answer, end: End) -> None:
        """Take note of what is in Redis now."""
        number = item.late.number
        self._count(end.outcome, end.reason)
        match end.kind:
            case "delivered":
                self._late.pop(number, None)
            case "dead":
                self._late.pop(number, None)
                self._dead += 1
            case "late":
                # Without its record, which is read again when its turn comes: a hundred of them may be large.
                pause = self._retry.delay_seconds(max(1, end.late.attempts), answer.retry_after)
                due = answer.at.timestamp() + pause
                self._late[number] = Item(end.late, due=due, is_fresh=False)
                if answer.retry_after:
                    self._progress.not_before = answer.at + answer.retry_after
            case "disabled":
                if item.is_fresh:  # it is the first to be sent when the webhook is resumed
                    self._taken = min(self._taken, number - 1)
                self._stop.set()

    async def _tell(self, news: News) -> None:
        name = self.webhook.name
        write = self._tools.log.error if news.level == "error" else self._tools.log.warning
        write(news.event, webhook=name, **news.fields)
        if news.notice is not None:
            with suppress(RedisError, OSError):  # it is in the log, and in the webhook's standing
                await self._tools.notify(f"webhook {name}: {news.notice}")

    def _count(self, outcome: str, reason: str) -> None:
        self._tools.metrics.webhook_deliveries.labels(outcome, reason).inc()

    # --- writing ---------------------------------------------------------------------------------------------------

    def _cursor(self, item: Item | None, passing: int | None) -> int:
        """The place up to which everything is settled, once what is being written is."""
        taken = self._taken if passing is None else passing
        open_numbers = (each.late.number for each in self._in_flight.values() if each.is_fresh and each is not item)
        return min(open_numbers, default=taken + 1) - 1

    async def _commit(self, change: Change, *, item: Item | None = None, passing: int | None = None) -> bool:
        """Write the change; False when the right is lost. Waits for a Redis that does not answer."""
        # One at a time: else a place could be written that passes a delivery whose end is not written yet.
        async with self._lock:
            # A webhook that is disabled comes back to what it was refused.
            cursor = self._cursor(item if "disabled" not in change.set else None, passing)
            if cursor != self._written:
                change.set |= {"store": self._store, "cursor": str(cursor)}
            lease = self._tools.settings.lease_seconds
            while not self._is_lost:
                asked = time.monotonic()
                try:
                    is_written = await self._tools.webhooks.commit(self._grant, change, seconds=lease)
                except (RedisError, OSError) as error:
                    self._tools.log.warning(WEBHOOKS_WAITING, webhook=self.webhook.name, error=str(error))
                    await asyncio.sleep(1)
                    continue
                if not is_written:
                    self._is_lost = True
                    break
                self._safe_until = asked + lease / 2
                self._written = cursor
                if passing is not None:
                    self._taken = passing
                if item is not None and "disabled" not in change.set:
                    item.is_fresh = False
                return True
            return False

    async def _keep_right(self) -> None:
        """Renew the right while nothing else is written, and write how far the filter has let nothing through."""
        half_way = self._safe_until - self._tools.settings.lease_seconds / 4
        is_behind = not self._in_flight and not self._fresh and self._written != self._taken
        if is_behind or time.monotonic() > half_way:
            await self._commit(Change())


def _filter_of(webhook: Webhook) -> Filter | None:
    return compile_filter(webhook.where) if webhook.where else None
