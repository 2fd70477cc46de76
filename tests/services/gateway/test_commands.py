"""`coranto token`: made, shown once, listed, revoked."""

from __future__ import annotations

import json

import pytest
from redis.asyncio import Redis
from typer.testing import CliRunner

from coranto_gateway.tokens.commands import app
from coranto_gateway.tokens.registry import Tokens
from coranto_gateway.tokens.token import Scope


@pytest.fixture
def run(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("CORANTO_REDIS__URL", redis_url)
    return CliRunner()


async def test_a_token_is_made_shown_once_listed_and_revoked(run: CliRunner, redis: Redis) -> None:
    import asyncio

    made = await asyncio.to_thread(
        run.invoke, app, ["add", "desk", "--scope", "read", "--scope", "submit", "--days", "7"]
    )
    assert made.exit_code == 0
    text = made.stdout.strip()
    found = await Tokens(redis, "coranto").find(text)
    assert found is not None
    assert found.scopes == {Scope.READ, Scope.SUBMIT}
    listed = await asyncio.to_thread(run.invoke, app, ["list", "--json"])
    (row,) = [json.loads(line) for line in listed.stdout.splitlines()]
    assert (row["name"], row["scopes"]) == ("desk", ["read", "submit"])
    assert text.rpartition("_")[2] not in listed.stdout
    assert "digest" not in row
    revoked = await asyncio.to_thread(run.invoke, app, ["revoke", row["id"]])
    assert revoked.exit_code == 0
    assert await Tokens(redis, "coranto").find(text) is None
    assert (await asyncio.to_thread(run.invoke, app, ["revoke", row["id"]])).exit_code == 3
