"""Requests made from the API's own description, right and wrong: each answer is one that it names, and none a fault."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from redis.asyncio import Redis
from tests.services.gateway.conftest import Serve
from tests.services.gateway.test_articles import article
from tests.services.gateway.test_openapi import COMMITTED
from tests.services.gateway.test_operating import bury

schemathesis = pytest.importorskip("schemathesis", reason="the package schemathesis is not installed")
from schemathesis import GenerationMode  # noqa: E402 - what is skipped above is missing
from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.specs.openapi.checks import (  # noqa: E402
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

DOCUMENT = json.loads(COMMITTED.read_text(encoding="utf-8"))
# The gateway under test listens on loopback, where a missing or odd token is no fault; test_scopes holds the scopes.
for operation in (operation for item in DOCUMENT["paths"].values() for operation in item.values()):
    del operation["security"]
ENDLESS = "/v1/stream"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OPERATIONS = sorted(
    f"{method.upper()} {path}" for path, item in DOCUMENT["paths"].items() for method in item if path != ENDLESS
)
EXAMPLES = 15


def described_bodies(operation: str) -> dict[str, Any]:
    method, _, path = operation.partition(" ")
    found: dict[str, Any] = DOCUMENT["paths"][path][method.lower()].get("requestBody", {}).get("content", {})
    return found


def _ask(base: str, operation: str) -> None:
    method, _, path = operation.partition(" ")
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    described = schema[path][method]
    right = described.as_strategy(generation_mode=GenerationMode.POSITIVE)
    wrong = described.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    def run(strategy: st.SearchStrategy[Any], checks: list[Callable[..., Any]]) -> None:
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy)
        def ask(case: Any) -> None:
            case.call_and_validate(base_url=base, checks=checks, timeout=20)

        ask()

    run(right, CHECKS)
    # Where any text will do, nothing can be wrong.
    with suppress(Unsatisfiable):
        run(wrong, [*CHECKS, *([] if "text/plain" in described_bodies(operation) else [negative_data_rejection])])


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_no_request_finds_a_fault_or_an_answer_that_is_not_described(
    serve: Serve, redis: Redis, operation: str
) -> None:
    # No feeder is there to look at sources.
    async with serve(preview_timeout=timedelta(milliseconds=10)) as served:
        await served.store(article("one"), article("two", language="ru"))
        await bury(redis, "https://a.example/dead")
        await asyncio.to_thread(_ask, str(served.client.base_url).rstrip("/"), operation)
