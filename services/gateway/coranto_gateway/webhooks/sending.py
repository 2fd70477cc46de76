"""Sends one message to a webhook's address, once, and says what came of it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from coranto.formats.jsonld import to_json_ld
from coranto.formats.ninjs import to_ninjs
from coranto.http.client import WebClient, WebResponse
from coranto.http.errors import (
    BodyTooLargeError,
    NameNotResolvedError,
    PrivateAddressError,
    RefusedHereError,
    TimedOutError,
    TlsError,
    WebError,
)
from coranto.http.response.headers import retry_after
from coranto.records import FinishedArticle, time_text
from coranto.urls import UnsupportedUrlError
from coranto_gateway.addresses.secret_addresses import without_address
from coranto_gateway.articles.announcements import Position
from coranto_gateway.webhooks.reasons import REASONS
from coranto_gateway.webhooks.webhook import Format, Webhook, signed_headers

LONGEST_RETRY_AFTER: Final = timedelta(days=1)
_ANSWER_SHOWN: Final = 500
_DETAIL_SHOWN: Final = 500
_BUSY: Final = frozenset({408, 425, 429})

Verdict = Literal["delivered", "refused", "gone", "failed"]
"""What an answer means. refused: of this record; gone: of the webhook; failed: the receiver was not ready, whatever was sent."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: the same at each attempt, but for its signature."""

    id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request."""

    verdict: Verdict
    reason: str
    """A word of `reasons.REASONS`."""
    at: datetime
    status: int | None = None
    body: str = ""
    """Its beginning."""
    detail: str = ""
    elapsed_ms: int = 0
    retry_after: timedelta | None = None

    def asking_for(self, pause: timedelta) -> Answer:
        """The same answer, of a receiver that wants to be asked again after this."""
        return replace(self, retry_after=pause) if self.verdict == "failed" else self


def message_of(article: FinishedArticle, position: Position, form: Format) -> Message:
    """The message that announces the article."""
    body = {
        "type": "article.finished",
        "timestamp": time_text(article.storage.stored_at),
        "position": str(position),
        "article": article.id,
        "revision": article.storage.revision,
        "change": article.storage.change,
        "data": _WRITERS[form](article),
    }
    return Message(f"{position.store}-{position.number}", packed(body))


def trial_message(webhook: Webhook, now: datetime, message_id: str) -> Message:
    """A message that announces nothing."""
    body = {"type": "test", "timestamp": time_text(now), "data": {"webhook": webhook.name, "where": webhook.where}}
    return Message(message_id, packed(body))


def new_test_id() -> str:
    """An id for a test."""
    return f"test-{secrets.token_hex(8)}"


def packed(body: dict[str, Any]) -> bytes:
    """The body as it is sent: JSON without spaces."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


_WRITERS: Final[Mapping[Format, Callable[[FinishedArticle], Any]]] = {
    "json": lambda article: article.model_dump(mode="json", exclude_none=True),
    "ninjs": to_ninjs,
    "jsonld": to_json_ld,
}


class Sender:
    """Posts messages."""

    def __init__(self, client: WebClient, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._client = client
        self.now = clock

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def send(self, webhook: Webhook, message: Message) -> Answer:
        """Post the message, signed for this moment."""
        now = self.now()
        headers = signed_headers(webhook.secrets_at(now), message.id, message.body, now)
        return await self.post(webhook.url, message.body, headers)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """Post JSON, and say what came of it."""
        return await self._answer(self._client.post, url, body, headers or {})

    async def put(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Put JSON, and say what came of it."""
        return await self._answer(self._client.put, url, body, headers)

    async def _answer(
        self, ask: Callable[..., Awaitable[WebResponse]], url: str, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        try:
            response = await ask(url, body, headers={"Content-Type": "application/json", **headers})
        except (WebError, UnsupportedUrlError) as error:
            detail = without_address(told(error), url)[:_DETAIL_SHOWN]
            return Answer("failed", _reason_of(error), self.now(), detail=detail)
        now = self.now()
        verdict, reason = judge(response.status)
        return Answer(
            verdict,
            reason,
            now,
            response.status,
            without_address(response.body[: 4 * _ANSWER_SHOWN].decode("utf-8", "replace"), url)[:_ANSWER_SHOWN],
            "" if verdict == "delivered" else REASONS[reason],
            response.elapsed_ms,
            retry_after(response.headers, now=now, longest=LONGEST_RETRY_AFTER) if verdict == "failed" else None,
        )


def judge(status: int) -> tuple[Verdict, str]:
    """What the status of an answer means, and the reason's word."""
    if 200 <= status < 300:
        return "delivered", "ok"
    if status == 410:
        return "gone", "gone"
    if status in _BUSY:
        return "failed", "busy"
    if 400 <= status < 500:
        return "refused", "refused"
    if 300 <= status < 400:
        return "failed", "redirected"
    return "failed", "server_error" if 500 <= status < 600 else "odd_status"


def _reason_of(error: Exception) -> str:
    match error:
        case RefusedHereError() | UnsupportedUrlError():
            return "address_refused"
        case NameNotResolvedError():
            return "name_not_resolved"
        case TlsError():
            return "tls_failed"
        case TimedOutError():
            return "timeout"
        case BodyTooLargeError():
            return "answer_too_large"
        case _:
            return "connect_failed"


def told(error: Exception) -> str:
    """What is said of an error of the web client."""
    if isinstance(error, PrivateAddressError):
        return f"{error}, or for webhooks alone with CORANTO_GATEWAY__WEBHOOKS__ALLOWED_NETWORKS"
    return str(error) or type(error).__name__
