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
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from pydantic import ValidationError
from redis.asyncio import Redis

from coranto_gateway.definitions import Definitions, Unusable
from coranto_gateway.tokens.token import EVERYTHING, Principal, Scope, Token

_TOKEN: Final = re.compile(r"coranto_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")
_USE_NOTED_EVERY: Final = timedelta(minutes=1)


SETTINGS: Final = "settings"
"""Stands for the id of the token of the settings."""


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
            return Principal("settings", EVERYTHING, SETTINGS)
        match = _TOKEN.fullmatch(text)
        if match is None:
            return None
        identity, secret = match.groups()
        token = await self._find_valid(identity)
        if token is None or not hmac.compare_digest(_digest(secret), token.digest):
            return None
        await self._note_use(identity)
        return Principal(token.name, token.scopes, identity)

    async def may_still(self, principal: Principal, scope: Scope) -> bool:
        """Whether somebody who was found before has still a token with this scope."""
        if principal.token in (None, SETTINGS):
            return True
        token = await self._find_valid(principal.token)
        return token is not None and scope in token.scopes

    async def _find_valid(self, identity: str) -> Token | None:
        packed = await cast("Awaitable[bytes | None]", self._redis.hget(self._tokens, identity))
        if packed is None:
            return None
        try:
            token = Token.model_validate_json(packed)
        except ValidationError:  # `coranto token list` says what is wrong with it
            return None
        return None if token.has_ended(datetime.now(UTC)) else token

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


def _moment(seconds: bytes | None) -> datetime | None:
    if seconds is not None:
        with suppress(
            ValueError, OverflowError, OSError
        ):  # damaged: it says nothing, and the token is as good as before
            return datetime.fromtimestamp(float(seconds), UTC)
    return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
