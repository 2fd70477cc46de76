"""Registered domains by the Public Suffix List."""

from __future__ import annotations

import pytest

from coranto.domains import is_same_site, registered_domain


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("paper.example", "paper.example"),
        ("www.paper.example", "paper.example"),
        ("WWW.Paper.Example.", "paper.example"),
        ("news.paper.co.uk", "paper.co.uk"),
        ("a.b.paper.com.br", "paper.com.br"),
        ("xn--80ak6aa92e.xn--p1ai", "xn--80ak6aa92e.xn--p1ai"),
        ("m.xn--80ak6aa92e.xn--p1ai", "xn--80ak6aa92e.xn--p1ai"),
        # Let by a private owner to strangers.
        ("one.github.io", "one.github.io"),
        ("www.one.github.io", "one.github.io"),
        ("one.blogspot.com", "one.blogspot.com"),
        # A wildcard of the list, and its exception.
        ("www.paper.shop.kobe.jp", "paper.shop.kobe.jp"),
        ("www.city.kobe.jp", "city.kobe.jp"),
        # What has no owner in this sense stands for itself.
        ("co.uk", "co.uk"),
        ("github.io", "github.io"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("", ""),
    ],
)
def test_registered_domain_of_a_host(host: str, domain: str) -> None:
    assert registered_domain(host) == domain


def test_neighbours_under_a_private_suffix_are_not_one_site() -> None:
    assert is_same_site("m.paper.co.uk", "www.paper.co.uk")
    assert not is_same_site("one.github.io", "two.github.io")
    assert not is_same_site("10.0.0.1", "10.0.0.2")


def test_a_hostile_name_is_answered_at_once() -> None:
    assert registered_domain("a." * 100_000 + "com") == "a.com"
