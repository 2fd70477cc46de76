"""Settings of how alerts are sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainSerializer, SecretStr

from coranto.settings import Duration, SettingsSection
from coranto_gateway.addresses.web_address import web_address
from coranto_gateway.alerts.alert import Kind, is_recipient, shown_recipient


class AlertSettings(SettingsSection):
    """Whom alerts are sent through, and how long it is tried."""

    smtp_host: str | None = Field(None, description="Mail server; without it, alerts to mailboxes cannot be sent.")
    smtp_port: int = Field(587, ge=1, le=65535, description="Its port.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the connection is encrypted: from its second command, from its beginning, or not."
    )
    smtp_user: str | None = Field(None, description="Name to sign in with; without it, nobody signs in.")
    smtp_password: SecretStr | None = Field(None, description="Password to sign in with.")
    mail_from: str = Field("coranto@localhost", description="Mailbox that alerts come from.")
    telegram_token: SecretStr | None = Field(
        None, description="Token of the Telegram bot; without it, alerts to chats cannot be sent."
    )
    telegram_api: Annotated[str, AfterValidator(web_address)] = Field(
        "https://api.telegram.org", description="Address of the bots' server."
    )
    matrix_server: Annotated[str | None, AfterValidator(web_address)] = Field(
        None, description="Address of the Matrix server where our user is; without it, alerts to rooms cannot be sent."
    )
    matrix_token: SecretStr | None = Field(None, description="Access token of that user, who must be in the rooms.")
    apprise: bool = Field(
        False,
        description="Whether alerts may go to `apprise:…` recipients; needs `coranto-gateway[apprise]`. Warning: apprise connects "
        "by itself, past the guard of addresses: whoever may make alerts can have this machine ask any address that it reaches.",
    )
    # Shown with the other settings as a program starts.
    operator: tuple[
        Annotated[str, AfterValidator(is_recipient), PlainSerializer(shown_recipient, when_used="json")], ...
    ] = Field(
        (),
        description="Who is told when a webhook is failing, disabled or well again, as JSON: recipients in the forms of "
        "`coranto alerts add --to`.",
    )
    give_up_after: Duration = Field(
        timedelta(hours=24),
        gt=timedelta(0),
        description="Time for which a message is tried again before it is given up.",
    )

    def missing_for(self, kind: Kind) -> str | None:
        """Which setting is missing to tell such a recipient; None when there is none."""
        match kind:
            case "email" if self.smtp_host is None:
                return "CORANTO_GATEWAY__ALERTS__SMTP_HOST"
            case "telegram" if self.telegram_token is None:
                return "CORANTO_GATEWAY__ALERTS__TELEGRAM_TOKEN"
            case "matrix" if self.matrix_server is None or self.matrix_token is None:
                return "CORANTO_GATEWAY__ALERTS__MATRIX_SERVER or …MATRIX_TOKEN"
            case "apprise" if not self.apprise:
                return "CORANTO_GATEWAY__ALERTS__APPRISE"
        return None
