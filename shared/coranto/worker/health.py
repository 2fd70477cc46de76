"""The small HTTP server beside a worker: /live, /ready and /metrics, for whatever runs it.

/live says that the process turns its event loop. /ready says whether it can do its work at this moment, and if not, why:
it is never green while nothing is being read.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from coranto.worker.settings import HealthSettings

Readiness = Callable[[], tuple[bool, dict[str, Any]]]


class HealthServer:
    """Serves the state of one worker."""

    def __init__(self, settings: HealthSettings, registry: CollectorRegistry, readiness: Readiness) -> None:
        self._settings = settings
        self._registry = registry
        self._readiness = readiness
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Listen, and give the base address. Raises OSError when the port is taken."""
        app = web.Application()
        app.router.add_get("/live", self._live)
        app.router.add_get("/ready", self._ready)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._settings.host, self._settings.port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        address = f"http://{host}:{port}"
        if self._settings.ready_file is not None:
            self._settings.ready_file.parent.mkdir(parents=True, exist_ok=True)
            self._settings.ready_file.write_text(address + "\n", encoding="utf-8")
        return address

    async def stop(self) -> None:
        """Stop listening."""
        if self._settings.ready_file is not None:
            self._settings.ready_file.unlink(missing_ok=True)
        if self._runner is not None:
            await self._runner.cleanup()

    async def _live(self, _request: web.Request) -> web.Response:
        return web.Response(text="live\n")

    async def _ready(self, _request: web.Request) -> web.Response:
        is_ready, state = self._readiness()
        body = json.dumps({"ready": is_ready, **state}, indent=2)
        return web.Response(status=200 if is_ready else 503, text=body + "\n", content_type="application/json")

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(self._registry), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )
