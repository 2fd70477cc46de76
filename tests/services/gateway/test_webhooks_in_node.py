"""What webhooks and alerts are signed with is verified by the JavaScript libraries of two other houses."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest
from tests.conftest import eventually
from tests.services.gateway.conftest import Serve
from tests.services.gateway.test_articles import article
from tests.services.gateway.test_webhooks import LOOPBACK, make
from tests.services.gateway.webhook_receiver import Received, Receiver

from coranto_gateway.webhooks.webhook import new_secret

FOLDER = Path(__file__).parent / "npm"

pytestmark = pytest.mark.slow


@pytest.fixture
def node() -> str:
    """The program, where it and the libraries are there."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("there is no node")
    if not (FOLDER / "node_modules" / "standardwebhooks").is_dir():
        pytest.skip("the libraries are not installed: npm ci --prefix tests/services/gateway/npm")
    return program


async def verdicts(node: str, received: Received, secret: str, *, body: str | None = None) -> list[str]:
    """What each library says of the message."""
    asked = {"secret": secret, "headers": received.headers, "body": received.body.decode() if body is None else body}
    process = await asyncio.create_subprocess_exec(
        node, str(FOLDER / "verify.mjs"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asyncio.wait_for(process.communicate(json.dumps(asked).encode()), 30)
    assert process.returncode == 0
    return [str(each) for each in json.loads(said)]


VERIFIED = ["verified"] * 2
REFUSED = ["No matching signature found"] * 2


async def test_javascript_verifies_articles_while_a_secret_is_changed_and_alerts(serve: Serve, node: str) -> None:
    async with serve(webhooks=LOOPBACK) as served, Receiver() as receiver, Receiver() as alerted:
        first = (await make(served, receiver))["secret"]
        second = (await served.post("/v1/webhooks/desk/rotate", {"overlap_seconds": 60}))["secret"]
        alert = await served.post("/v1/alerts", {"name": "desk", "q": "Шторм", "to": [alerted.url]}, status=201)
        await served.post("/v1/alerts/desk/test", {}, status=202)
        await served.announce(article("storm", language="ru", title="Шторм 🌊"))
        await eventually(lambda: bool(receiver.accepted and alerted.accepted), what="the delivery and the test")
        received = receiver.accepted[0]
        for secret in (first, second):
            assert await verdicts(node, received, secret) == VERIFIED
        assert await verdicts(node, alerted.accepted[0], alert["secret"]) == VERIFIED
        assert await verdicts(node, received, new_secret()) == REFUSED
        altered = received.body.decode().replace("Шторм", "Штиль")
        assert await verdicts(node, received, first, body=altered) == REFUSED
