"""The webhooks in Redis: what each is, how far it has got, what it still has to try again, and what its receiver answered.

How far a webhook has got is one number, the announcement up to which everything was delivered, did not pass the filter, is
kept to be tried again (`late`), or was given up (`dead`). So a receiver that is away costs nothing but the number.

One gateway at a time delivers for a webhook. It holds a lease, and each time somebody takes the lease the webhook's
generation grows: a gateway that was stopped for a while and goes on, unaware of another, can write nothing any more. Whoever
changes a webhook's progress by hand makes the generation grow as well, and has whoever delivers begin anew from it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeVar, cast

from pydantic import BaseModel, ValidationError
from redis.asyncio import Redis

from coranto_gateway.addresses.secret_addresses import shown_address
from coranto_gateway.articles.announcements import Position
from coranto_gateway.definitions import (
    MOST_DEFINITIONS,
    Definitions,
    UnknownNameError,
    Unusable,
    fields_of,
    said_of,
)
from coranto_gateway.webhooks import scripts
from coranto_gateway.webhooks.deliveries import Attempt, Change, DeadDelivery, Grant, Late
from coranto_gateway.webhooks.progress import Count, Progress, read_progress
from coranto_gateway.webhooks.set_aside import Part, SetAside, note_row
from coranto_gateway.webhooks.webhook import Webhook

LOG_LINES: Final = 1000
_TESTS_AT_ONCE: Final = 20
_PARTS: Final = ("state", "late", "dead", "log", "lease", "aside")

Row = TypeVar("Row", bound=BaseModel)
Delivered = TypeVar("Delivered", Late, DeadDelivery)
Tell = Callable[[str, SetAside], Awaitable[None]]
"""Told of each row that is set aside, with the name of its webhook."""


class Webhooks:
    """The webhooks of a pipeline."""

    def __init__(self, redis: Redis, prefix: str, tell: Tell | None = None) -> None:
        self._redis = redis
        self._tell = tell
        # One hash tag: a script touches several of these keys.
        self._prefix = f"{prefix}:{{webhooks}}"
        self._all = f"{self._prefix}:all"
        self.definitions = Definitions(redis, self._all, Webhook, "webhook", masks={"url": shown_address})
        self._tests = f"{self._prefix}:tests"
        self._scripts = {name: redis.register_script(text) for name, text in scripts.ALL.items()}

    def _keys(self, name: str) -> list[str]:
        return [self._all, *(f"{self._prefix}:{name}:{part}" for part in _PARTS)]

    async def _run(self, script: str, name: str, *args: str | bytes | int) -> Any:
        return await self._scripts[script](keys=self._keys(name), args=[name, *args])

    async def _change(self, script: str, name: str, *args: str | bytes | int) -> Any:
        """Run a script that makes the generation grow, after what cannot be read of it was set aside."""
        await self.progress(name)
        return await self._run(script, name, *args)

    # --- for operators ---------------------------------------------------------------------------------------------

    async def add(self, webhook: Webhook, start: Position | datetime) -> None:
        """Keep a new webhook, which begins behind this place, or with what was stored at this time. Raises NotAddedError."""
        state = (
            {"rewind": start.isoformat()}
            if isinstance(start, datetime)
            else {"store": start.store, "cursor": str(start.number)}
        )
        # A gateway that still delivers for a webhook of this name that was removed must not be taken for one of this.
        state["generation"] = str(time.time_ns() // 1_000_000)
        flat = [part for pair in state.items() for part in pair]
        answer = await self._run("add", webhook.name, webhook.model_dump_json(), MOST_DEFINITIONS, *flat)
        self.definitions.check_added(webhook.name, answer)

    async def remove(self, name: str) -> None:
        """Forget the webhook and all that is kept of it. Raises UnknownNameError."""
        await self.definitions.remove(name)
        await self._redis.delete(*self._keys(name)[1:])

    async def all(self) -> tuple[list[tuple[Webhook, Progress]], list[Unusable]]:
        """All webhooks by name, each with how it does; and those that cannot be used as they are kept."""
        usable, unusable = await self.definitions.all()
        return [(webhook, await self.progress(webhook.name)) for webhook in usable], unusable

    async def get(self, name: str) -> Webhook:
        """The webhook. Raises UnknownNameError, and UnusableError when it cannot be used as it is kept."""
        return await self.definitions.get(name)

    async def progress(self, name: str) -> Progress:
        """How it does. What cannot be read of that is set aside."""
        _, state, *_, aside = self._keys(name)
        pipe = self._redis.pipeline(transaction=False)
        pipe.hgetall(state)
        pipe.hlen(aside)
        kept, number = await pipe.execute()
        known = {field: kept[field.encode()] for field in Progress.model_fields if field.encode() in kept}
        progress, faults = read_progress({field: value.decode("utf-8", "replace") for field, value in known.items()})
        # Another generation than any gateway has, so that one that delivers begins anew.
        instead = {"is_paused": "1", "generation": str(time.time_ns() // 1_000_000)}
        for field, why in faults.items():
            await self._set_aside(name, "state", field, known[field], why, instead.get(field, ""))
        return progress.model_copy(update={"set_aside": number + len(faults)})

    async def count(self) -> dict[Count, int]:
        """The number of webhooks in each standing."""
        usable, unusable = await self.all()
        found: Counter[Count] = Counter(progress.standing for _, progress in usable)
        return dict(found + Counter({"unusable": len(unusable)}))

    async def counts(self, name: str) -> tuple[int, int]:
        """How many deliveries are late, and how many dead."""
        _, _, late, dead, *_ = self._keys(name)
        return await self._redis.hlen(late), await self._redis.hlen(dead)

    async def late(self, name: str) -> list[Late]:
        """What is to be tried again, by number. What cannot be read is set aside."""
        return await self._deliveries(name, "late", Late)

    async def dead(self, name: str) -> list[DeadDelivery]:
        """What was given up, by number. What cannot be read is set aside."""
        return await self._deliveries(name, "dead", DeadDelivery)

    async def log(self, name: str, *, limit: int = 100) -> list[Attempt]:
        """The latest attempts, the last first. What cannot be read is set aside."""
        rows = cast("Any", await self._redis.xrevrange(self._keys(name)[4], count=limit))
        lines = {entry.decode(): fields.get(b"line", repr(fields).encode()) for entry, fields in rows}
        return [line for _, line in await self._readable(name, "log", lines, Attempt)]

    async def set_aside(self, name: str) -> list[SetAside]:
        """The rows that were set aside, the last first."""
        packed = await cast("Awaitable[list[bytes]]", self._redis.hvals(self._keys(name)[6]))
        found: list[SetAside] = []
        for each in packed:
            with suppress(ValidationError):
                found.append(SetAside.model_validate_json(each))
        return sorted(found, key=lambda row: row.at, reverse=True)

    async def _deliveries(self, name: str, part: Literal["late", "dead"], model: type[Delivered]) -> list[Delivered]:
        key = self._keys(name)[1 + _PARTS.index(part)]
        packed = await cast("Awaitable[dict[bytes, bytes]]", self._redis.hgetall(key))
        rows = {number.decode("utf-8", "surrogateescape"): each for number, each in packed.items()}
        found = await self._readable(name, part, rows, model)
        for number, each in found:
            if number != str(each.number):
                await self._set_aside(name, part, number, rows[number], f"it is of the number {each.number}")
        return sorted((each for number, each in found if number == str(each.number)), key=lambda each: each.number)

    async def _readable(
        self, name: str, part: Part, rows: Mapping[str, bytes], model: type[Row]
    ) -> list[tuple[str, Row]]:
        found: list[tuple[str, Row]] = []
        for row, packed in rows.items():
            try:
                found.append((row, model.model_validate_json(packed)))
            except ValidationError as error:
                await self._set_aside(name, part, row, packed, said_of(error))
        return found

    async def _set_aside(self, name: str, part: Part, row: str, packed: bytes, why: str, instead: str = "") -> None:
        told = note_row(part, row, packed, why, datetime.now(UTC))
        key, in_redis = 2 + _PARTS.index(part), row.encode("utf-8", "surrogateescape")
        arguments = (key, in_redis, packed, instead, told.key, told.model_dump_json())
        if await self._run("set_aside", name, *arguments) and self._tell is not None:
            await self._tell(name, told)

    async def write_log(self, name: str, attempt: Attempt) -> None:
        """Note an attempt that was no delivery."""
        line = attempt.model_dump_json(exclude_none=True)
        await self._redis.xadd(self._keys(name)[4], {"line": line}, maxlen=LOG_LINES, approximate=True)

    async def edit(self, name: str, fields: Mapping[str, Any]) -> Webhook:
        """Change these fields, and give the webhook; with a new address, it begins anew with its receiver.

        Raises UnknownNameError and WrongFieldsError.
        """

        def change(kept: dict[str, Any]) -> dict[str, Any]:
            url = kept.get("url")
            is_as_shown = isinstance(url, str) and fields.get("url") == shown_address(url)
            return kept | dict(fields) | ({"url": url} if is_as_shown else {})

        return await self.definitions.edit(name, change, self._write)

    async def rotate(self, name: str, secret: str, now: datetime, *, overlap: timedelta) -> Webhook:
        """Give it another secret; the one it has is used beside it for so long. Raises UnknownNameError and UnusableError."""
        await self.get(name)

        def change(kept: dict[str, Any]) -> dict[str, Any]:
            return Webhook.model_validate(kept).with_new_secret(secret, now, overlap=overlap).model_dump(mode="json")

        return await self.definitions.edit(name, change, self._write)

    async def _write(self, packed: bytes, edited: Webhook) -> bool:
        is_moved = fields_of(packed).get("url") != edited.url
        answer = await self._change("edit", edited.name, packed, edited.model_dump_json(), "moved" if is_moved else "")
        return bool(answer)

    async def pause(self, name: str) -> None:
        """Deliver nothing until it is resumed. Raises UnknownNameError."""
        if not await self._run("pause", name):
            raise UnknownNameError("webhook", name)

    async def resume(self, name: str) -> None:
        """Go on at once, also when it was disabled or waits. Raises UnknownNameError."""
        if not await self._change("resume", name):
            raise UnknownNameError("webhook", name)

    async def reset(self, name: str, start: datetime | None = None) -> int:
        """Forget what was set aside, and give how many rows; with `start`, go on from what was stored then.

        Raises UnknownNameError.
        """
        discarded = int(await self._change("reset", name, "" if start is None else start.isoformat()))
        if discarded < 0:
            raise UnknownNameError("webhook", name)
        return discarded

    async def rewind(self, name: str, to: int | datetime) -> None:
        """Deliver again all behind this number, or that was stored since this time. Raises UnknownNameError."""
        number, since = (0, to.isoformat()) if isinstance(to, datetime) else (to, "")
        if not await self._change("rewind", name, number, since):
            raise UnknownNameError("webhook", name)

    async def redeliver(self, name: str, numbers: Iterable[int] = ()) -> int:
        """Try the dead deliveries again, those of these numbers or all; gives how many. Raises UnknownNameError."""
        return await self._move_dead(name, "redeliver", numbers)

    async def discard(self, name: str, numbers: Iterable[int] = ()) -> int:
        """Forget the dead deliveries, those of these numbers or all; gives how many. Raises UnknownNameError."""
        return await self._move_dead(name, "discard", numbers)

    async def _move_dead(self, name: str, what: str, numbers: Iterable[int]) -> int:
        await self.dead(name)  # sets aside what cannot be read
        moved = int(await self._change("move_dead", name, what, *numbers))
        if moved < 0:
            raise UnknownNameError("webhook", name)
        return moved

    async def ask_for_test(self, name: str, message_id: str) -> None:
        """Have a gateway send a test; its answer is in the log under this id."""
        await self.get(name)
        await self._redis.lpush(self._tests, f"{name} {message_id}")
        # When no gateway runs, what was asked for long ago is not sent later.
        await self._redis.expire(self._tests, 60)

    async def asked_tests(self) -> list[tuple[str, str]]:
        """Take the tests that were asked for: names and ids."""
        rows = cast("Any", await self._redis.rpop(self._tests, _TESTS_AT_ONCE))
        return [(name, message) for name, _, message in (row.decode().partition(" ") for row in rows or ())]

    # --- for whoever delivers --------------------------------------------------------------------------------------

    async def acquire(self, name: str, owner: str, *, seconds: float) -> Grant | None:
        """The right to deliver, for so long; None while somebody else has it. Who has it gets a new one, and loses the old."""
        generation = int(await self._run("acquire", name, owner, round(seconds * 1000)))
        return Grant(name, generation, owner) if generation else None

    async def commit(self, grant: Grant, change: Change, *, seconds: float) -> bool:
        """Write the change and keep the right for so long; False, and nothing is written, when the right is lost."""
        arguments = (grant.owner, round(seconds * 1000), str(grant.generation), change.to_json(), LOG_LINES)
        return bool(await self._run("commit", grant.name, *arguments))

    async def release(self, grant: Grant) -> None:
        """Give the right back."""
        await self._run("release", grant.name, grant.owner, 0, str(grant.generation))


def start_of(asked: Literal["now", "beginning"] | datetime | None, now: datetime) -> datetime | None:
    """The time from which on what was stored is delivered."""
    if asked == "beginning":
        return datetime.fromtimestamp(0, UTC)
    return now if asked == "now" else asked
