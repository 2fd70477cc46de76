"""What the routes work with: made once by `app`, and reached from a request."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from redis.asyncio import Redis

from coranto.admin.pipeline import ConnectedPipeline
from coranto.pages import FilePageStore
from coranto.streams.shape import find_shape
from coranto_gateway.alerts.registry import Alerts
from coranto_gateway.articles.announcements import Announcements
from coranto_gateway.articles.stores import ArticleStores
from coranto_gateway.feeds import Feeds
from coranto_gateway.monitoring.activity import Activity
from coranto_gateway.monitoring.lag_history import LagHistory
from coranto_gateway.monitoring.metrics import Metrics
from coranto_gateway.reach import Reach
from coranto_gateway.settings import Settings
from coranto_gateway.tokens.registry import Tokens
from coranto_gateway.tokens.token import Principal
from coranto_gateway.webhooks.registry import Webhooks
from coranto_gateway.webhooks.sending import Sender


class Pipelines:
    """The pipeline in its shape as Redis has it, which is known once the first worker has started."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._redis = redis
        self._settings = settings.pipeline
        self._told = settings.pipeline.partitions if "partitions" in settings.pipeline.model_fields_set else None
        self._is_known = False
        self._pipeline = ConnectedPipeline(redis, settings.pipeline.to_topology())

    async def get(self) -> ConnectedPipeline:
        """The pipeline. Raises redis' own errors, and PipelineMismatchError when the settings name another shape."""
        if not self._is_known:
            found = await find_shape(self._redis, self._settings.prefix, self._told)
            if found is not None:
                self._pipeline, self._is_known = ConnectedPipeline(self._redis, found), True
        return self._pipeline


@dataclass(frozen=True, slots=True)
class Parts:
    """The collaborators of the routes."""

    settings: Settings
    redis: Redis
    pipelines: Pipelines
    stores: ArticleStores
    pages: FilePageStore
    tokens: Tokens
    feeds: Feeds
    announcements: Announcements
    webhooks: Webhooks
    sender: Sender
    reach: Reach
    alerts: Alerts
    activity: Activity
    lags: LagHistory
    metrics: Metrics
    stop: asyncio.Event
    """Set when streams are to end."""


def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


def _principal(request: Request) -> Principal:
    principal: Principal = request.state.principal
    return principal


PartsOf = Annotated[Parts, Depends(_parts)]
PrincipalOf = Annotated[Principal, Depends(_principal)]
