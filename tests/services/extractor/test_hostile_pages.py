"""Pages made to do harm: each ends with a reason or a result in bounded time, and the next page is not affected."""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from coranto.process_pool import OverdueError, ProcessLostError
from coranto.records import Content
from coranto_extractor.page.limits import PageLimits
from coranto_extractor.page_request import PageRequest
from coranto_extractor.pool import ReaderPool, read_in_process
from coranto_extractor.reader import read
from coranto_extractor.reasons import REASONS
from coranto_extractor.refusal import NotAnArticle

_DEADLINE = timedelta(seconds=2)

HOSTILE = {
    "deep nesting": b"<html><body>" + b"<div>" * 100_000 + b"text",
    "deep nesting of inline elements": b"<html><body>" + b"<b>" * 100_000 + b"text",
    "tables in tables": b"<body>" + b"<table><tr><td>" * 20_000 + b"text",
    "50 MB of attributes": b"<html><body><p " + b"a='" + b"x" * 50_000_000 + b"'>text</p>",
    "15 MB of attributes": b"<html><body><p " + b"a='" + b"x" * 15_000_000 + b"'>text</p>",
    "zero bytes": b"<html><body><p>" + b"\x00" * 100_000 + b"</p>",
    "200,000 links": b"<html><body>" + b"<a href='/x'>link</a> " * 200_000,
    "140,000 links": b"<html><body>" + b"<a href='/x'>link</a> " * 140_000,
    "line breaks": b"<html><body><p>" + b"a<br>" * 140_000,
    "spaces": b"<html><body><h1>t</h1><p>" + b" " * 5_000_000 + b"x</p>",
    "quotes": b"<html><body><p>" + b'"' * 3_000_000 + b"</p>",
    "title separators": b"<title>" + b" - a" * 300_000 + b"</title><body><h1>a</h1><p>Some text, here.</p>",
    "digits and dots": b"<body><p>" + b"1.1." * 500_000 + b"</p>",
    "open brackets in a caption": b"<body><figure><img src=x><figcaption>"
    + b"(photo " * 200_000
    + b"</figcaption></figure>",
    "deep JSON": b"<script type='application/ld+json'>" + b"[" * 200_000 + b"</script><body><p>x</p>",
    "open comments": b"<body>" + b"<!--" * 1_000_000,
    "names": b"<body><h1>T</h1><p>By " + b"A and " * 200_000 + b"</p>",
    "a date without an end": b"<meta property='article:published_time' content='"
    + b"1 may " * 500_000
    + b"'><h1>t</h1>",
    "names without an end": b'<script type=\'application/ld+json\'>{"@type": "NewsArticle", "author": "'
    + b"for A in B - " * 300_000
    + b'"}</script><h1>t</h1>',
    "lists behind labels": b"<body><h1>t</h1>" + b"<p>Tags</p><ul><li><a href='/x'></a></ul>" * 25_000,
    "headline in the page's own element": b"<title>A headline of some words</title><body>A headline of some words"
    + b"<div>x" * 380
    + b"y" * 5_000_000,
    "a caption of brackets": b"<body><h1>t</h1><p>x</p><figure><img src=x><figcaption>"
    + b"(a/b " * 200_000
    + b"</figcaption></figure>",
    "a class of 15 MB": b"<body><h1>t</h1><div class='" + b"tags-" * 3_000_000 + b"'><p>Some text, here.</p></div>",
    "an id of 15 MB": b"<body><h1>t</h1><div id='" + b"tags " * 3_000_000 + b"'><p>Some text, here.</p></div>",
    "separators in a statement": b"<meta property='og:title' content='"
    + b" - a" * 2_500_000
    + b"'><h1>a</h1><p>Text.</p>",
    "open tags in a statement": b"<meta name='description' content='" + b"<" * 8_000_000 + b"'><h1>a</h1><p>Text.</p>",
    "many dates beside many others": b"<meta property='og:type' content='article'>"
    + b"<meta name='date' content='2021-10-15'>" * 140_000
    + b"<h1>a</h1><p>1 October 2021</p><p>Last updated: 15 October 2021</p>"
    + b"<p>2 May 2020</p>" * 20,
    "an address of 8 MB": b"<meta property='og:image' content='/logo"
    + b"a-" * 4_000_000
    + b".png'><h1>a</h1><p>Text.</p>",
    "many nodes": b'<script type="application/ld+json">['
    + b'{"@type": "NewsArticle", "author": "Jane Doe"},' * 40_000
    + b"{}]</script><h1>a</h1>",
    "zeros in a string": b'<script type="application/ld+json">{"@type": "NewsArticle", "headline": "'
    + b"\\u0000" * 300_000
    + b'"}</script><h1>a</h1>',
    "escapes in a script": b"<body><script>" + b'"\\\\' * 2_000_000 + b"</script>",
}


async def test_hostile_pages_take_bounded_time_and_do_not_affect_the_next_page(
    write_page: Callable[..., bytes],
) -> None:
    pool = ReaderPool(processes=2, deadline=_DEADLINE, limits=PageLimits())
    await pool.start()

    async def seconds_for(name: str) -> float:
        begun = time.monotonic()
        # The stage gives both errors a name: reader_timeout, reader_crashed.
        with suppress(OverdueError, ProcessLostError):
            result = await pool.read(HOSTILE[name], PageRequest(url="https://news.example/hostile"))
            assert isinstance(result, Content) or result.reason in REASONS
        return time.monotonic() - begun

    try:
        for name in HOSTILE:
            # The deadline, the transfer of the page, and a machine that others use too.
            assert await seconds_for(name) < _DEADLINE.total_seconds() + 10, name
        assert isinstance(await pool.read(write_page(), PageRequest()), Content)
    finally:
        await pool.stop()


async def test_processes_are_held_to_their_memory() -> None:
    pool = ReaderPool(processes=1, deadline=_DEADLINE, limits=PageLimits(), max_process_bytes=1_500_000_000)
    await pool.start()
    try:
        assert (await pool._processes.call(resource.getrlimit, resource.RLIMIT_AS))[0] == 1_500_000_000
    finally:
        await pool.stop()


@pytest.mark.parametrize(
    "name",
    [
        "a class of 15 MB",
        "an id of 15 MB",
        "separators in a statement",
        "many dates beside many others",
        "open tags in a statement",
        "an address of 8 MB",
        "many nodes",
        "zeros in a string",
    ],
)
def test_long_names_and_statements_are_read_up_to_a_limit(name: str) -> None:
    begun = time.process_time()
    read(HOSTILE[name], PageRequest(url="https://news.example/hostile"))
    assert time.process_time() - begun < 3


_PROSE = b"<p>Some words here, and more of it for a long time to be prose.</p>"


@pytest.mark.parametrize(
    ("page", "content_type", "evidence"),
    [
        (b"<html><body><p " + b" ".join(b"a%d=1" % n for n in range(50_000)) + b">text</p>", None, "attributes"),
        (b"<html><body>" + b"<div>" * 100_000 + b"text", None, "deep"),
        (b"<html><body>" + b"<i>a</i>" * 200_000, None, "tags"),
        (b"word\n" * 300_000, "text/plain", "lines"),
    ],
)
def test_hostile_page_is_refused_with_the_name_of_the_limit(
    page: bytes, content_type: str | None, evidence: str
) -> None:
    begun = time.process_time()
    result = read(page, PageRequest(content_type=content_type))
    assert isinstance(result, NotAnArticle)
    assert result.reason in ("too_many_nodes", "too_deep")
    assert evidence in result.evidence
    assert time.process_time() - begun < 2


def _seconds(page: bytes) -> float:
    begun = time.process_time()
    read(page, PageRequest(url="https://news.example/hostile"))
    return time.process_time() - begun


@pytest.mark.parametrize(
    "page_of",
    [
        lambda n: (
            b"<h1>T words</h1>" + b"".join(b"<p>Prose %d, and more of it for a long time.</p>" % k for k in range(n))
        ),
        lambda n: b"<h1>T words</h1>" + (b"<p>Read also</p>" + _PROSE) * n,
        lambda n: b"<h1>T words</h1>" + (b"<h2>Some heading</h2>" + _PROSE) * n,
        lambda n: b"<table><tr><td>" * 60 + b"<table><tr>" + b"<td>one, two</td>" * n,
        lambda n: b'<script>x = "' + rb"never closed, \"" * (3 * n) + b"</script>",
        lambda n: b"<script>x = '" + b'"' + b"<" * (10 * n) + b" ends." + b'"' + b"'</script>",
        lambda n: b'<meta property="og:title" content="' + b"|" * (4 * n) + b'"><h1>T words</h1>' + _PROSE,
        lambda n: b"<h1>T words</h1>" + _PROSE + b"<p>" + b"a@" * (8 * n) + b"</p>" + _PROSE,
        lambda n: b"<h1>T words</h1><div class=byline>By " + b"(" * (4 * n) + b"</div>" + _PROSE,
        lambda n: (
            b'<script type="application/ld+json">{"@type": "NewsArticle", "description": "'
            + b"Words|" * (30 * n)
            + b'"}</script><article><h1>Words</h1>'
            + b"".join(b"<p>Prose %d of words, and more of it for a long time.</p>" % k for k in range(9))
        ),
        lambda n: b"<article>" * 60 + b"<article>x</article>" * n + _PROSE * 4,
        lambda n: b"<h1>T words</h1>" + _PROSE * 4 + b"<p>" + b"x" * (5 * n) + b"</p>",
    ],
)
def test_time_for_a_page_grows_no_faster_than_the_page(page_of: Callable[[int], bytes]) -> None:
    small, large = (b"<html><body>" + page_of(n) for n in (1000, 8000))
    _seconds(small)
    # Eight times the page: a step that compares each with each would take sixty-four times as long.
    assert _seconds(large) < 16 * (_seconds(small) + 0.02)


def test_text_of_more_paragraphs_than_the_next_stages_can_take_is_refused() -> None:
    words = (
        "the",
        "government",
        "said",
        "that",
        "new",
        "rules",
        "would",
        "begin",
        "next",
        "year",
        "and",
        "many",
        "people",
    )
    dice = random.Random(1)  # noqa: S311 - the same in every run
    lines = "".join(f"{' '.join(dice.choices(words, k=25)).capitalize()}.\n\n" for _ in range(10_500))
    page = f"A title here\n\n{lines}".encode()
    result = read_in_process(page, PageRequest(content_type="text/plain"), limits=PageLimits())
    assert isinstance(result, NotAnArticle)
    assert result.reason == "too_many_nodes"
    assert result.detail.endswith("paragraphs, 10000 allowed")
