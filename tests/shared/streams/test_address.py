"""Addresses of Redis, as users write them."""

from __future__ import annotations

import re

import pytest
from pydantic import SecretStr, ValidationError

from coranto.settings import RedisSettings
from coranto.streams.address import parse_address


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:6379/0", "rediss://:secret@redis.example/3?ssl_cert_reqs=none", "unix:///run/redis.sock"]
)
def test_one_server_is_left_to_redis_py(url: str) -> None:
    assert parse_address(url).kind == "single"
    assert RedisSettings(url=SecretStr(url)).url.get_secret_value() == url


def test_a_cluster_is_named_by_some_of_its_nodes() -> None:
    address = parse_address("redis+cluster://user:p%40ss@one:7000,two,[::1]:7002")
    assert (address.kind, address.nodes) == ("cluster", (("one", 7000), ("two", 6379), ("::1", 7002)))
    assert address.options == {"username": "user", "password": "p@ss"}


def test_sentinels_are_named_with_the_service_and_its_database() -> None:
    address = parse_address(
        "redis+sentinel://:secret@one:7000,two/news/3?sentinel_password=other&sentinel_username=watch"
    )
    assert (address.kind, address.nodes) == ("sentinel", (("one", 7000), ("two", 26379)))
    assert (address.service, address.options) == ("news", {"password": "secret", "db": 3})
    assert address.sentinel_options == {"username": "watch", "password": "other"}
    assert parse_address("redis+sentinel://one/news").options == {"db": 0}


@pytest.mark.parametrize("kind", ["rediss+cluster://one", "rediss+sentinel://one/news"])
def test_tls_and_its_options_reach_redis_py(kind: str) -> None:
    address = parse_address(f"{kind}?ssl_ca_certs=/etc/ca.pem&ssl_check_hostname=false")
    assert address.options["ssl"] is True
    assert address.options["ssl_ca_certs"] == "/etc/ca.pem"
    assert address.options["ssl_check_hostname"] is False


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("localhost", "got 'localhost'"),
        ("localhost:6379", "got 'localhost:6379'"),
        ("http://:secret@one:6379", "got 'http://one:6379'"),
        ("redis+clusters://:secret@one", "got 'redis+clusters://one'"),
        ("redis+cluster://", "a node must be host:port, got ''"),
        ("redis+cluster://:secret@one:7000,", "a node must be host:port, got ''"),
        ("redis+cluster://:secret@one:70000", "a node must be host:port, got 'one:70000'"),
        ("redis+cluster://:secret@one:7000;two:7000", "a node must be host:port, got 'one:7000;two:7000'"),
        ("redis+cluster://:secret@one/2", "a cluster has database 0 only, got 'redis+cluster://one/2'"),
        ("redis+sentinel://:secret@one", "needs the name by which the sentinels know the master"),
        ("redis+sentinel://:secret@one/news/x", "the database of Redis must be a number, got 'x'"),
    ],
)
def test_a_wrong_address_is_told_without_its_password(url: str, seen: str) -> None:
    with pytest.raises(ValueError, match=re.escape(seen)) as raised:
        parse_address(url)
    with pytest.raises(ValidationError) as refused:
        RedisSettings(url=SecretStr(url))
    for text in (str(raised.value), str(refused.value)):
        assert "secret" not in text
