"""Tests for humans in place of pages: recognised, and not mistaken for pages about them."""

from __future__ import annotations

import time

import pytest

from coranto_fetcher.response.challenge import find_challenge

ARTICLE = "<p>" + "A long report about how sites tell people from programs. " * 60 + "</p>"


@pytest.mark.parametrize(
    "page",
    [
        "<html><head><title>Just a moment...</title></head><body>Enable JavaScript</body>",
        "<title>DDOS-GUARD</title><p>Checking your browser before accessing",
        "<script>window._cf_chl_opt={cvId:'3'}</script>",
        "<html><head><script src='/__qrator/qauth_utm_v2.js'></script></head>",
        "<iframe src='/_Incapsula_Resource?SWUDNSAI=31'></iframe>Request unsuccessful. Incapsula incident ID: 1",
        '<html><title>Access to this page has been denied.</title><div id="px-captcha"></div>',
        "<title>Вы не робот?</title><form action='/checkcaptcha?key=1'>",
        "<title>Making sure you&#39;re not a bot!</title>",
    ],
)
def test_guards_page_is_recognised(page: str) -> None:
    assert find_challenge({}, page.encode()) is not None


def test_header_of_the_guard_is_enough() -> None:
    assert find_challenge({"cf-mitigated": "challenge"}, b"") == "Cloudflare"


@pytest.mark.parametrize(
    "page",
    [
        f"<title>Just a moment...</title>{ARTICLE}",
        f"<title>News</title><script>window._cf_chl_opt=1</script>{ARTICLE}",
        "<title>Security check delays flights</title><p>Short news.</p>",
        "<title>News</title><script src='/cdn-cgi/challenge-platform/scripts/jsd/main.js'></script><p>Short news.</p>",
        "",
    ],
)
def test_page_is_not_mistaken_for_a_guards(page: str) -> None:
    assert find_challenge({}, page.encode()) is None


def test_hostile_markup_takes_no_time() -> None:
    started = time.process_time()
    for piece in (b"<script", b"<", b"<title", b"<script></", b"<svg><style>"):
        find_challenge({}, b"<title>captcha</title>" + piece * 100_000)
    assert time.process_time() - started < 1
