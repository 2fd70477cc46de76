"""Brings one message to one recipient, once, and says what came of it."""

from __future__ import annotations

import asyncio
import json
import smtplib
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any, Final
from urllib.parse import quote, urlsplit

from coranto.records import time_text
from coranto_gateway.addresses.secret_addresses import without_address
from coranto_gateway.alerts.alert import Kind, Recipient
from coranto_gateway.alerts.message import Message
from coranto_gateway.alerts.settings import AlertSettings
from coranto_gateway.printable import one_line
from coranto_gateway.webhooks.reasons import REASONS
from coranto_gateway.webhooks.sending import LONGEST_RETRY_AFTER, Answer, Sender, packed
from coranto_gateway.webhooks.webhook import Secret, signed_headers

_SMTP_SECONDS: Final = 20
_MAILS_AT_ONCE: Final = 4
_TELEGRAM_UNITS: Final = 4096
"""Telegram counts as UTF-16 does: an emoji is two."""
_SLACK_CHARACTERS: Final = 30_000
_NTFY_BYTES: Final = 3_500
"""ntfy makes a file of a message of more than 4,096 bytes; with headline and address it has to stay below."""
# An event of Matrix has 65,536 bytes at most.
_MATRIX_BYTES: Final = 50_000
_APPRISE_CHARACTERS: Final = 30_000
"""It cuts, or sends in parts, what is too long for a service."""
# Many mail programs cut off what is longer than some hundred kilobytes.
_MAIL_CHARACTERS: Final = 80_000


class Courier:
    """Brings messages to mailboxes, chats and addresses."""

    def __init__(self, sender: Sender, settings: AlertSettings) -> None:
        self._sender = sender
        self._settings = settings
        # Threads of its own: a mail server that hangs would take those in which names are resolved for webhooks.
        self._mailing = ThreadPoolExecutor(_MAILS_AT_ONCE, thread_name_prefix="alert-mail")
        self.now: Callable[[], datetime] = sender.now

    async def bring(self, message: Message, secret: Secret | None) -> Answer:
        """Bring the message to its recipient; to a program with a signature by the secret, if there is one."""
        recipient = Recipient.parse(message.to)
        match recipient.kind:
            case "email":
                return await self._mail(recipient.target, message)
            case "webhook":
                body = packed(_as_event(message))
                headers = signed_headers([] if secret is None else [secret], message.id, body, self.now())
                return await self._sender.post(recipient.target, body, headers)
            case "slack":
                told = message.text(longest=_SLACK_CHARACTERS, size=lambda text: len(_without_markup(text)))
                text = _without_markup(f"*{message.subject}*\n{told}")
                return await self._sender.post(recipient.target, packed({"text": text}))
            case "ntfy":
                parts = urlsplit(recipient.target)
                body = packed(
                    {
                        "topic": parts.path.strip("/"),
                        "title": message.subject,
                        "message": message.text(longest=_NTFY_BYTES, size=_utf8),
                    }
                    | ({"click": message.hits[0].url} if len(message.hits) == 1 else {})
                )
                answer = await self._sender.post(f"{parts.scheme}://{parts.netloc}/", body)
                # It names the topic, by which everybody may read.
                return replace(answer, body=without_address(answer.body, recipient.target))
            case "telegram":
                return await self._telegram(recipient.target, message)
            case "matrix":
                return await self._matrix(recipient.target, message)
            case "apprise":
                return await self._apprise(recipient.target, message)

    async def _telegram(self, chat: str, message: Message) -> Answer:
        token = self._settings.telegram_token
        if token is None:
            return self._missing("telegram")
        text = f"{message.subject}\n\n{message.text()}" if len(message.hits) > 1 else message.text()
        if _utf16(text) > _TELEGRAM_UNITS:
            text = message.text(longest=_TELEGRAM_UNITS, size=_utf16)
        body = packed({"chat_id": chat, "text": text, "link_preview_options": {"is_disabled": True}})
        url = f"{self._settings.telegram_api}/bot{token.get_secret_value()}/sendMessage"
        answer = await self._sender.post(url, body)
        # It says how long to wait in the body, and the body only.
        return _asking_for(answer, lambda said: timedelta(seconds=said["parameters"]["retry_after"]))

    async def _matrix(self, room: str, message: Message) -> Answer:
        settings = self._settings
        if settings.matrix_server is None or settings.matrix_token is None:
            return self._missing("matrix")
        text = f"{message.subject}\n\n{message.text(longest=_MATRIX_BYTES, size=_utf8)}"
        # The server knows the message by its id: one that is sent again appears once.
        path = f"/_matrix/client/v3/rooms/{quote(room, safe='')}/send/m.room.message/{quote(message.id, safe='')}"
        headers = {"Authorization": f"Bearer {settings.matrix_token.get_secret_value()}"}
        body = packed({"msgtype": "m.notice", "body": text})
        answer = await self._sender.put(settings.matrix_server + path, body, headers)
        return _asking_for(answer, lambda said: timedelta(milliseconds=said["retry_after_ms"]))

    async def _mail(self, mailbox: str, message: Message) -> Answer:
        settings = self._settings
        if settings.smtp_host is None:
            return self._missing("email")
        mail = _as_mail(message, mailbox, settings.mail_from, self.now())
        began = asyncio.get_running_loop().time()
        try:
            await asyncio.get_running_loop().run_in_executor(self._mailing, _send_mail, settings, mail)
        except smtplib.SMTPAuthenticationError as error:
            said = f"the mail server does not let us sign in: {_text_of(error.smtp_error)}"
            return Answer("failed", "not_set_up", self.now(), error.smtp_code, detail=said)
        except smtplib.SMTPResponseException as error:
            return self._refused(error.smtp_code, error.smtp_error)
        except smtplib.SMTPRecipientsRefused as error:
            return self._refused(*next(iter(error.recipients.values())))
        except ssl.SSLError as error:
            return Answer("failed", "tls_failed", self.now(), detail=str(error))
        except (smtplib.SMTPException, OSError) as error:
            return Answer("failed", "connect_failed", self.now(), detail=str(error) or type(error).__name__)
        elapsed = round((asyncio.get_running_loop().time() - began) * 1000)
        return Answer("delivered", "ok", self.now(), 250, elapsed_ms=elapsed)

    async def _apprise(self, target: str, message: Message) -> Answer:
        if not self._settings.apprise:
            return self._missing("apprise")
        began = asyncio.get_running_loop().time()
        try:
            is_taken = await asyncio.get_running_loop().run_in_executor(
                self._mailing, _send_by_apprise, target, message
            )
        except ImportError:
            said = "apprise is not installed: pip install 'coranto-gateway[apprise]'"
            return Answer("failed", "not_set_up", self.now(), detail=said)
        elapsed = round((asyncio.get_running_loop().time() - began) * 1000)
        match is_taken:
            case None:
                return Answer(
                    "refused",
                    "refused",
                    self.now(),
                    detail="apprise knows no such service, or its address is incomplete",
                )
            case True:
                return Answer("delivered", "ok", self.now(), elapsed_ms=elapsed)
            case False:
                return Answer("failed", "not_brought", self.now(), detail=REASONS["not_brought"], elapsed_ms=elapsed)

    def _refused(self, code: int, said: bytes | str) -> Answer:
        # 4xx passes by itself (RFC 5321, 4.2.1).
        if code >= 500:
            return Answer("refused", "refused", self.now(), code, _text_of(said))
        return Answer("failed", "busy", self.now(), code, _text_of(said))

    def _missing(self, kind: Kind) -> Answer:
        setting = self._settings.missing_for(kind)
        return Answer("failed", "not_set_up", self.now(), detail=f"{setting} is not set")


def _asking_for(answer: Answer, read: Callable[[Any], timedelta]) -> Answer:
    """The answer with the pause that its body asks for, if it does."""
    with suppress(ValueError, TypeError, KeyError, OverflowError):
        pause = read(json.loads(answer.body))
        return answer.asking_for(min(max(timedelta(0), pause), LONGEST_RETRY_AFTER))
    return answer


def _without_markup(text: str) -> str:
    """The text for Slack, which takes these three for markup, whatever stands between them."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _utf8(text: str) -> int:
    return len(text.encode())


def _utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _as_event(message: Message) -> dict[str, Any]:
    data = {"alert": message.name, "more": message.more}
    stories = [hit.model_dump(mode="json") for hit in message.hits]
    if message.notice:
        return {"type": "notice", "timestamp": time_text(message.at), "data": {"text": message.text()}}
    return {
        "type": "test" if message.is_test else "alert",
        "timestamp": time_text(message.at),
        "data": data | {"stories": stories},
    }


def _as_mail(message: Message, mailbox: str, sender: str, now: datetime) -> EmailMessage:
    mail = EmailMessage()
    own_mailbox = parseaddr(sender)[1]
    host = own_mailbox.rpartition("@")[2]
    mail["From"], mail["To"], mail["Subject"] = sender, mailbox, message.subject[:200]
    mail["Date"] = format_datetime(now)
    # The same at each attempt, so that a mail that came twice is seen to be one.
    mail["Message-ID"] = f"<{message.id}@{host}>"
    # Mails about one story, also those of other alerts, hang together.
    if len(message.hits) == 1:
        story = f"<story.{message.hits[0].story}@{host}>"
        mail["References"] = mail["In-Reply-To"] = story  # Outlook needs both
    mail["Auto-Submitted"] = "auto-generated"
    if message.notice:
        mail.set_content(f"{message.text()}\n")
        return mail
    mail["List-Id"] = f"<{message.name}.alerts.{host}>"
    subject = quote(f"unsubscribe {message.name}")
    mail["List-Unsubscribe"] = f"<mailto:{own_mailbox}?subject={subject}>"
    footer = f"-- \nThe alert {one_line(message.name)}, sent by Coranto. To end it, answer this mail."
    mail.set_content(f"{message.text(longest=_MAIL_CHARACTERS)}\n\n{footer}\n")
    return mail


def _send_mail(settings: AlertSettings, mail: EmailMessage) -> None:
    host, port = settings.smtp_host or "", settings.smtp_port
    context = ssl.create_default_context()
    server = (
        smtplib.SMTP_SSL(host, port, timeout=_SMTP_SECONDS, context=context)
        if settings.smtp_security == "tls"
        else smtplib.SMTP(host, port, timeout=_SMTP_SECONDS)
    )
    with server:
        if settings.smtp_security == "starttls":
            server.starttls(context=context)
        if settings.smtp_user is not None:
            password = settings.smtp_password.get_secret_value() if settings.smtp_password is not None else ""
            server.login(settings.smtp_user, password)
        server.send_message(mail)


def _send_by_apprise(target: str, message: Message) -> bool | None:
    """Whether the service took it; None when there is none of this address. Raises ImportError where apprise is not installed."""
    import apprise

    asset = apprise.AppriseAsset(app_id="Coranto", async_mode=False)
    service = apprise.Apprise(asset=asset)
    if not service.add(target):
        return None
    # What strangers wrote is text, and no markup.
    is_taken = service.notify(
        title=message.subject, body=message.text(longest=_APPRISE_CHARACTERS), body_format=apprise.NotifyFormat.TEXT
    )
    return bool(is_taken)


def _text_of(said: bytes | str) -> str:
    return (said.decode("utf-8", "replace") if isinstance(said, bytes) else said)[:500]
