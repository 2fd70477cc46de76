"""What a webhook is, and how what it sends is signed: Standard Webhooks 1.0, https://www.standardwebhooks.com."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from coranto.filter import compile_filter
from coranto.urls import parse
from coranto_gateway.addresses.secret_addresses import is_shown, shown_address
from coranto_gateway.definitions import without_defaults
from coranto_gateway.printable import checked_text

Format = Literal["json", "ninjs", "jsonld"]

_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what a secret begins with, not one
_SECRET_BYTES: Final = 32
_MOST_SECRETS: Final = 4
NAME_PATTERN: Final = r"[a-z0-9][a-z0-9_-]{0,62}"


class Secret(BaseModel):
    """A secret that what is sent is signed with."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    text: str = Field(repr=False, description="`whsec_` and the key in base64.")
    ends_at: datetime | None = Field(None, description="When it is used no longer; null for the newest.")

    @property
    def key(self) -> bytes:
        """The key. Raises ValueError when the text is no secret."""
        return _key_of(self.text)


def _key_of(text: str) -> bytes:
    try:
        key = base64.b64decode(text.removeprefix(_SECRET_PREFIX), validate=True)
    except (ValueError, binascii.Error) as error:
        raise ValueError("a secret is whsec_ and base64") from error
    if not 24 <= len(key) <= 64:
        raise ValueError(f"a secret has 24 to 64 bytes, this one has {len(key)}")
    return key


def new_secret() -> str:
    """A secret that nobody can guess."""
    return _SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def checked_name(name: str) -> str:
    """The name. Raises ValueError when it is none."""
    if re.fullmatch(NAME_PATTERN, name) is None:
        raise ValueError(
            f"a name is up to 63 small letters, digits, - and _, such as desk or archive-2; got {name[:100]!r}"
        )
    return name


def checked_address(url: str) -> str:
    """The address on the web. Raises ValueError when it is none, or holds a password; what was given is not repeated."""
    checked_text(url)
    if is_shown(url):
        raise ValueError("this is how an address is shown; expected the address itself")
    try:
        address = parse(url)
        names_user = "@" in urlsplit(url).netloc
    except ValueError as error:
        # What the error says may repeat the address.
        raise ValueError(f"expected an http or https address, got {shown_address(url)[:200]!r}") from error
    if address.scheme == "file":
        raise ValueError("expected an http or https address, got one of a file")
    if names_user:
        raise ValueError("expected an address without a user name or password")
    return url


def _may_mean_address(url: str) -> str:
    """The address, or how one is shown. Raises ValueError when it is neither."""
    return url if is_shown(url) else checked_address(url)


def checked_filter(text: str) -> str:
    """The filter without space around it. Raises ValueError when it is none."""
    if checked_text(text).strip():
        compile_filter(text)
    return text.strip()


WebAddress = Annotated[str, AfterValidator(checked_address), Field(max_length=4000)]
FilterText = Annotated[str, AfterValidator(checked_filter), Field(max_length=4000)]


class WebhookOptions(BaseModel):
    """What may be said of a webhook and need not."""

    model_config = ConfigDict(extra="forbid")

    where: FilterText = Field("", description="Filter that its articles pass; without it, all.")
    format: Format = Field("json", description="Form of the article in what is posted.")
    at_once: int = Field(4, ge=1, le=32, description="Requests under way at the same time.")
    per_minute: int | None = Field(None, ge=1, le=100_000, description="Most requests in a minute; null without limit.")


class NewWebhook(WebhookOptions):
    """What whoever makes a webhook says of it."""

    name: Annotated[str, AfterValidator(checked_name)] = Field(
        description="What it is called; no other webhook may be."
    )
    url: WebAddress = Field(description="Address that articles are posted to.")


class WebhookChange(WebhookOptions):
    """What is changed of a webhook: the fields that are given, and no other."""

    model_config = ConfigDict(json_schema_extra=without_defaults)

    url: Annotated[str, AfterValidator(_may_mean_address), Field(max_length=4000)] = Field(
        "", description="Address that articles are posted to; or as it is shown, for the one that is kept."
    )


class Webhook(NewWebhook):
    """A webhook as it is kept."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    created_at: datetime = Field(description="When it was made.")
    secrets: tuple[Secret, ...] = Field(repr=False, description="The newest first.")

    def secrets_at(self, now: datetime) -> list[Secret]:
        """The secrets that are in use."""
        return [secret for secret in self.secrets if secret.ends_at is None or secret.ends_at > now]

    def with_new_secret(self, text: str, now: datetime, *, overlap: timedelta) -> Webhook:
        """The webhook with another secret; what it has now is used beside it for a while."""
        ends_at = now + overlap
        kept = [
            secret.model_copy(update={"ends_at": min(secret.ends_at or ends_at, ends_at)})
            for secret in self.secrets_at(now)
        ]
        return self.model_copy(update={"secrets": (Secret(text=text), *kept)[:_MOST_SECRETS]})


def make_webhook(new: NewWebhook, *, now: datetime | None = None, secret: str) -> Webhook:
    """The webhook as it is kept."""
    moment = now or datetime.now(UTC)
    return Webhook(**new.model_dump(), created_at=moment, secrets=(Secret(text=secret),))


def signed_headers(secrets_in_use: Iterable[Secret], message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """The headers that prove who sent this body now: one signature for each secret."""
    timestamp = str(int(now.astimezone(UTC).timestamp()))
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = (
        base64.b64encode(hmac.digest(secret.key, content, hashlib.sha256)).decode() for secret in secrets_in_use
    )
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
