"""The settings of the web: who we say we are, whom we trust and where we may go, for fetcher and feeder alike."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import ValidationError

from coranto.http import CertificateError, WebLimits
from coranto.http.settings import WebSettings
from coranto_feeder.settings import Settings as FeederSettings
from coranto_fetcher.settings import Settings as FetcherSettings

ENVIRONMENT = {
    "ALLOWED_NETWORKS": "127.0.0.0/8,10.0.0.0/8",
    "ALLOWED_PORTS": "80,443",
    "DNS_SERVERS": "127.0.0.1:5353,[::1]:53,9.9.9.9",
    "PROXY": "socks5://someone:s3cret@127.0.0.1:1080",
    "PROXY_IS_GUARDED": "true",
    "CONTACT": "bot@your.site",
}
FETCHER_ONLY = {
    "TOTAL_TIMEOUT": "7", "MAX_BODY_BYTES": "2000", "MAX_DECODED_BYTES": "3000", "MIN_DELAY": "0.5", "CONCURRENCY": "3",
}  # fmt: skip


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (ENVIRONMENT | FETCHER_ONLY).items():
        monkeypatch.setenv(f"CORANTO_FETCHER__{name}", value)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("service", [FetcherSettings, FeederSettings])
def test_feeder_reads_the_settings_of_the_fetcher(service: type[FetcherSettings | FeederSettings]) -> None:
    found = service().fetcher
    assert found.allowed_networks == ("127.0.0.0/8", "10.0.0.0/8")
    assert found.allowed_ports == (80, 443)
    assert found.dns_servers == ("127.0.0.1:5353", "[::1]:53", "9.9.9.9:53")
    assert found.proxy is not None
    assert found.proxy.get_secret_value() == ENVIRONMENT["PROXY"]
    assert "s3cret" not in repr(found)
    assert found.proxy_is_guarded
    assert found.full_user_agent.endswith("(+bot@your.site)")


@pytest.mark.usefixtures("environment")
def test_fetcher_has_its_bounds_by_these_names() -> None:
    found = FetcherSettings().fetcher
    assert (found.total_timeout, found.min_delay) == (timedelta(seconds=7), timedelta(seconds=0.5))
    assert (found.max_body_bytes, found.max_decoded_bytes, found.concurrency) == (2000, 3000, 3)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("dns_servers", "ns.example:53", "must be an address and a port"),
        ("dns_servers", "127.0.0.1:0", "must be an address and a port"),
        ("dns_servers", "127.0.0.1:99999", "must be an address and a port"),
        ("allowed_ports", "0", "greater than or equal to 1"),
        ("allowed_ports", "http", "valid integer"),
        ("allowed_networks", "home", "home"),
        ("contact", "me", "web page or a mail address"),
        ("contact", "https://your.site/\r\nX-A: b", "web page or a mail address"),
        ("contact", "ich@straße.example", "web page or a mail address"),
        ("proxy", "ftp://127.0.0.1", "must be http"),
        ("ca_file", "/nowhere/ca.pem", "there is none at /nowhere/ca.pem"),
    ],
)
def test_wrong_value_is_refused_with_what_was_expected(name: str, value: str, expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        WebSettings.model_validate({name: value})


@pytest.mark.parametrize(
    ("settings", "agent", "has_contact"),
    [
        ({}, "CorantoBot/0.1", False),
        ({"contact": ""}, "CorantoBot/0.1", False),
        ({"contact": "https://your.site/bot"}, "CorantoBot/0.1 (+https://your.site/bot)", True),
        ({"contact": "mailto:bot@your.site"}, "CorantoBot/0.1 (+mailto:bot@your.site)", True),
        ({"user_agent": "YourBot/1.0 (+https://your.site/bot)"}, "YourBot/1.0 (+https://your.site/bot)", True),
    ],
)
def test_contact_is_part_of_the_user_agent(settings: dict[str, str], agent: str, has_contact: bool) -> None:
    found = WebSettings.model_validate(settings)
    assert (found.full_user_agent, found.has_contact) == (agent, has_contact)


async def test_ca_file_is_trusted_beside_the_systems_authorities(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl program to make a certificate")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "1",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")

    async def handler(_: web.Request) -> web.Response:
        return web.Response(text="trusted")

    app = web.Application()
    app.router.add_get("/", handler)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=server_side)
    try:
        url = f"https://localhost:{server.port}/"
        networks = {"allowed_networks": "127.0.0.0/8"}
        async with WebSettings.model_validate(networks).to_client(WebLimits()) as browser:
            with pytest.raises(CertificateError):
                await browser.get(url)
        trusting = WebSettings.model_validate(networks | {"ca_file": tmp_path / "cert.pem"})
        async with trusting.to_client(WebLimits()) as browser:
            assert (await browser.get(url)).body == b"trusted"
    finally:
        await server.close()
