"""Fixtures for all tests: a real Redis of their own, a fresh key space each, and patience with a deadline."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType

import pytest
import structlog
from redis.asyncio import Redis

from coranto_cli.local.redis_server import EmbeddedRedis, NoRedisServerError, choose_server

ROOT = Path(__file__).resolve().parent.parent


def pytest_report_header() -> str:
    """Which server the tests run on: what holds on one need not hold on another."""
    try:
        return f"redis server: {choose_server()}"
    except NoRedisServerError as error:
        return f"redis server: none ({error})"


@pytest.fixture
def logging_restored() -> Iterator[None]:
    """For tests that set logging up as a process does: afterwards it is as before."""
    before, handlers, level = structlog.get_config(), logging.root.handlers[:], logging.root.level
    yield
    structlog.configure(**before)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """One Redis for the whole run of this process, on a unix socket."""
    server = EmbeddedRedis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def redis_url(redis_server: EmbeddedRedis) -> str:
    """Address of an empty Redis."""
    from redis import Redis as BlockingRedis

    with BlockingRedis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of an empty Redis."""
    client = Redis.from_url(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    """A Redis for one test alone, to be stopped, killed and emptied."""
    server = EmbeddedRedis(tmp_path, appendfsync="always")
    server.start()
    yield server
    server.kill()


def load_program(path: Path) -> ModuleType:
    """A program that is in no package, such as a benchmark, as a module."""
    spec = importlib.util.spec_from_file_location(f"{path.stem}_program", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@asynccontextmanager
async def running_service(name: str, settings: Mapping[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """A service in a process of its own, told of errors only; ended at once when the block is left, unless it has ended."""
    environment = os.environ | {"CORANTO_LOG__LEVEL": "error"} | settings
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", f"coranto_{name}", env=environment)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def eventually(
    claim: Callable[[], bool | Awaitable[bool]], *, within_seconds: float = 60.0, what: str = "the claim"
) -> None:
    """Return once the claim is true; fail when the time is over, which is long, as machines that run tests may be slow."""
    deadline = time.monotonic() + within_seconds
    while True:
        answer = claim()
        if isinstance(answer, Awaitable):
            answer = await answer
        if answer:
            return
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not become true within {within_seconds:g} s")
        await asyncio.sleep(0.02)


@pytest.fixture(scope="session")
def material() -> Path:
    """The folder with seed, corpora and cases, which users do not have."""
    folder = Path(os.environ.get("CORANTO_MATERIAL", ROOT.parent / "shared"))
    if not (folder / "seed").is_dir():
        pytest.skip(
            f"the labelled material is not on this machine: no {folder}/seed (set CORANTO_MATERIAL to where it is)"
        )
    return folder
