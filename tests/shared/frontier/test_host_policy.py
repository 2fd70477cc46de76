"""Which addresses are one host, and how long each host is left alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from coranto.frontier import HostPolicy, HostRule, WrongHostsFileError, host_key, read_hosts_file
from coranto.urls import parse


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://www.paper.example/a", "paper.example"),
        ("http://m.paper.example:8080/", "paper.example"),
        ("https://news.paper.co.uk/", "paper.co.uk"),
        ("https://one.github.io/", "one.github.io"),
        ("http://127.0.0.1:8001/", "127.0.0.1:8001"),
        ("http://[::1]:8001/", "[::1]:8001"),
        ("http://localhost:9/", "localhost:9"),
        ("http://192.0.2.7/", "192.0.2.7"),
    ],
)
def test_names_of_one_registered_domain_are_one_host(url: str, key: str) -> None:
    assert host_key(parse(url)) == key


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def test_crawl_delay_makes_the_pause_longer_up_to_a_limit() -> None:
    policy = HostPolicy()
    assert policy.delay_for("paper.example") == seconds(2)
    assert policy.delay_for("paper.example", crawl_delay=seconds(1)) == seconds(2)
    assert policy.delay_for("paper.example", crawl_delay=seconds(10)) == seconds(10)
    assert policy.delay_for("paper.example", crawl_delay=seconds(86_400)) == seconds(60)


def test_file_says_what_certain_hosts_want(tmp_path: Path) -> None:
    path = tmp_path / "hosts.toml"
    path.write_text(
        '["www.slow.example"]\nmin_delay = 30\n["ours.example"]\nmin_delay = 0.1\nignores_crawl_delay = true\n'
        '["127.0.0.1:8001"]\nmin_delay = 5\n'
    )
    policy = HostPolicy(rules=read_hosts_file(path))
    assert policy.delay_for("slow.example") == seconds(30)
    assert policy.delay_for("slow.example", crawl_delay=seconds(40)) == seconds(40)
    assert policy.delay_for("ours.example", crawl_delay=seconds(40)) == seconds(0.1)
    assert policy.delay_for("127.0.0.1:8001") == seconds(5)
    assert policy.rules["ours.example"] == HostRule(seconds(0.1), ignores_crawl_delay=True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("min_delay = 3", "expected a table such as min_delay = 10, got 3"),
        ('["a.example"]\nmindelay = 3', "expected min_delay or ignores_crawl_delay, got mindelay"),
        ('["a.example"]\nmin_delay = "3 s"', "min_delay must be seconds from 0 to 86400, got '3 s'"),
        ('["a.example"]\nmin_delay = -1', "got -1"),
        ('["a.example"]\nmin_delay = true', "got True"),
        ('["a.example"]\nmin_delay = nan', "got nan"),
        ('["a.example"]\nignores_crawl_delay = 1', "ignores_crawl_delay must be true or false, got 1"),
        ('["a.example"', "cannot be read"),
    ],
)
def test_file_that_is_wrong_is_told_where(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "hosts.toml"
    path.write_text(text)
    with pytest.raises(WrongHostsFileError, match=says.replace("(", r"\(")) as caught:
        read_hosts_file(path)
    assert str(path) in str(caught.value)


def test_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(WrongHostsFileError, match="cannot be read"):
        read_hosts_file(tmp_path / "missing.toml")
