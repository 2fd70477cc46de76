"""Asks a service process whether it is ready."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Readiness:
    """What a service process reports about itself."""

    is_ready: bool
    state: dict[str, Any]


async def ask_ready(address_file: Path) -> Readiness | None:
    """The answer of the service process whose address is in the file; None when there is none."""
    import aiohttp  # late: most commands need no HTTP client

    try:
        address = (await asyncio.to_thread(address_file.read_text, encoding="utf-8")).strip()
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(f"{address}/ready") as response:
            state = await response.json()
            return Readiness(response.status == 200, state if isinstance(state, dict) else {})
    except (OSError, aiohttp.ClientError, TimeoutError, json.JSONDecodeError):
        return None
