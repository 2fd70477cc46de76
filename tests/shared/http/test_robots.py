"""robots.txt: what a file allows."""

from __future__ import annotations

import gzip
import json
import time
from datetime import timedelta
from pathlib import Path

import pytest

from coranto.http.robots.rules import MAX_ROBOTS_BYTES, RobotsRules

# What the suites expect and we do otherwise, each for a reason.
MEANT_OTHERWISE = {
    ("ID_Encoding", "http://foo.bar/foo/bar/ツ"),  # the suite's parser takes escaped addresses only; this is one address
    ("testNutchCases", "http://www.domain.com/d"),  # asked there in the name of several agents at once
    ("testNutchCases", "http://www.domain.com/foo/bar/baz.html"),
    ("testBigCrawlDelay", "http://www.domain.com/"),  # a long delay is capped, and no ban
    # An unknown line does not end a group (RFC 9309, 2.2.4), so the lines above and below it are one.
    ("test_grouping_unknown_keys", "/foo"),
    ("test_grouping_unknown_keys", "/foobar"),
    ("test_grouping_unknown_keys", "/content/2"),
}  # fmt: skip


@pytest.mark.parametrize("suite", ["google_robotstxt", "protego", "crawler_commons"])
def test_published_suites_agree(suite: str, material: Path) -> None:
    wrong = []
    for case in json.loads((material / f"cases/robots/{suite}.json").read_text(encoding="utf-8")):
        if case.get("google_only") or (case["test"], case.get("url")) in MEANT_OTHERWISE:
            continue
        rules = RobotsRules.read(case["robots"], case["agent"])
        got: object
        expected: object
        if "url" in case:
            got, expected = rules.allows(case["url"]), case["allowed"]
        else:
            delay = case.get("crawl_delay")
            got, expected = rules.crawl_delay, None if delay is None else timedelta(seconds=float(delay))
        if got != expected:
            wrong.append((case, got))
    assert wrong == []


def test_what_only_google_forbids_is_forbidden_too(material: Path) -> None:
    """Beyond the RFC we are as generous to the host as the strictest reader. What only Google allows is not."""
    cases = json.loads((material / "cases/robots/google_robotstxt.json").read_text(encoding="utf-8"))
    forbidden = [case for case in cases if case.get("google_only") and not case["allowed"]]
    assert len(forbidden) > 10
    wrong = [case for case in forbidden if RobotsRules.read(case["robots"], case["agent"]).allows(case["url"])]
    assert wrong == []


def test_files_of_real_sites_are_read_fast_and_without_failure(material: Path) -> None:
    started, count = time.process_time(), 0
    with gzip.open(material / "cases/robots/real_robots.jsonl.gz") as lines:
        for line in lines:
            rules = RobotsRules.read(json.loads(line)["robots"].encode("latin-1"), "CorantoBot")
            rules.allows("https://example.org/news/2026/05/story.html?page=2")
            count += 1
    assert count > 500
    assert (time.process_time() - started) / count < 0.05
    for file in (material / "cases/robots/crawler_commons_files").iterdir():
        RobotsRules.read(file.read_bytes(), "CorantoBot").allows("/a")


def test_longest_rule_decides_and_allow_wins_a_tie() -> None:
    rules = RobotsRules.read("User-agent: *\nDisallow: /a\nAllow: /a/b\nDisallow: /c\nAllow: /c\n", "Bot")
    assert not rules.allows("http://x/a/c")
    assert rules.allows("http://x/a/b/c")
    assert rules.allows("http://x/c")
    assert rules.allows("http://x/robots.txt")


def test_own_group_replaces_the_general_one_and_its_delay_counts() -> None:
    text = "User-agent: *\nDisallow: /\nCrawl-delay: 9\n\nUser-agent: corantobot\nCrawl-delay: 2.5\nDisallow: /x\n"
    rules = RobotsRules.read(text, "CorantoBot")
    assert rules.allows("http://x/y")
    assert rules.crawl_delay == timedelta(seconds=2.5)
    assert RobotsRules.read(text, "OtherBot").crawl_delay == timedelta(seconds=9)


def test_content_signals_of_the_group_are_kept() -> None:
    rules = RobotsRules.read("User-agent: *\nContent-Signal: search=yes, ai-train=no\nAllow: /\n", "CorantoBot")
    assert rules.content_signals == ("search=yes, ai-train=no",)


def test_pattern_that_would_backtrack_for_ever_is_matched_at_once() -> None:
    rules = RobotsRules.read(f"User-agent: *\nDisallow: /{'a*' * 2000}b$\n", "Bot")
    started = time.process_time()
    assert rules.allows(f"http://x/{'a' * 5000}")
    assert time.process_time() - started < 0.5


def test_what_lies_beyond_the_size_limit_is_ignored() -> None:
    padding = b"# padding\n" * (MAX_ROBOTS_BYTES // 10)
    rules = RobotsRules.read(b"User-agent: *\nDisallow: /a\n" + padding + b"Disallow: /b\n", "Bot")
    assert not rules.allows("http://x/a")
    assert rules.allows("http://x/b")


@pytest.mark.parametrize(
    ("rule", "url", "is_allowed"),
    [
        # RFC 9309, 2.2.2: octets that are not allowed in an address are compared escaped, unreserved ones as they are.
        ("/a%3cd.html", "http://x/a<d.html", False),
        ("/a<d.html", "http://x/a%3Cd.html", False),
        ("/a b", "http://x/a%20b", False),
        ("/%7ejoe", "http://x/~joe", False),
        ("/a%2fb", "http://x/a/b", True),
        ("/price-$5", "http://x/price-$5.html", False),
        ("/price-%24", "http://x/price-$", False),
        ("/price$", "http://x/price-list", True),
        # Absolute addresses speak of their own host.
        ("https://x.example/private/", "http://x.example/private/1", False),
        ("https://x.example/private/", "http://y.example/private/1", True),
        ("https://x.example/private/", "http://x.example/", True),
    ],
)
def test_rule_means_what_it_says(rule: str, url: str, is_allowed: bool) -> None:
    assert RobotsRules.read(f"User-agent: *\nDisallow: {rule}\n", "Bot").allows(url) is is_allowed


@pytest.mark.parametrize(
    "line",
    [
        "User-agent: One, CorantoBot",
        "User-agent: One CorantoBot",
        "user-agent CorantoBot",
        "User-agent: corantobot/2.0",
    ],
)
@pytest.mark.parametrize(
    "agent",
    [
        "CorantoBot",
        "CorantoBot/0.1 (+mailto:one@x.example)",
        "Mozilla CorantoBot 9.9",
        "Mozilla/5.0 (compatible; CorantoBot/1)",
    ],
)
def test_agent_is_recognised_in_every_spelling(line: str, agent: str) -> None:
    text = f"User-agent: *\nDisallow:\n\n{line}\nDisallow: /\n"
    assert not RobotsRules.read(text, agent).allows("http://x/a")
    assert RobotsRules.read(text, "Mozilla/5.0 (compatible; Another/1.0; https://one.example/)").allows("http://x/a")


def test_missing_colons_and_names_beyond_ascii_are_understood() -> None:
    text = "user-agent Лодка-bot\ndisallow /a\n"
    assert not RobotsRules.read(text, "лодка-bot/1.0").allows("http://x/a")
    assert RobotsRules.read(text, "Лес-bot").allows("http://x/a")


@pytest.mark.parametrize(
    ("rule", "path", "is_allowed"),
    [
        ("/a*b*c", "/a-b-c", False),
        ("/a*b*c", "/a-c-b", True),
        ("/a*b*c", "/a-c", True),
        ("/a*b*c*d", "/a-c-b-d", True),
        ("/ab*bc$", "/abc", True),  # no character counts for two pieces
        ("/ab*bc$", "/abbc", False),
        ("/ab*bc$", "/abbc?x", True),
        ("/a*$", "/anything", False),
    ],
)
def test_pieces_of_a_pattern_follow_each_other(rule: str, path: str, is_allowed: bool) -> None:
    assert RobotsRules.read(f"User-agent: *\nDisallow: {rule}\n", "Bot").allows(f"http://x{path}") is is_allowed


@pytest.mark.parametrize(("url", "is_allowed"), [("http://x", False), ("http://x?a=b", False), ("http://x/a", True)])
def test_address_without_a_path_is_the_home_page(url: str, is_allowed: bool) -> None:
    text = "User-agent: *\nDisallow: /$\nDisallow: /?\n"
    assert RobotsRules.read(text, "Bot").allows(url) is is_allowed


def test_groups_of_one_name_are_one_and_those_of_others_are_none() -> None:
    text = "User-agent: bot\nDisallow: /a\n\nUser-agent: other\nDisallow: /b\n\nUser-agent: bot\nDisallow: /c\n"
    allowed = [path for path in "abc" if RobotsRules.read(text, "Bot").allows(f"http://x/{path}")]
    assert allowed == ["b"]
    assert RobotsRules.read(text, "Third").allows("http://x/a")
    # What a robot says of where it comes from is no name of it.
    for name in ("https", "x.example", "one"):
        blocking = RobotsRules.read(
            f"User-agent: {name}\nDisallow: /\n", "Bot/1 (+https://x.example/bot; one@x.example)"
        )
        assert blocking.allows("http://x/a")


def test_preferences_for_use_belong_to_their_group_and_the_longest_path_decides() -> None:
    text = (
        "User-agent: *\nContent-Usage: train-ai=n\nContent-Usage: /open train-ai=y\nContent-Usage: /open train-ai=y, search=y\n"
        "User-agent: bot\nContent-Usage: search=n\nContent-Usage: *.pdf search=y\n"
        "User-agent: third\nAllow: /\n"
    )
    anybody, bot = RobotsRules.read(text, "Anybody"), RobotsRules.read(text, "Bot")
    assert anybody.content_usage("http://x/a") == ("train-ai=n",)
    assert anybody.content_usage("http://x/open/1") == ("train-ai=y", "train-ai=y, search=y")
    assert bot.content_usage("http://x/a") == ("search=n",)
    assert bot.content_usage("http://x/a.pdf") == ("search=y",)
    assert RobotsRules.read(text, "Third").content_usage("http://x/a") == ()
    assert RobotsRules.read("User-agent: *\nDisallow: /\nContent-Usage: a=n\n", "Bot").content_usage("http://x") == (
        "a=n",
    )
