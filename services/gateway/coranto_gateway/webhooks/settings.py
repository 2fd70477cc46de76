"""Settings of what is sent to webhooks."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from coranto.http.limits import WebLimits
from coranto.http.settings import NetworkList
from coranto.settings import Duration, SettingsSection
from coranto.worker.settings import BreakerSettings
from coranto.worker.stage import RetryPolicy

_ANSWER_BYTES = 65_536


class WebhookSettings(SettingsSection):
    """What is sent to webhooks, and where it may go."""

    allowed_networks: NetworkList = Field(
        (),
        description="Networks that webhooks may be in although they are not public, beside those of the fetcher: a JSON list, "
        "or separated by commas.",
    )
    timeout: Duration = Field(
        timedelta(seconds=15),
        ge=timedelta(seconds=1),
        le=timedelta(minutes=5),
        description="Longest time for a receiver's answer.",
    )
    first_retry: Duration = Field(
        timedelta(seconds=5),
        gt=timedelta(0),
        le=timedelta(hours=1),
        description="Pause before a failed delivery is tried again, and before a receiver that fails with everything is; doubled "
        "each time.",
    )
    longest_retry: Duration = Field(
        timedelta(minutes=10), gt=timedelta(0), le=timedelta(days=1), description="Longest such pause."
    )
    failing_after: Duration = Field(
        timedelta(hours=24),
        gt=timedelta(0),
        description="Time in which nothing could be delivered after which a webhook counts as failing, and it is reported.",
    )
    secret_overlap: Duration = Field(
        timedelta(hours=24),
        ge=timedelta(0),
        description="Time for which an old secret is used beside the new one, unless another is given.",
    )

    @property
    def retry(self) -> RetryPolicy:
        """When one failed delivery is tried again."""
        return RetryPolicy(first_delay=self.first_retry, longest_delay=self.longest_retry)

    @property
    def breaker(self) -> BreakerSettings:
        """When a receiver is left alone, and for how long."""
        return BreakerSettings(
            failures=5,
            max_dead_in_a_row=10,
            dead_window=40,
            probe_after=self.first_retry,
            max_pause=self.longest_retry,
        )

    @property
    def lease_seconds(self) -> float:
        """How long a gateway has a webhook for itself: over the half of it, a request that was begun has ended."""
        return 2 * self.timeout.total_seconds() + 2

    @property
    def limits(self) -> WebLimits:
        """What is read of an answer, and for how long."""
        timeout = self.timeout
        return WebLimits(
            total_timeout=timeout,
            connect_timeout=min(timeout, timedelta(seconds=10)),
            read_timeout=timeout,
            max_body_bytes=_ANSWER_BYTES,
            max_decoded_bytes=_ANSWER_BYTES,
        )
