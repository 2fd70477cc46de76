"""A sample site on free ports, so that tests may run side by side."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from coranto_samplesite import SampleSite


@pytest.fixture
async def site() -> AsyncIterator[SampleSite]:
    async with SampleSite(port=0, wire_port=0) as site:
        yield site


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session
