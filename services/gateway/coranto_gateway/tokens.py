"""Tokens: who may use the gateway, kept hashed in Redis, with scopes, an end and the time of last use.

A token is `coranto_<id>_<secret>`. The secret is random, so its plain SHA-256 tells nobody anything; it is compared in
constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, cast

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from redis.asyncio import Redis

from coranto_gateway.definitions import Definitions, Unusable

_TOKEN: Final = re.compile(r"coranto_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")
_USE_NOTED_EVERY: Final = timedelta(minutes=1)


class Scope(StrEnum):
    """What a token may do."""

    READ = "read"
    """Read articles, sources and the state of the pipeline, and follow the stream."""
    SUBMIT = "submit"
    """Submit pages and feeds."""
    OPERATE = "operate"
    """Change sources, redeliver and discard dead letters, look after webhooks and alerts."""


class Token(BaseModel):
    """What is kept of a token."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(description="Eight characters that name it.")
    name: str = Field(description="Who or what uses it.")
    scopes: frozenset[Scope] = Field(description="What it may do.")
    digest: str = Field(description="SHA-256 of its secret.")
    created_at: AwareDatetime = Field(description="When it was made.")
    ends_at: AwareDatetime | None = Field(None, description="When it ends.")
    last_used_at: datetime | None = Field(None, description="When it was used last, to the minute.")

    def has_ended(self, now: datetime) -> bool:
        """Whether its end has come."""
        return self.ends_at is not None and self.ends_at <= now


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever makes a request."""

    name: str
    scopes: frozenset[Scope]
    token: str | None = None
    """Id of the token; None for whoever needs none."""


EVERYTHING: Final = frozenset(Scope)


class Tokens:
    """The tokens in Redis, and the one of the settings."""

    def __init__(self, redis: Redis, prefix: str, *, settings_token: str | None = None) -> None:
        self._redis = redis
        self._tokens = f"{prefix}:gateway:tokens"
        self._definitions = Definitions(redis, self._tokens, Token, "token")
        self._used = f"{prefix}:gateway:tokens-used"
        self._settings_digest = None if settings_token is None else _digest(settings_token)
        self._noted: dict[str, float] = {}

    async def add(self, name: str, scopes: frozenset[Scope], *, ends_at: datetime | None = None) -> tuple[Token, str]:
        """A new token, and its text, which is shown this once and kept nowhere."""
        identity, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        token = Token(
            id=identity, name=name, scopes=scopes, digest=_digest(secret), created_at=datetime.now(UTC), ends_at=ends_at
        )
        await self._redis.hset(self._tokens, identity, token.model_dump_json(exclude_none=True))
        return token, f"coranto_{identity}_{secret}"

    async def all(self) -> tuple[list[Token], list[Unusable]]:
        """All tokens, the oldest first, and by their ids those that cannot be used as they are kept."""
        found, unusable = await self._definitions.all()
        used = await cast("Awaitable[dict[bytes, bytes]]", self._redis.hgetall(self._used))
        with_use = [token.model_copy(update={"last_used_at": _moment(used.get(token.id.encode()))}) for token in found]
        return sorted(with_use, key=lambda token: token.created_at), unusable

    async def remove(self, identity: str) -> bool:
        """Revoke the token at once. False when there is none of this id."""
        removed = await self._redis.hdel(self._tokens, identity)
        await self._redis.hdel(self._used, identity)
        return bool(removed)

    async def find(self, text: str) -> Principal | None:
        """Whose token this is; None when it is nobody's, or has ended."""
        if self._settings_digest is not None and hmac.compare_digest(_digest(text), self._settings_digest):
            return Principal("settings", EVERYTHING, "settings")
        match = _TOKEN.fullmatch(text)
        if match is None:
            return None
        identity, secret = match.groups()
        packed = await cast("Awaitable[bytes | None]", self._redis.hget(self._tokens, identity))
        if packed is None:
            return None
        try:
            token, now = Token.model_validate_json(packed), datetime.now(UTC)
        except ValidationError:  # `coranto token list` says what is wrong with it
            return None
        if not hmac.compare_digest(_digest(secret), token.digest) or token.has_ended(now):
            return None
        await self._note_use(identity)
        return Principal(token.name, token.scopes, identity)

    async def exist(self) -> bool:
        """Whether there is a token that somebody could use."""
        if self._settings_digest is not None:
            return True
        tokens, _ = await self.all()
        now = datetime.now(UTC)
        return any(not token.has_ended(now) for token in tokens)

    async def _note_use(self, identity: str) -> None:
        now = time.time()
        if now - self._noted.get(identity, 0) >= _USE_NOTED_EVERY.total_seconds():
            self._noted[identity] = now
            await self._redis.hset(self._used, identity, str(int(now)))


_COUNT: Final = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return { count, redis.call('PTTL', KEYS[1]) }
"""


class RateLimit:
    """Counts the requests of each token in Redis, so that all gateways count together."""

    def __init__(self, redis: Redis, prefix: str, *, per_minute: int) -> None:
        self._script = redis.register_script(_COUNT)
        self._prefix = f"{prefix}:gateway:requests"
        self._per_minute = per_minute

    async def seconds_to_wait(self, token: str) -> int:
        """Count one request: 0 when it may go on, else seconds until the next one may."""
        # One script: INCR and PEXPIRE apart could leave a count without an end, and the token locked out for good.
        answer: Any = await self._script(keys=[f"{self._prefix}:{token}"], args=[60_000])
        count, left_ms = int(answer[0]), int(answer[1])
        return 0 if count <= self._per_minute else max(1, -(-left_ms // 1000))


def _moment(seconds: bytes | None) -> datetime | None:
    if seconds is not None:
        with suppress(
            ValueError, OverflowError, OSError
        ):  # damaged: it says nothing, and the token is as good as before
            return datetime.fromtimestamp(float(seconds), UTC)
    return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
