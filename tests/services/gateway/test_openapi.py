"""The committed description of the API, held against the running gateway."""

from __future__ import annotations

import json
from pathlib import Path

from tests.services.gateway.conftest import Served

COMMITTED = Path(__file__).resolve().parents[3] / "docs" / "reference" / "openapi.json"


async def test_the_gateway_serves_the_committed_document(served: Served) -> None:
    document = await served.get("/v1/openapi.json")
    assert document["openapi"].startswith("3.1")
    assert document == json.loads(COMMITTED.read_text(encoding="utf-8"))


async def test_every_path_that_is_read_without_a_name_answers_as_described(served: Served) -> None:
    document = await served.get("/v1/openapi.json")
    asked = 0
    for path, item in document["paths"].items():
        parameters = item.get("get", {}).get("parameters", [])
        if path in ("/v1/stream", "/v1/why"):
            continue  # they do not end, or need one of two parameters
        if "get" in item and "{" not in path and not any(each.get("required") for each in parameters):
            answer = await served.client.get(path)
            assert answer.status_code == 200, path
            assert answer.headers["content-type"] in item["get"]["responses"]["200"]["content"], path
            asked += 1
    assert asked >= 4
