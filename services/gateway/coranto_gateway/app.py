"""Wiring of the gateway: settings in, an HTTP server out."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.types import ASGIApp

import coranto
from coranto.admin.pipeline import StageState
from coranto.pages import FilePageStore
from coranto.settings import effective_settings, revealed
from coranto.streams.connection import connect
from coranto.streams.tasks import end
from coranto.worker.health import HealthServer
from coranto.worker.log import SETTINGS_LOADED, WORKER_STARTED, WORKER_STOPPED, WORKER_STOPPING, configure, get_logger
from coranto_gateway.alerts.courier import Courier
from coranto_gateway.alerts.registry import Alerts
from coranto_gateway.alerts.watcher import AlertTools, Watcher
from coranto_gateway.api import (
    alerts,
    articles,
    dead,
    feeds,
    groups,
    notices,
    sources,
    status,
    stories,
    stream,
    submit,
    webhooks,
    why,
)
from coranto_gateway.api.sources import FAULTY
from coranto_gateway.articles.announcements import Announcements
from coranto_gateway.articles.stores import ArticleStores
from coranto_gateway.feeds import Feeds
from coranto_gateway.http import access, problems
from coranto_gateway.http.access import AccessControl, needs
from coranto_gateway.http.body_limit import BodyLimit
from coranto_gateway.http.browser_safety import ForeignPages, SecurityHeaders
from coranto_gateway.http.server import address_of, listen, serve, stop_on_signals
from coranto_gateway.monitoring.activity import Activity, keep_watching
from coranto_gateway.monitoring.lag_history import LagHistory, of_group, of_stage
from coranto_gateway.monitoring.metrics import Measured, Metrics
from coranto_gateway.page import alerts as page_alerts
from coranto_gateway.page import articles as page_articles
from coranto_gateway.page import failures, overview, sign_in, subscribers
from coranto_gateway.page import sources as page_sources
from coranto_gateway.page import stories as page_stories
from coranto_gateway.page import submit as page_submit
from coranto_gateway.page import webhooks as page_webhooks
from coranto_gateway.page.rendering import answer_problem, is_for_people
from coranto_gateway.parts import Parts, Pipelines
from coranto_gateway.reach import Reach, keep_reach
from coranto_gateway.settings import GatewaySettings, Settings
from coranto_gateway.tokens.rate_limit import RateLimit
from coranto_gateway.tokens.registry import Tokens
from coranto_gateway.tokens.token import Scope
from coranto_gateway.webhooks.deliverer import Deliverer
from coranto_gateway.webhooks.delivery import Tools
from coranto_gateway.webhooks.registry import Webhooks
from coranto_gateway.webhooks.sending import Sender
from coranto_gateway.webhooks.set_aside import WEBHOOK_ROW_SET_ASIDE, SetAside

ROUTERS = (articles, stream, stories, why, status, dead, sources, submit, feeds, groups, webhooks, alerts, notices)
_DESCRIPTION = """
Reads what Coranto stores, follows it as it is stored, submits pages, and operates the pipeline.

Errors are problem details (RFC 9457); their `type` is `urn:coranto:problem:` and a word. On loopback no token is needed;
elsewhere each request carries one as `Authorization: Bearer …`.
"""


PAGES = (
    overview,
    page_articles,
    page_stories,
    page_sources,
    page_alerts,
    failures,
    subscribers,
    page_webhooks,
    page_submit,
    sign_in,
)


class UnsafeGatewayError(RuntimeError):
    """The gateway would be open to whoever can reach it."""


def _answer_error(request: Request, error: Exception) -> Response:
    return answer_problem(request, error) if is_for_people(request) else problems.to_problem(error).to_response()


def create_api(parts: Parts | None = None) -> FastAPI:
    """The application with its routes. Without parts it can only describe itself."""
    app = FastAPI(
        title="Coranto",
        version=coranto.__version__,
        description=_DESCRIPTION.strip(),
        openapi_url=None,  # below, as a route that states its scope
        # Both fetch scripts from a CDN.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.parts = parts
    problems.install(app, _answer_error)
    for module in (*ROUTERS, *PAGES):
        # As they are, and not within a router each: access control looks through them for what each needs.
        app.router.routes.extend(module.router.routes)
    as_generated = app.openapi
    app.openapi = lambda: access.describe(problems.describe(as_generated()), app.routes)  # type: ignore[method-assign]  # how FastAPI says to do it

    @app.get("/v1/openapi.json", include_in_schema=False)
    @needs(Scope.READ)
    async def describe() -> JSONResponse:
        return JSONResponse(app.openapi())

    return app


class Gateway:
    """The gateway, ready to run."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._log = get_logger(service="gateway")
        self.metrics = Metrics()
        self._is_redis_there = False
        self.address = ""
        """Where it answers, once it does."""
        self.port = 0
        """The port it listens on."""

    def run(self) -> None:
        """Serve until SIGTERM. Exits with 2 when the settings leave it open, and with 1 when it cannot listen."""
        configure(self.settings.log)
        self._log.info(SETTINGS_LOADED, **effective_settings(self.settings))
        try:
            asyncio.run(self._serve_until_signalled())
        except UnsafeGatewayError as error:
            sys.stderr.write(f"{error}\n")
            sys.exit(2)
        except OSError as error:
            sys.stderr.write(f"{error.strerror or error}\n")
            sys.exit(1)

    async def _serve_until_signalled(self) -> None:
        with stop_on_signals() as stop:
            await self.serve(stop)

    async def serve(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set. Raises UnsafeGatewayError, and OSError when it cannot listen."""
        settings = self.settings.gateway
        redis = connect(self.settings.redis.url.get_secret_value())
        parts = make_parts(self.settings, redis, self.metrics)
        try:
            await self._refuse_if_open(parts)
            sock = listen(settings)
            deliverer, watcher = Deliverer(_tools(parts, self._log)), Watcher(_alert_tools(parts, self._log))
            health = HealthServer(self.settings.health, self.metrics.registry, self.readiness)
            background = [
                asyncio.create_task(self._watch_redis(parts)),
                asyncio.create_task(parts.announcements.run()),
                asyncio.create_task(deliverer.run()),
                asyncio.create_task(watcher.run()),
                asyncio.create_task(
                    keep_watching(
                        parts.activity,
                        partial(_look, parts),
                        partial(_count_faulty, parts),
                        partial(_count_late, parts),
                    )
                ),
            ]
            self.address, self.port = address_of(sock, settings), sock.getsockname()[1]
            try:
                await health.start()
                self._log.info(WORKER_STARTED, address=self.address)
                app = Measured(guarded(create_api(parts), parts), self.metrics)
                await serve(app, sock, settings, stop=stop, on_stopping=partial(self._end_streams, parts))
                grace = settings.grace_period.total_seconds()
                await asyncio.gather(deliverer.drain(grace), watcher.drain(grace))
            finally:
                await end(background)
                await health.stop()
            self._log.info(WORKER_STOPPED)
        finally:
            await parts.sender.close()
            await asyncio.to_thread(parts.stores.close)
            await redis.aclose()

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Whether requests can be answered, and where."""
        state = {"state": "running", "address": self.address, "redis": "ok" if self._is_redis_there else "unreachable"}
        return self._is_redis_there, state

    def _end_streams(self, parts: Parts) -> None:
        self._log.info(WORKER_STOPPING)
        parts.stop.set()

    async def _watch_redis(self, parts: Parts) -> None:
        while True:
            try:
                await parts.redis.ping()
                if not self._is_redis_there:
                    # It may have come back empty.
                    await keep_reach(parts.redis, self.settings.pipeline.prefix, parts.reach)
                self._is_redis_there = True
            except (RedisError, OSError):
                self._is_redis_there = False
            await asyncio.sleep(1)

    async def _refuse_if_open(self, parts: Parts) -> None:
        settings = self.settings.gateway
        if settings.is_loopback or await parts.tokens.exist():
            return
        raise UnsafeGatewayError(
            f"CORANTO_GATEWAY__HOST is {settings.host}, which others can reach, and there is no token: make one with "
            "`coranto token add NAME`, or set CORANTO_GATEWAY__TOKEN or CORANTO_GATEWAY__TOKEN_FILE, "
            "or listen on 127.0.0.1"
        )


def make_parts(settings: Settings, redis: Redis, metrics: Metrics) -> Parts:
    """The collaborators of the routes."""
    stores = ArticleStores(revealed(settings.gateway.database), readers=settings.gateway.readers)
    prefix, operator = settings.pipeline.prefix, settings.gateway.alerts.operator
    alerts = Alerts(redis, prefix)

    async def tell_set_aside(name: str, row: SetAside) -> None:
        metrics.webhook_rows_set_aside.labels(row.part).inc()
        get_logger(service="gateway").error(WEBHOOK_ROW_SET_ASIDE, webhook=name, row=row.key, why=row.why)
        with suppress(RedisError, OSError):  # it is in the log, and on the page
            told = f"webhook {name}: a row in Redis cannot be read and was set aside ({row.key}); it goes on"
            await alerts.notify(operator, told, now=datetime.now(UTC))

    return Parts(
        settings=settings,
        redis=redis,
        pipelines=Pipelines(redis, settings),
        stores=stores,
        pages=FilePageStore(settings.pages.path),
        tokens=Tokens(redis, prefix, settings_token=_settings_token(settings.gateway)),
        feeds=Feeds(redis, prefix),
        announcements=Announcements(stores, kept=settings.gateway.replay_buffer),
        webhooks=Webhooks(redis, prefix, tell_set_aside),
        sender=Sender(settings.to_webhook_client()),
        reach=Reach.of(settings),
        alerts=alerts,
        activity=Activity(),
        lags=LagHistory(redis, prefix),
        metrics=metrics,
        stop=asyncio.Event(),
    )


def _tools(parts: Parts, log: Any) -> Tools:
    return Tools(
        webhooks=parts.webhooks,
        announcements=parts.announcements,
        stores=parts.stores,
        sender=parts.sender,
        settings=parts.settings.gateway.webhooks,
        metrics=parts.metrics,
        clock=parts.sender.now,
        notify=partial(_notify, parts),
        log=log,
    )


async def _notify(parts: Parts, text: str) -> None:
    await parts.alerts.notify(parts.settings.gateway.alerts.operator, text, now=parts.sender.now())


def _alert_tools(parts: Parts, log: Any) -> AlertTools:
    settings = parts.settings.gateway.alerts
    return AlertTools(
        alerts=parts.alerts,
        announcements=parts.announcements,
        stores=parts.stores,
        courier=Courier(parts.sender, settings),
        settings=settings,
        metrics=parts.metrics,
        log=log,
    )


async def _look(parts: Parts) -> Sequence[StageState]:
    return await (await parts.pipelines.get()).state()


async def _count_faulty(parts: Parts) -> int:
    return sum(each.state in FAULTY for each in await sources.get_sources(parts))


async def _count_late(parts: Parts) -> int:
    """Subscribers that somebody should look after. Takes down how far behind all are."""
    found = await groups.get_groups(parts)
    lags = {of_group(each.name): float(each.waiting) for each in found}
    if (latest := parts.activity.latest) is not None:
        lags |= {of_stage(stage): state.depth.oldest_age_seconds for stage, state in latest.stages.items()}
    await parts.lags.note(lags, now=time.time())
    return sum(each.state in groups.LATE for each in found) + sum(
        number for standing, number in (await parts.webhooks.count()).items() if standing in webhooks.FAULTY
    )


def guarded(api: FastAPI, parts: Parts) -> ASGIApp:
    """The application behind everything that a request has to pass first."""
    settings = parts.settings.gateway
    limit = RateLimit(parts.redis, parts.settings.pipeline.prefix, per_minute=settings.requests_per_minute)
    is_token_needed = not settings.is_loopback or settings.public_url is not None
    app: ASGIApp = BodyLimit(api, max_bytes=settings.max_body_bytes, seconds=settings.receive_timeout.total_seconds())
    app = AccessControl(
        app,
        routes=api.routes,
        known=parts.tokens,
        limit=limit,
        is_token_needed=is_token_needed,
        # Access control stands before the application, which would otherwise say to which request it belongs.
        refuse=lambda scope, problem: _answer_error(Request({**scope, "app": api}), problem),
    )
    app = ForeignPages(app, allowed_hosts=settings.allowed_hosts, public_url=settings.public_url)
    return SecurityHeaders(app)


def _settings_token(settings: GatewaySettings) -> str | None:
    """The token of the settings: given there, or in the file they name, which is made where it is missing."""
    if settings.token is not None:
        return settings.token.get_secret_value()
    if settings.token_file is None:
        return None
    return _read_or_make(settings.token_file)


def _read_or_make(file: Path) -> str:
    with suppress(FileExistsError):
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as made:
            made.write(f"{secrets.token_urlsafe(32)}\n")
    text = file.read_text(encoding="utf-8").strip()
    if len(text) < 20:
        raise UnsafeGatewayError(
            f"{file} must hold a token of 20 characters or more, got {len(text)}: remove it to have one made"
        )
    return text


def create(settings: Settings | None = None) -> Gateway:
    """The gateway, ready to run."""
    return Gateway(settings or Settings())
