"""What the gateway counts: requests, readers of streams, and deliveries to webhooks."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE"})
STREAM_PATH = "/v1/stream"


class Metrics:
    """The metrics of one gateway, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        add = self.registry
        self.requests = Counter(
            "coranto_gateway_requests",
            "Requests by method and status of the answer.",
            ["method", "status"],
            registry=add,
        )
        # Of streams nothing: theirs is as long as their readers like.
        self.seconds = Histogram(
            "coranto_gateway_request_seconds",
            "Time to a whole answer, streams left out.",
            ["method"],
            buckets=_SECONDS,
            registry=add,
        )
        self.stream_readers = Gauge(
            "coranto_gateway_stream_readers", "Readers of streams at this moment.", registry=add
        )
        self.webhook_deliveries = Counter(
            "coranto_gateway_webhook_deliveries",
            "Attempts to deliver to webhooks by outcome (delivered, retried, dead, dropped) and reason.",
            ["outcome", "reason"],
            registry=add,
        )
        self.alert_messages = Counter(
            "coranto_gateway_alert_messages",
            "Attempts to bring messages of alerts by outcome (delivered, retried, dead) and reason.",
            ["outcome", "reason"],
            registry=add,
        )
        self.webhooks = Gauge(
            "coranto_gateway_webhooks",
            "Webhooks by standing; every gateway reports all of them. `unusable` are those that cannot be used as they are kept.",
            ["standing"],
            registry=add,
        )
        self.webhook_rows_set_aside = Counter(
            "coranto_gateway_webhook_rows_set_aside",
            "Rows of webhooks in Redis that could not be read and were set aside, by what they belong to (state, late, dead, log).",
            ["part"],
            registry=add,
        )
        self.alerts = Gauge(
            "coranto_gateway_alerts",
            "Alerts by standing (active, paused, unusable); every gateway reports all of them.",
            ["standing"],
            registry=add,
        )

    def count_stream_readers(self) -> int:
        """Readers of streams at this moment."""
        return int(next(iter(self.stream_readers.collect())).samples[0].value)


class Measured:
    """Counts the requests to an application."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), "500"

        async def noting_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noting_send)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.requests.labels(method, status).inc()
            if scope["path"] != STREAM_PATH:
                self._metrics.seconds.labels(method).observe(time.perf_counter() - began)
