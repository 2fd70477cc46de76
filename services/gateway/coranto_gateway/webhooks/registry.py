"""The webhooks in Redis: what each is, how far it has got, what it still has to try again, and what its receiver answered.

How far a webhook has got is one number, the announcement up to which everything was delivered, did not pass the filter, is
kept to be tried again (`late`), or was given up (`dead`). So a receiver that is away costs nothing but the number.

One gateway at a time delivers for a webhook. It holds a lease, and each time somebody takes the lease the webhook's
generation grows: a gateway that was stopped for a while and goes on, unaware of another, can write nothing any more. Whoever
changes a webhook's progress by hand makes the generation grow as well, and has whoever delivers begin anew from it.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from redis.asyncio import Redis

from coranto_gateway.announcements import Position
from coranto_gateway.definitions import (
    ADD,
    MOST_DEFINITIONS,
    Definitions,
    UnknownNameError,
    Unusable,
    UnusableError,
    faults_of,
    fields_of,
    said_of,
)
from coranto_gateway.secret_addresses import shown_address
from coranto_gateway.webhooks.webhook import Secret, Webhook

MOST_DEAD: Final = 1000
_LOG_LINES: Final = 1000
_TESTS_AT_ONCE: Final = 20
_PLACE: Final = frozenset({"store", "cursor", "rewind"})

Standing = Literal["active", "trying_again", "failing", "paused", "disabled"]
Count = Literal[Standing, "unusable"]
"""What webhooks are counted by."""


class Late(BaseModel):
    """An announcement that the webhook has passed and that is to be tried again, or waits for an earlier one of its article."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    number: int = Field(description="Number of its announcement.")
    article: str = Field(description="Id of the article.")
    revision: int = Field(description="Number of its revision.")
    attempts: int = Field(0, description="Attempts that failed while other deliveries went well.")


class DeadDelivery(BaseModel):
    """An announcement that was given up."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    number: int = Field(description="Number of its announcement.")
    article: str = Field(description="Id of the article.")
    revision: int = Field(description="Number of its revision.")
    url: str = Field(description="Address of the article.")
    at: datetime = Field(description="When it was given up.")
    reason: str = Field(description="Why.")
    detail: str = Field(description="What the receiver answered.")


class Attempt(BaseModel):
    """One line of a webhook's log: one request, and what came of it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: datetime = Field(description="When it ended.")
    webhook_id: str = Field(description="The `webhook-id` that it was sent with.")
    number: int | None = Field(None, description="Number of the announcement; null for a test.")
    article: str | None = Field(None, description="Id of the article.")
    revision: int | None = Field(None, description="Number of its revision.")
    outcome: Literal["delivered", "retried", "dead", "test"] = Field(description="What came of it.")
    reason: str = Field(description="Why, as a word of a closed list.")
    status: int | None = Field(None, description="Status of the answer; null when there was none.")
    answer: str = Field("", description="Beginning of the answer's body.")
    detail: str = Field("", description="What went wrong.")
    elapsed_ms: int = Field(0, description="Time to the answer, in milliseconds.")


def _is_time(text: str) -> str:
    datetime.fromisoformat(text)
    return text


class UnplacedError(ValueError):
    """A webhook of which nobody knows any more how far it has got is to be reset, and nobody says where it goes on."""

    def __init__(self, name: str) -> None:
        super().__init__(f"how far the webhook {name!r} has got cannot be read: say where it goes on (start)")


class Progress(BaseModel):
    """How a webhook does."""

    model_config = ConfigDict(extra="ignore")

    store: str = "0"
    cursor: int = 0
    rewind: Annotated[str, AfterValidator(_is_time)] | None = None
    """Where it is to begin, until that is looked up: a time."""
    generation: int = 0
    is_paused: bool = False
    disabled: str | None = None
    """Why it was switched off by its receiver."""
    trouble_since: datetime | None = None
    trouble: str | None = None
    is_failing: bool = False
    """Whether the trouble has lasted so long that it was reported."""
    not_before: datetime | None = None
    delivered: int = 0
    delivered_at: datetime | None = None

    @property
    def position(self) -> Position:
        """The place up to which it has got."""
        return Position(self.store, self.cursor)

    @property
    def standing(self) -> Standing:
        """In a word."""
        if self.disabled is not None:
            return "disabled"
        if self.is_paused:
            return "paused"
        if self.trouble_since is None:
            return "active"
        return "failing" if self.is_failing else "trying_again"

    @property
    def is_running(self) -> bool:
        """Whether anything is to be delivered."""
        return self.disabled is None and not self.is_paused


@dataclass(slots=True)
class Change:
    """What one commit changes of a webhook's progress, at once."""

    set: dict[str, str] = field(default_factory=dict)
    unset: list[str] = field(default_factory=list)
    add: dict[str, int] = field(default_factory=dict)
    late: list[Late] = field(default_factory=list)
    not_late: list[int] = field(default_factory=list)
    dead: list[DeadDelivery] = field(default_factory=list)
    not_dead: list[int] = field(default_factory=list)
    log: list[Attempt] = field(default_factory=list)

    def to_json(self) -> str:
        """As the script takes it."""
        return json.dumps(
            {
                "set": self.set,
                "unset": self.unset,
                "add": self.add,
                "late": {str(each.number): each.model_dump_json() for each in self.late},
                "not_late": [str(number) for number in self.not_late],
                "not_dead": [str(number) for number in self.not_dead],
                "dead": {str(each.number): each.model_dump_json() for each in self.dead},
                "log": [each.model_dump_json(exclude_none=True) for each in self.log],
            }
        )


@dataclass(frozen=True, slots=True)
class Grant:
    """The right to deliver for a webhook, until it is lost."""

    name: str
    generation: int
    owner: str


_ADD: Final = (
    ADD
    + """
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6])
redis.call('HSET', KEYS[2], unpack(ARGV, 4))
return 'added'
"""
)

# All scripts take the same keys: webhooks, state, late, dead, log, lease.
_ACQUIRE: Final = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
local owner = redis.call('GET', KEYS[6])
if owner and owner ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[6], ARGV[2], 'PX', ARGV[3])
return redis.call('HINCRBY', KEYS[2], 'generation', 1)
"""

_CHECK: Final = """
local function is_held()
  if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return false end
  if redis.call('HGET', KEYS[2], 'generation') ~= ARGV[4] then return false end
  redis.call('SET', KEYS[6], ARGV[2], 'PX', ARGV[3])
  return true
end
"""

_COMMIT: Final = (
    _CHECK
    + """
if not is_held() then return 0 end
local change = cjson.decode(ARGV[5])
for name, value in pairs(change.set) do redis.call('HSET', KEYS[2], name, value) end
for _, name in ipairs(change.unset) do redis.call('HDEL', KEYS[2], name) end
for name, value in pairs(change.add) do redis.call('HINCRBY', KEYS[2], name, value) end
for _, number in ipairs(change.not_late) do redis.call('HDEL', KEYS[3], number) end
for number, value in pairs(change.late) do redis.call('HSET', KEYS[3], number, value) end
for _, number in ipairs(change.not_dead) do redis.call('HDEL', KEYS[4], number) end
for number, value in pairs(change.dead) do redis.call('HSET', KEYS[4], number, value) end
for _, line in ipairs(change.log) do redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[6], '*', 'line', line) end
return 1
"""
)

_RELEASE: Final = """
if redis.call('GET', KEYS[6]) == ARGV[2] and redis.call('HGET', KEYS[2], 'generation') == ARGV[4] then
  redis.call('DEL', KEYS[6])
end
"""

# What is known of the receiver was said by another one, where the address is new.
_EDIT: Final = """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
if ARGV[4] == 'moved' then
  redis.call('HDEL', KEYS[2], 'disabled', 'not_before', 'trouble_since', 'trouble', 'is_failing')
  redis.call('HINCRBY', KEYS[2], 'generation', 1)
end
return 1
"""

# What cannot be read may be the generation itself.
_RESET: Final = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
for _, name in ipairs(cjson.decode(ARGV[2])) do redis.call('HDEL', KEYS[2], name) end
if ARGV[3] ~= '' then redis.call('HSET', KEYS[2], 'rewind', ARGV[3]) end
if redis.call('HEXISTS', KEYS[2], 'generation') == 0 then redis.call('HSET', KEYS[2], 'generation', ARGV[4]) end
redis.call('HINCRBY', KEYS[2], 'generation', 1)
return 1
"""

_PAUSE: Final = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[2], 'is_paused', '1')
return 1
"""

# What waits because the receiver asked for it is tried at once: whoever resumes knows that it is back.
_RESUME: Final = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HDEL', KEYS[2], 'is_paused', 'disabled', 'not_before')
redis.call('HINCRBY', KEYS[2], 'generation', 1)
return 1
"""

# What is late or dead behind the place comes by itself.
_REWIND: Final = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HINCRBY', KEYS[2], 'generation', 1)
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[2], 'rewind', ARGV[3])
  return 1
end
redis.call('HDEL', KEYS[2], 'rewind')
redis.call('HSET', KEYS[2], 'cursor', ARGV[2])
for _, key in ipairs({KEYS[3], KEYS[4]}) do
  for _, number in ipairs(redis.call('HKEYS', key)) do
    if tonumber(number) > tonumber(ARGV[2]) then redis.call('HDEL', key, number) end
  end
end
return 1
"""

_MOVE_DEAD: Final = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return -1 end
local numbers = {unpack(ARGV, 3)}
if #numbers == 0 then numbers = redis.call('HKEYS', KEYS[4]) end
local moved = 0
for _, number in ipairs(numbers) do
  local packed = redis.call('HGET', KEYS[4], number)
  if packed then
    redis.call('HDEL', KEYS[4], number)
    if ARGV[2] == 'redeliver' then
      local dead = cjson.decode(packed)
      redis.call('HSET', KEYS[3], number, cjson.encode(
        {number = dead.number, article = dead.article, revision = dead.revision, attempts = 0}))
    end
    moved = moved + 1
  end
end
if moved > 0 then redis.call('HINCRBY', KEYS[2], 'generation', 1) end
return moved
"""


class Webhooks:
    """The webhooks of a pipeline."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        # One hash tag: a script touches several of these keys.
        self._prefix = f"{prefix}:{{webhooks}}"
        self._all = f"{self._prefix}:all"
        self.definitions = Definitions(redis, self._all, Webhook, "webhook", masks={"url": shown_address})
        self._tests = f"{self._prefix}:tests"
        self._scripts = {
            name: redis.register_script(text)
            for name, text in (
                ("add", _ADD),
                ("acquire", _ACQUIRE),
                ("commit", _COMMIT),
                ("release", _RELEASE),
                ("edit", _EDIT),
                ("reset", _RESET),
                ("pause", _PAUSE),
                ("resume", _RESUME),
                ("rewind", _REWIND),
                ("move_dead", _MOVE_DEAD),
            )
        }

    def _keys(self, name: str) -> list[str]:
        parts = ("state", "late", "dead", "log", "lease")
        return [self._all, *(f"{self._prefix}:{name}:{part}" for part in parts)]

    async def _run(self, script: str, name: str, *args: str | bytes | int) -> Any:
        return await self._scripts[script](keys=self._keys(name), args=[name, *args])

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
        """All webhooks by name, each with how it does; and those that cannot be used as they, or their state, are kept."""
        found, unusable = await self.definitions.all()
        usable: list[tuple[Webhook, Progress]] = []
        for webhook in found:
            try:
                usable.append((webhook, await self.progress(webhook.name)))
            except UnusableError as error:
                unusable.append(error.unusable)
        return usable, unusable

    async def get(self, name: str) -> Webhook:
        """The webhook. Raises UnknownNameError, and UnusableError when it cannot be used as it is kept."""
        return await self.definitions.get(name)

    async def progress(self, name: str) -> Progress:
        """How it does. Raises UnusableError when that cannot be read."""
        kept = await self._state(name)
        try:
            return Progress.model_validate(kept)
        except ValidationError as error:
            why = f"its state in Redis cannot be read: {said_of(error)[:1000]}"
            raise UnusableError("webhook", Unusable(name=name, why=why, kept=kept, is_state=True)) from error

    async def _state(self, name: str) -> dict[str, str]:
        packed = await cast("Awaitable[dict[bytes, bytes]]", self._redis.hgetall(self._keys(name)[1]))
        return {key.decode("utf-8", "replace"): value.decode("utf-8", "replace") for key, value in packed.items()}

    async def count(self) -> dict[Count, int]:
        """The number of webhooks in each standing."""
        usable, unusable = await self.all()
        found: Counter[Count] = Counter(progress.standing for _, progress in usable)
        return dict(found + Counter({"unusable": len(unusable)}))

    async def counts(self, name: str) -> tuple[int, int]:
        """How many deliveries are late, and how many dead."""
        _, _, late, dead, _, _ = self._keys(name)
        return await self._redis.hlen(late), await self._redis.hlen(dead)

    async def late(self, name: str) -> list[Late]:
        """What is to be tried again, by number."""
        packed = await cast("Awaitable[list[bytes]]", self._redis.hvals(self._keys(name)[2]))
        return sorted((Late.model_validate_json(each) for each in packed), key=lambda late: late.number)

    async def dead(self, name: str) -> list[DeadDelivery]:
        """What was given up, by number."""
        packed = await cast("Awaitable[list[bytes]]", self._redis.hvals(self._keys(name)[3]))
        return sorted((DeadDelivery.model_validate_json(each) for each in packed), key=lambda dead: dead.number)

    async def log(self, name: str, *, limit: int = 100) -> list[Attempt]:
        """The latest attempts, the last first."""
        rows = cast("Any", await self._redis.xrevrange(self._keys(name)[4], count=limit))
        return [Attempt.model_validate_json(fields[b"line"]) for _, fields in rows]

    async def write_log(self, name: str, attempt: Attempt) -> None:
        """Note an attempt that was no delivery."""
        line = attempt.model_dump_json(exclude_none=True)
        await self._redis.xadd(self._keys(name)[4], {"line": line}, maxlen=_LOG_LINES, approximate=True)

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
        answer = await self._run("edit", edited.name, packed, edited.model_dump_json(), "moved" if is_moved else "")
        return bool(answer)

    async def pause(self, name: str) -> None:
        """Deliver nothing until it is resumed. Raises UnknownNameError."""
        if not await self._run("pause", name):
            raise UnknownNameError("webhook", name)

    async def resume(self, name: str) -> None:
        """Go on at once, also when it was disabled or waits. Raises UnknownNameError."""
        if not await self._run("resume", name):
            raise UnknownNameError("webhook", name)

    async def reset(self, name: str, start: datetime | None = None) -> list[str]:
        """Forget what cannot be read of how it does, and go on, from what was stored at `start` where that is given.

        Gives the names of what is forgotten. Raises UnknownNameError, and UnplacedError when `start` is needed and not given.
        """
        faults: set[str] = set()
        try:
            Progress.model_validate(await self._state(name))
        except ValidationError as error:
            faults = {field for field, _ in faults_of(error)}
        if start is None and faults & _PLACE:
            raise UnplacedError(name)
        since = "" if start is None else start.isoformat()
        if not await self._run("reset", name, json.dumps(sorted(faults)), since, time.time_ns() // 1_000_000):
            raise UnknownNameError("webhook", name)
        return sorted(faults)

    async def rewind(self, name: str, to: int | datetime) -> None:
        """Deliver again all behind this number, or that was stored since this time. Raises UnknownNameError."""
        number, since = (0, to.isoformat()) if isinstance(to, datetime) else (to, "")
        if not await self._run("rewind", name, number, since):
            raise UnknownNameError("webhook", name)

    async def redeliver(self, name: str, numbers: Iterable[int] = ()) -> int:
        """Try the dead deliveries again, those of these numbers or all; gives how many. Raises UnknownNameError."""
        return await self._move_dead(name, "redeliver", numbers)

    async def discard(self, name: str, numbers: Iterable[int] = ()) -> int:
        """Forget the dead deliveries, those of these numbers or all; gives how many. Raises UnknownNameError."""
        return await self._move_dead(name, "discard", numbers)

    async def _move_dead(self, name: str, what: str, numbers: Iterable[int]) -> int:
        moved = int(await self._run("move_dead", name, what, *numbers))
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
        arguments = (grant.owner, round(seconds * 1000), str(grant.generation), change.to_json(), _LOG_LINES)
        return bool(await self._run("commit", grant.name, *arguments))

    async def release(self, grant: Grant) -> None:
        """Give the right back."""
        await self._run("release", grant.name, grant.owner, 0, str(grant.generation))


def make_webhook(new: Any, *, now: datetime | None = None, secret: str) -> Webhook:
    """The webhook as it is kept."""
    moment = now or datetime.now(UTC)
    return Webhook(**new.model_dump(), created_at=moment, secrets=(Secret(text=secret),))


def start_of(asked: Literal["now", "beginning"] | datetime | None, now: datetime) -> datetime | None:
    """The time from which on what was stored is delivered."""
    if asked == "beginning":
        return datetime.fromtimestamp(0, UTC)
    return now if asked == "now" else asked
