"""Who may use the gateway, and what a foreign web page, a thief of a token or a huge body come to."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from tests.services.gateway.conftest import Serve, Served

from coranto_gateway.app import UnsafeGatewayError
from coranto_gateway.tokens.registry import Tokens
from coranto_gateway.tokens.token import Scope

EVERYWHERE = "0.0.0.0"  # noqa: S104 - the address that must not be open
TOKEN = "a-token-that-is-long-enough-1234"


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


# --- foreign pages --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8420", "", "localhost.evil.example", "[", "127.0.0.1.evil.example"]
)
async def test_another_name_that_points_here_gets_nothing(served: Served, host: str) -> None:
    answer = await served.client.get("/v1/status", headers={"Host": host})
    assert answer.status_code in (400, 421)
    assert "stages" not in answer.text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8420", "127.0.0.1:1", "[::1]:8420"])
async def test_names_of_loopback_are_ours(served: Served, host: str) -> None:
    assert (await served.client.get("/v1/status", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1"},
    ],
)
async def test_a_foreign_page_changes_nothing(served: Served, headers: dict[str, str]) -> None:
    answer = await served.client.post("/v1/sources", json={"url": "https://news.example/feed"}, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:coranto:problem:foreign-page"
    assert (await served.get("/v1/sources"))["items"] == []


async def test_our_own_pages_and_programs_may_change_things(served: Served) -> None:
    own = str(served.client.base_url).rstrip("/")
    for number, headers in enumerate(({"Sec-Fetch-Site": "same-origin", "Origin": own}, {"Origin": own}, {})):
        await served.post("/v1/sources", {"url": f"https://news.example/{number}"}, status=201, headers=headers)


async def test_a_form_of_another_kind_is_no_json(served: Served) -> None:
    answer = await served.client.post(
        "/v1/sources", content='{"url": "https://news.example/f"}', headers={"Content-Type": "text/plain"}
    )
    assert answer.status_code in (415, 422)
    assert (await served.get("/v1/sources"))["items"] == []


async def test_every_answer_carries_the_headers_and_allows_no_other_origin(served: Served) -> None:
    for path in ("/v1/status", "/v1/nothing", "/v1/openapi.json", "/v1/articles?limit=0"):
        answer = await served.client.get(path, headers={"Origin": "https://evil.example"})
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers


# --- tokens ---------------------------------------------------------------------------------------------------------


async def test_off_loopback_it_does_not_start_without_a_token(serve: Serve, redis: Redis) -> None:
    with pytest.raises(UnsafeGatewayError, match="coranto token add"):
        async with serve(host=EVERYWHERE):
            pytest.fail("it started")
    ended = datetime.now(UTC) - timedelta(seconds=1)
    await Tokens(redis, "coranto").add("old", frozenset(Scope), ends_at=ended)
    with pytest.raises(UnsafeGatewayError):
        async with serve(host=EVERYWHERE):
            pytest.fail("it started with a token that has ended")


async def test_the_program_says_why_it_does_not_start(redis_url: str, tmp_path: Path) -> None:
    environment = os.environ | {
        "CORANTO_REDIS__URL": redis_url,
        "CORANTO_GATEWAY__HOST": EVERYWHERE,
        "CORANTO_GATEWAY__PORT": "0",
        "CORANTO_GATEWAY__DATABASE": str(tmp_path / "articles.sqlite"),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "coranto_gateway", env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, said = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert b"there is no token" in said
    assert b"Traceback" not in said


async def test_off_loopback_each_request_needs_a_token_with_the_scope(serve: Serve, redis: Redis) -> None:
    tokens = Tokens(redis, "coranto")
    texts = {}
    for scope in Scope:
        _, texts[scope] = await tokens.add(scope.value, frozenset({scope}))
    async with serve(host=EVERYWHERE, allowed_hosts=("127.0.0.1",)) as gateway:
        base = f"http://127.0.0.1:{gateway.client.base_url.port}"
        async with httpx.AsyncClient(base_url=base) as client:

            async def ask(method: str, path: str, text: str | None, body: Any = None) -> int:
                headers = {} if text is None else bearer(text)
                return (await client.request(method, path, json=body, headers=headers)).status_code

            for path in ("/v1/status", "/v1/articles", "/v1/openapi.json", "/v1/dead", "/"):
                assert await ask("GET", path, None) == 401
                assert await ask("GET", path, "wrong") == 401
            assert await ask("GET", "/v1/status", texts[Scope.READ]) == 200
            assert await ask("GET", "/v1/status", texts[Scope.SUBMIT]) == 403
            submission = {"urls": ["https://news.example/1"]}
            assert await ask("POST", "/v1/submit", texts[Scope.READ], submission) == 403
            assert await ask("POST", "/v1/submit", texts[Scope.SUBMIT], submission) == 202
            source = {"url": "https://news.example/feed"}
            assert await ask("POST", "/v1/sources", texts[Scope.SUBMIT], source) == 403
            assert await ask("POST", "/v1/sources", texts[Scope.OPERATE], source) == 201
            assert await ask("DELETE", "/v1/sources?url=https://news.example/feed", texts[Scope.READ]) == 403
            altered = texts[Scope.READ][:-1] + ("A" if texts[Scope.READ][-1] != "A" else "B")
            assert await ask("GET", "/v1/status", altered) == 401

            (reader,) = [token for token in (await tokens.all())[0] if token.name == "read"]
            assert reader.last_used_at is not None
            assert await tokens.remove(reader.id)
            assert await ask("GET", "/v1/status", texts[Scope.READ]) == 401


async def test_a_token_ends_when_its_time_has_come(redis: Redis) -> None:
    tokens = Tokens(redis, "coranto")
    _, ended = await tokens.add("old", frozenset(Scope), ends_at=datetime.now(UTC) - timedelta(seconds=1))
    _, lasting = await tokens.add("new", frozenset(Scope), ends_at=datetime.now(UTC) + timedelta(hours=1))
    assert await tokens.find(ended) is None
    found = await tokens.find(lasting)
    assert found is not None
    assert found.name == "new"


async def test_redis_holds_no_token_that_could_be_used(redis: Redis) -> None:
    _, text = await Tokens(redis, "coranto").add("desk", frozenset(Scope))
    kept = b"".join((await redis.hgetall("coranto:gateway:tokens")).values())  # type: ignore[misc]
    assert text.rpartition("_")[2].encode() not in kept


async def test_on_loopback_a_token_that_is_sent_must_be_right_and_a_proxy_needs_one(serve: Serve) -> None:
    async with serve(token=TOKEN) as gateway:
        assert (await gateway.client.get("/v1/status")).status_code == 200
        assert (await gateway.client.get("/v1/status", headers=bearer("wrong"))).status_code == 401
        assert (await gateway.client.get("/v1/status", headers=bearer(TOKEN))).status_code == 200
        through_proxy = {"X-Forwarded-For": "203.0.113.7"}
        assert (await gateway.client.get("/v1/status", headers=through_proxy)).status_code == 401
        assert (await gateway.client.get("/v1/status", headers=through_proxy | bearer(TOKEN))).status_code == 200


async def test_a_token_file_is_made_once_for_its_owner_alone(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "secret" / "token"
    for _ in range(2):
        async with serve(host=EVERYWHERE, token_file=file) as gateway:
            text = file.read_text(encoding="ascii").strip()
            base = f"http://127.0.0.1:{gateway.client.base_url.port}"
            async with httpx.AsyncClient(base_url=base) as client:
                assert (await client.get("/v1/status", headers=bearer(text))).status_code == 200
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_a_token_makes_so_many_requests_a_minute(serve: Serve) -> None:
    async with serve(token=TOKEN, requests_per_minute=5) as gateway:
        codes = [(await gateway.client.get("/v1/status", headers=bearer(TOKEN))).status_code for _ in range(7)]
        assert codes == [200] * 5 + [429] * 2
        refused = await gateway.client.get("/v1/status", headers=bearer(TOKEN))
        assert 1 <= int(refused.headers["retry-after"]) <= 60


# --- bodies ---------------------------------------------------------------------------------------------------------


async def test_a_body_that_is_too_large_is_refused_by_what_it_states_and_by_what_comes(serve: Serve) -> None:
    async with serve(max_body_bytes=2000) as gateway:
        body = {"pages": [{"url": "https://news.example/1", "html": "x" * 5000}]}
        answer = await gateway.client.post("/v1/submit", json=body)
        assert answer.status_code == 413

        async def endless() -> Any:
            for _ in range(100):
                yield b" " * 1000

        answer = await gateway.client.post(
            "/v1/submit", content=endless(), headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 413
        assert answer.json()["type"] == "urn:coranto:problem:body-too-large"
        assert (await gateway.client.get("/v1/status")).status_code == 200
