"""The alerts in Redis: what each is, the place up to which they have looked, what was found, and what is to be sent.

What a look finds is written together with the place, and what is due becomes messages in one step: so nothing is found or sent
twice but what a killed gateway was just sending. One gateway at a time looks and sends. As with webhooks, it holds a lease, and
a gateway that has lost it can write nothing.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from redis.asyncio import Redis

from coranto_gateway.alerts.alert import Alert, NewAlert, are_signed, meant_recipients, shown_recipient
from coranto_gateway.alerts.message import OPERATOR, Hit, Message
from coranto_gateway.definitions import ADD, MOST_DEFINITIONS, Definitions, Unusable, read_rows
from coranto_gateway.webhooks.webhook import Secret, new_secret

TOLD_FOR: Final = timedelta(days=30)
"""Time for which it is remembered that an alert has told of a story."""
_LOG_LINES: Final = 5000


class Sent(BaseModel):
    """One line of the log: one attempt to bring a message, and what came of it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: datetime = Field(description="When it ended.")
    alert: str = Field(description="Name of the alert.")
    message: str = Field(description="Id of the message, the same at each attempt.")
    to: str = Field(description="The recipient, as it is shown.")
    stories: int = Field(description="Stories that it told of; 0 for a test.")
    outcome: Literal["delivered", "retried", "dead"] = Field(description="What came of it.")
    reason: str = Field(description="Why, as a word of a closed list.")
    status: int | None = Field(None, description="Status of the answer; null when there was none.")
    answer: str = Field("", description="Beginning of the answer.")
    detail: str = Field("", description="What went wrong.")
    elapsed_ms: int = Field(0, description="Time to the answer, in milliseconds.")


@dataclass(slots=True)
class AlertState:
    """All that there is of alerts, but for what they have told of."""

    alerts: dict[str, Alert]
    """By id."""
    unusable: list[Unusable]
    paused: set[str]
    store: str | None
    cursor: int
    hits: dict[str, list[Hit]]
    """What was found and not sent, by the alert's id and the time of storing."""
    more: dict[str, int]
    """Stories that were found beyond those."""
    due: dict[str, datetime]
    last_sent: dict[str, datetime]
    messages: dict[str, Message]

    def dead_of(self, alert_id: str) -> list[Message]:
        """Messages of the alert, or notices for the operator, that were given up, the oldest first."""
        found = (each for each in self.messages.values() if each.alert == alert_id and each.dead is not None)
        return sorted(found, key=lambda message: message.at)

    @property
    def ids(self) -> set[str]:
        """Ids of all alerts, also of those that cannot be used: what is kept of them waits until they can."""
        return {*self.alerts, *(str(each.kept.get("id")) for each in self.unusable)}


@dataclass(slots=True)
class Commands:
    """What one commit writes, as commands on the keys by their names."""

    rows: list[list[str]] = field(default_factory=list)

    def add(self, command: str, key: str, *arguments: str) -> None:
        """One more command."""
        self.rows.append([command, str(_NAMES.index(key) + 1), *arguments])


_NAMES: Final = ("all", "state", "lease", "paused", "hits", "more", "due", "sent", "messages", "told", "log")

_ACQUIRE: Final = """
local owner = redis.call('GET', KEYS[3])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[2])
return redis.call('HINCRBY', KEYS[2], 'generation', 1)
"""

# In a Redis that was emptied generations begin anew, and two gateways may have the same: the lease tells them apart.
_COMMIT: Final = """
local owner = redis.call('GET', KEYS[3])
if owner and owner ~= ARGV[1] then return 0 end
if redis.call('HGET', KEYS[2], 'generation') ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[2])
for _, row in ipairs(cjson.decode(ARGV[4])) do
  redis.call(row[1], KEYS[tonumber(row[2])], unpack(row, 3))
end
return 1
"""

_RELEASE: Final = """
if redis.call('GET', KEYS[3]) == ARGV[1] and redis.call('HGET', KEYS[2], 'generation') == ARGV[3] then
  redis.call('DEL', KEYS[3])
end
"""

# When what it has found is due depends on what is changed: whoever looks reckons it anew.
_EDIT: Final = """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('HDEL', KEYS[7], ARGV[4])
return 1
"""

_ADD: Final = f"{ADD}return 'added'"


def make_alert(new: NewAlert, *, now: datetime) -> Alert:
    """The alert as it is kept, with a secret where anything is signed."""
    fields = {name: getattr(new, name) for name in NewAlert.model_fields}
    secret = Secret(text=new_secret()) if are_signed(new.to) else None
    return Alert(**fields, id=secrets.token_hex(4), created_at=now, secret=secret)


class Alerts:
    """The alerts of a pipeline."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis: Any = redis
        # One hash tag: a script touches all of these keys.
        self._keys = {name: f"{prefix}:{{alerts}}:{name}" for name in _NAMES}
        self.definitions = Definitions(redis, self._keys["all"], Alert, "alert", masks={"to": shown_recipient})
        scripts = (("acquire", _ACQUIRE), ("commit", _COMMIT), ("release", _RELEASE), ("add", _ADD), ("edit", _EDIT))
        self._scripts = {name: redis.register_script(text) for name, text in scripts}

    async def _run(self, script: str, *arguments: str | bytes | int) -> Any:
        return await self._scripts[script](keys=list(self._keys.values()), args=list(arguments))

    # --- for operators ---------------------------------------------------------------------------------------------

    async def add(self, alert: Alert) -> None:
        """Keep a new alert: it tells of what is stored from now on. Raises NotAddedError."""
        answer = await self._run("add", alert.name, alert.model_dump_json(), MOST_DEFINITIONS)
        self.definitions.check_added(alert.name, answer)

    async def remove(self, name: str) -> None:
        """Forget the alert, and what it had still to send. Raises UnknownNameError."""
        await self.definitions.remove(name)

    async def get(self, name: str) -> Alert:
        """The alert. Raises UnknownNameError, and UnusableError when it cannot be used as it is kept."""
        return await self.definitions.get(name)

    async def edit(self, name: str, fields: Mapping[str, Any]) -> tuple[Alert, str | None]:
        """Change these fields; gives the alert, and the secret that was made because it tells a webhook for the first time.

        What it has found already is told all the same, when it is due by the new times. Raises UnknownNameError and
        WrongFieldsError.
        """
        secret = new_secret()

        def change(kept: dict[str, Any]) -> dict[str, Any]:
            changed = kept | dict(fields)
            if "to" in fields:
                changed["to"] = meant_recipients(fields["to"], kept.get("to"))
            if changed.get("secret") is None and isinstance(changed.get("to"), list) and are_signed(changed["to"]):
                changed["secret"] = {"text": secret}
            return changed

        alert = await self.definitions.edit(name, change, self._write)
        is_new = alert.secret is not None and alert.secret.text == secret
        return alert, secret if is_new else None

    async def _write(self, packed: bytes, edited: Alert) -> bool:
        return bool(await self._run("edit", edited.name, packed, edited.model_dump_json(), edited.id))

    async def pause(self, name: str) -> None:
        """Look for nothing and send nothing for it. Raises UnknownNameError."""
        await self._redis.sadd(self._keys["paused"], (await self.get(name)).id)

    async def resume(self, name: str) -> None:
        """Look again, for what is stored from now on. Raises UnknownNameError."""
        await self._redis.srem(self._keys["paused"], (await self.get(name)).id)

    async def test(self, name: str, *, now: datetime) -> list[str]:
        """Have a gateway send a test to each recipient; gives the ids of the messages. Raises UnknownNameError."""
        alert = await self.get(name)
        messages = new_messages(alert, {to: [] for to in alert.to}, more=0, now=now)
        for message in messages:
            await self._redis.hset(self._keys["messages"], message.id, message.model_dump_json())
        return [message.id for message in messages]

    async def take_back(self, messages: Iterable[str]) -> None:
        """Forget messages that have not been sent yet."""
        await self._redis.hdel(self._keys["messages"], *messages)

    async def redeliver(self, name: str, *, now: datetime) -> int:
        """Try again to bring the messages that were given up; gives how many. Raises UnknownNameError and UnusableError."""
        return await self._redeliver((await self.get(name)).id, now)

    async def _redeliver(self, alert_id: str, now: datetime) -> int:
        dead = (await self.state()).dead_of(alert_id)
        for message in dead:
            again = message.model_copy(update={"dead": None, "attempts": 0, "at": now, "due": now})
            await self._redis.hset(self._keys["messages"], message.id, again.model_dump_json())
        return len(dead)

    async def dead_notices(self) -> list[Message]:
        """Notices for the operator that were given up, the oldest first, to be shown."""
        return [each.to_show() for each in (await self.state()).dead_of(OPERATOR)]

    async def redeliver_notices(self, *, now: datetime) -> int:
        """Try again to bring these notices; gives how many."""
        return await self._redeliver(OPERATOR, now)

    async def discard_notices(self) -> int:
        """Forget these notices; gives how many."""
        dead = await self.dead_notices()
        if dead:
            await self.take_back(message.id for message in dead)
        return len(dead)

    async def log(self, name: str | None = None, *, limit: int = 100) -> list[Sent]:
        """The latest attempts, of one alert or of all, the last first."""
        rows = await self._redis.xrevrange(self._keys["log"], count=_LOG_LINES)
        lines = read_rows(Sent, {entry: fields.get(b"line", b"") for entry, fields in rows}).values()
        return [line for line in lines if name in (None, line.alert)][:limit]

    async def state(self) -> AlertState:
        """All that there is now."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.smembers(self._keys["paused"])
        # The alerts last: what was read of one that is made meanwhile would pass for that of a removed one, and be forgotten.
        for name in ("state", "hits", "more", "due", "sent", "messages", "all"):
            pipe.hgetall(self._keys[name])
        paused, kept, hits, more, due, sent, messages, known = await pipe.execute()
        alerts, unusable = self.definitions.read(known)
        cursor = _whole_number(kept.get(b"cursor", b"0"))
        found: dict[str, list[Hit]] = {}
        for key, hit in read_rows(Hit, hits).items():
            found.setdefault(key.partition(" ")[0], []).append(hit)
        return AlertState(
            alerts={alert.id: alert for alert in alerts},
            unusable=unusable,
            paused={each.decode() for each in paused},
            # Without a place, what was announced since the first alert is looked at again; what was told is known.
            store=kept[b"store"].decode() if b"store" in kept and cursor is not None else None,
            cursor=cursor or 0,
            hits={alert: sorted(each, key=lambda hit: (hit.at, hit.story)) for alert, each in found.items()},
            more={key.decode(): number for key, value in more.items() if (number := _whole_number(value)) is not None},
            due=_times(due),
            last_sent=_times(sent),
            messages=read_rows(Message, messages),
        )

    async def notify(self, recipients: Iterable[str], text: str, *, now: datetime) -> None:
        """Have a gateway tell each of them."""
        batch = secrets.token_hex(6)
        for number, to in enumerate(recipients):
            message = Message(
                id=f"{OPERATOR}-{batch}-{number}",
                alert=OPERATOR,
                name=OPERATOR,
                to=to,
                at=now,
                hits=[],
                notice=text,
                due=now,
            )
            await self._redis.hset(self._keys["messages"], message.id, message.model_dump_json())

    # --- for whoever looks and sends -------------------------------------------------------------------------------

    async def acquire(self, owner: str, *, seconds: float) -> int:
        """The right to look and send, for so long, as a generation; 0 while somebody else has it."""
        return int(await self._run("acquire", owner, round(seconds * 1000)))

    async def commit(self, owner: str, generation: int, commands: Commands, *, seconds: float) -> bool:
        """Write all and keep the right for so long; False, and nothing is written, when the right is lost."""
        packed = json.dumps(commands.rows)
        return bool(await self._run("commit", owner, round(seconds * 1000), str(generation), packed))

    async def release(self, owner: str, generation: int) -> None:
        """Give the right back."""
        await self._run("release", owner, 0, str(generation))

    async def told(self, keys: Iterable[str]) -> set[str]:
        """Those of the keys, as `told_key` makes them, that have been told."""
        asked = list(keys)
        if not asked:
            return set()
        scores = await self._redis.zmscore(self._keys["told"], asked)
        return {key for key, score in zip(asked, scores, strict=True) if score is not None}


def told_key(who: str, what: str) -> str:
    """How it is noted that an alert, by its id, or a recipient, as it is written, has been told of a story or a correction."""
    return f"{who} {what}"


def new_messages(alert: Alert, hits: Mapping[str, list[Hit]], *, more: int, now: datetime) -> list[Message]:
    """What is sent to each of these recipients."""
    batch = secrets.token_hex(6)
    return [
        Message(
            id=f"{alert.name}-{batch}-{number}",
            alert=alert.id,
            name=alert.name,
            to=to,
            at=now,
            hits=hits[to],
            more=more,
            due=now,
        )
        for number, to in enumerate(hits)
    ]


def log_arguments(line: Sent) -> tuple[str, ...]:
    """Of the command that adds a line to the log."""
    return ("MAXLEN", "~", str(_LOG_LINES), "*", "line", line.model_dump_json(exclude_none=True))


def _times(kept: dict[bytes, bytes]) -> dict[str, datetime]:
    """Those that can be read: the others are reckoned anew."""
    found: dict[str, datetime] = {}
    for key, value in kept.items():
        with suppress(ValueError, OverflowError):
            found[key.decode()] = datetime.fromisoformat(value.decode()).astimezone(UTC)
    return found


def _whole_number(value: bytes) -> int | None:
    return int(value) if value.isdigit() else None
