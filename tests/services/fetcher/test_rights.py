"""What sites say about the use of their pages: what is recorded, and what a policy makes of it."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from tests.harness.hostile_server import PAGE, Answer, Behaviour, response, serving

from coranto_fetcher.rights.signals import find_reservation, rights_in_page, rights_signals
from coranto_fetcher.rights.tdm_reservation import read_tdm_rules
from coranto_fetcher.settings import FetcherSettings
from coranto_fetcher.single_fetch import SingleFetcher

AGENT = "CorantoBot/0.1"


def test_signals_of_headers_page_robots_and_site_are_recorded_once() -> None:
    headers = CIMultiDictProxy(
        CIMultiDict([("X-Robots-Tag", "noai"), ("X-Robots-Tag", "all"), ("Content-Usage", "train-ai=n")])
    )
    in_page = rights_in_page(b'<meta name=robots content=noarchive><meta name="tdm-reservation" content="1">')
    signals = rights_signals(
        headers, in_page, ["ai-train=no"], content_usage=["train-ai=n"], for_site=["tdm-reservation: 0"]
    )
    assert signals == (
        "x-robots-tag: noai", "content-signal: ai-train=no", "content-usage: train-ai=n", "meta robots: noarchive",
        "tdm-reservation: 1",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("signal", "obeyed", "is_reserved"),
    [
        ("x-robots-tag: noarchive", ["noarchive"], True),
        ("meta robots: index, NOARCHIVE", ["noarchive"], True),
        ("x-robots-tag: noarchive", ["tdm"], False),
        ("x-robots-tag: noarchive", [], False),
        ("x-robots-tag: googlebot: noarchive", ["noarchive"], False),
        ("x-robots-tag: corantobot: noarchive", ["noarchive"], True),
        ("x-robots-tag: unavailable_after: 2026-01-01, noarchive", ["noarchive"], True),
        ("meta robots: none", ["noindex"], True),
        ("x-robots-tag: no-ai", ["noai"], True),
        ("tdm-reservation: 1", ["tdm"], True),
        ("tdm-reservation: 0", ["tdm"], False),
        ("tdm-policy: https://a.example/policy.json", ["tdm"], False),
        ("content-usage: train-ai=n, search=y", ["train-ai"], True),
        ("content-usage: train-ai=n, search=y", ["search"], False),
        ("content-usage: bots=?0", ["bots"], True),
        ("content-signal: search=yes, ai-input=no", ["ai-input"], True),
        ("content-signal: ai-train=no", ["train-ai"], True),
    ],
)
def test_signal_reserves_against_the_uses_it_names(signal: str, obeyed: list[str], is_reserved: bool) -> None:
    assert (find_reservation([signal], obeyed, AGENT) is not None) is is_reserved  # type: ignore[arg-type]  # plain strings


def test_tdm_file_is_read_by_the_first_rule_that_fits() -> None:
    rules = read_tdm_rules(
        b'[{"location": "/open/*", "tdm-reservation": 0}, {"location": "/*.pdf$", "tdm-reservation": 1},'
        b' {"location": "/", "tdm-reservation": 1, "tdm-policy": "https://a.example/p.json"}, 7, {"location": 3}]'
    )
    assert rules.signals("http://a.example/open/1") == ("tdm-reservation: 0",)
    assert rules.signals("http://a.example/x.pdf") == ("tdm-reservation: 1",)
    assert rules.signals("http://a.example/x") == ("tdm-reservation: 1", "tdm-policy: https://a.example/p.json")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b"[" * 100_000,
        b"[{}]",
        b'[{"location": "x"}]',
        b"\xff",
        b'[{"location":["/"],"tdm-reservation":1}]',
    ],
)
def test_tdm_file_of_another_kind_reserves_nothing(body: bytes) -> None:
    assert read_tdm_rules(body).signals("http://a.example/") == ()


def test_tdm_file_that_would_backtrack_for_ever_is_read_at_once() -> None:
    started = time.thread_time()
    rules = read_tdm_rules(
        b'[{"location": "/' + b"*a" * 900 + b'", "tdm-reservation": 1}' + b',{"location": "/*b*c*d"}' * 5000 + b"]"
    )
    rules.signals("http://a.example/" + "a" * 5000)
    assert time.thread_time() - started < 0.5


RESERVED = b'[{"location": "/", "tdm-reservation": 1}]'
USAGE = b"User-agent: *\nContent-Usage: train-ai=y\nContent-Usage: /page train-ai=n\nAllow: /\n"


@pytest.mark.parametrize(
    ("obeyed", "answers", "reason"),
    [
        ("", {"/page": response(PAGE, "X-Robots-Tag: noarchive")}, None),
        ("noarchive", {"/page": response(PAGE, "X-Robots-Tag: noarchive")}, "rights_reserved"),
        ("noarchive,tdm", {"/page": response(), "/.well-known/tdmrep.json": response(RESERVED)}, "rights_reserved"),
        ("tdm", {"/page": response(PAGE, "tdm-reservation: 0"), "/.well-known/tdmrep.json": response(RESERVED)}, None),
        ("tdm", {"/page": response()}, None),
        ("noarchive", {"/page": response(), "/.well-known/tdmrep.json": response(RESERVED)}, None),
        ("train-ai", {"/page": response(), "/robots.txt": response(USAGE, kind="text/plain")}, "rights_reserved"),
        ("search", {"/page": response(), "/robots.txt": response(USAGE, kind="text/plain")}, None),
        ("all", {"/page": response(PAGE, "Content-Usage: bots=n")}, "rights_reserved"),
    ],
)
async def test_policy_decides_whether_a_page_is_taken(
    obeyed: str, answers: dict[str, Answer], reason: str | None
) -> None:
    settings = FetcherSettings(allowed_networks="127.0.0.0/8", min_delay=timedelta(0), obey_rights=obeyed)
    site = Behaviour("a site with rights", "", None, answers)
    async with serving(site) as url, SingleFetcher(settings) as fetcher:
        report = await fetcher.fetch(url)
    assert report.reason == reason
    assert report.outcome == ("ok" if reason is None else "denied")
    assert ("/.well-known/tdmrep.json" in site.asked) == ("tdm" in obeyed or obeyed == "all")
    if reason is None and report.fetch is not None and obeyed == "":
        assert report.fetch.rights == ("x-robots-tag: noarchive",)
