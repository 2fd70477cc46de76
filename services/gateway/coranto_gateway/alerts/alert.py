"""What an alert is: a search, whom it tells, and when."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from email.utils import parseaddr
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from coranto.store.search.query import parse as parse_words
from coranto_gateway.addresses.secret_addresses import is_shown, mark_of, shown_address
from coranto_gateway.definitions import without_defaults
from coranto_gateway.printable import checked_text
from coranto_gateway.webhooks.webhook import Secret, checked_address, checked_filter, checked_name

When = Literal["at_once", "hourly", "daily"]
Kind = Literal["email", "webhook", "slack", "ntfy", "telegram", "matrix", "apprise"]

_QUIET: Final = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d)")
_CHAT: Final = re.compile(r"-?\d{1,20}|@\w{4,64}")
_ROOM: Final = re.compile(r"![^\s/?#]{1,200}")
_MAILBOX: Final = re.compile(r"[^@\s<>,;:\"()\[\]\\]{1,64}@[^@\s<>,;:\"()\[\]\\]{1,255}")
_APPRISE: Final = re.compile(r"[a-z][a-z0-9]{1,20}://[^\s\x00-\x1f]{1,2000}", re.IGNORECASE)
_FORMS: Final = "mailto:desk@example.org, https://…, slack:https://…, ntfy:https://…/topic, telegram:CHAT, matrix:!ROOM or apprise:SERVICE://…"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom an alert tells."""

    kind: Kind
    target: str
    """A mailbox, an address or a chat."""

    @classmethod
    def parse(cls, text: str) -> Recipient:  # noqa: C901 - a case for each channel
        """The recipient. Raises ValueError when the text names none; what was typed is not repeated where it may hold a secret."""
        checked_text(text)
        if is_shown(text):
            raise ValueError("this is how a recipient is shown; expected its address itself")
        scheme, _, rest = text.partition(":")
        match scheme.lower():
            case "mailto":
                # A mailbox alone: whatever else a header takes could add recipients or headers.
                if _MAILBOX.fullmatch(rest) is None or parseaddr(rest)[1] != rest or not rest.isascii():
                    raise ValueError(f"{rest[:200]!r} is no mailbox such as desk@example.org")
                return cls("email", rest)
            case "telegram":
                if _CHAT.fullmatch(rest) is None:
                    raise ValueError("this is no chat: expected its number, or @ and its name")
                return cls("telegram", rest)
            case "matrix":
                if _ROOM.fullmatch(rest) is None:
                    raise ValueError(
                        f"{rest[:200]!r} is no room: expected its id, such as !abc:example.org, not its alias"
                    )
                return cls("matrix", rest)
            case "apprise":
                if _APPRISE.fullmatch(rest) is None:
                    raise ValueError("this is no address of apprise, such as apprise:discord://ID/TOKEN")
                return cls("apprise", rest)
            case "http" | "https":
                return cls("webhook", checked_address(text))
            case "slack":
                return cls("slack", checked_address(rest))
            case "ntfy":
                if not urlsplit(checked_address(rest)).path.strip("/"):
                    raise ValueError("this names no topic: expected such as ntfy:https://ntfy.sh/desk")
                return cls("ntfy", rest)
        got = f"one that begins with {scheme[:20] + ':'!r}" if rest else "none of these"
        raise ValueError(f"expected {_FORMS}; got {got}")


def shown_recipient(text: str) -> str:
    """The recipient as it is shown: a mailbox or chat whole, of an address who answers there, or the service, and a mark."""
    if is_shown(text):
        return text
    try:
        kind = Recipient.parse(text).kind
    except ValueError:  # it may hold anything
        return mark_of(text)
    scheme, _, rest = text.partition(":")
    match kind:
        case "webhook":
            return shown_address(text)
        case "slack" | "ntfy":
            return f"{scheme}:{shown_address(rest)}"
        case "apprise":
            return f"apprise:{rest.partition(':')[0]}://{mark_of(text)}"
        case "email" | "telegram" | "matrix":
            return text


def are_signed(recipients: Iterable[object]) -> bool:
    """Whether messages to any of them are signed: those to webhooks are."""
    return any(isinstance(to, str) and to.lower().startswith(("http:", "https:")) for to in recipients)


def meant_recipients(given: object, kept: object) -> object:
    """What is given, with the recipients that are kept in place of how they are shown."""
    if not isinstance(given, list) or not isinstance(kept, list):
        return given
    known = {shown_recipient(each): each for each in kept if isinstance(each, str)}
    return [known.get(each, each) if isinstance(each, str) else each for each in given]


def is_recipient(text: str) -> str:
    """The text. Raises ValueError when it names no recipient."""
    Recipient.parse(text)
    return text


def _may_mean_recipient(text: str) -> str:
    """The text. Raises ValueError when it neither names a recipient nor is how one is shown."""
    return text if is_shown(text) else is_recipient(text)


def _is_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            f"{name[:100]!r} is not in the IANA list of time zones; expected one such as Europe/Berlin"
        ) from error
    return name


def _is_time(text: str) -> str:
    try:
        time.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"expected a time such as 07:30, got {text[:20]!r}") from error
    return text


def _is_quiet(text: str | None) -> str | None:
    if text is None:
        return None
    match = _QUIET.fullmatch(text)
    if match is None or match[1] == match[2]:
        raise ValueError(f"expected two times such as 22:00-07:00, got {text[:40]!r}")
    _is_time(match[1])
    _is_time(match[2])
    return text


Recipients = Annotated[list[Annotated[str, AfterValidator(is_recipient)]], Field(min_length=1, max_length=20)]


class AlertOptions(BaseModel):
    """What may be said of an alert and need not."""

    model_config = ConfigDict(extra="forbid")

    q: str = Field("", max_length=1000, description="Words that its articles hold, as in a search, in any form.")
    where: Annotated[str, AfterValidator(checked_filter)] = Field(
        "", max_length=3000, description="Filter that its articles pass."
    )
    when: When = Field("at_once", description="At once, or what has come in an hour or a day together.")
    at: Annotated[str, AfterValidator(_is_time)] = Field(
        "08:00", max_length=5, description="When in the day, for `daily`."
    )
    zone: Annotated[str, AfterValidator(_is_zone)] = Field(
        "UTC", max_length=100, description="Zone of these times, by the IANA list."
    )
    quiet: Annotated[str | None, AfterValidator(_is_quiet)] = Field(
        None, max_length=40, description="Hours in which nothing is sent, such as 22:00-07:00; it comes afterwards."
    )
    max_age_hours: int = Field(
        48, ge=1, le=24 * 365, description="Articles that were published longer before they were stored tell nobody."
    )
    corrections: bool = Field(
        False, description="Tell again when the publisher changes an article of a story that was told of."
    )


class AlertChange(AlertOptions):
    """What is changed of an alert: the fields that are given, and no other."""

    model_config = ConfigDict(json_schema_extra=without_defaults)

    to: Annotated[list[Annotated[str, AfterValidator(_may_mean_recipient)]], Field(min_length=1, max_length=20)] = (
        Field([], description=f"Whom it tells: {_FORMS}; or one that is kept, as it is shown.")
    )


class NewAlert(AlertOptions):
    """What whoever makes an alert says of it."""

    name: Annotated[str, AfterValidator(checked_name)] = Field(description="What it is called; no other alert may be.")
    to: Recipients = Field(description=f"Whom it tells: {_FORMS}.")

    @model_validator(mode="after")
    def _searches_for_something(self) -> Self:
        if parse_words(self.q):
            return self
        if self.q.strip():
            raise ValueError(f"there is no word to search for in {self.q[:100]!r}: a word has a letter or a digit")
        if not self.where:
            raise ValueError("an alert needs words (`q`) or a filter (`where`), or it would tell of everything")
        return self


class Alert(NewAlert):
    """An alert as it is kept."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(description="Eight characters; another alert of the same name has others.")
    created_at: datetime = Field(description="When it was made.")
    secret: Secret | None = Field(
        None, repr=False, description="What messages to webhooks are signed with; null while it tells none."
    )

    @property
    def max_age(self) -> timedelta:
        """Articles that were older when they were stored tell nobody."""
        return timedelta(hours=self.max_age_hours)
