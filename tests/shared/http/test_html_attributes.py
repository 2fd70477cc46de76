"""The reader of start tags: what it finds, and how long it takes on pages that are made to take for ever."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest
from lxml import html as lxml_html

from coranto.http.page.html_attributes import StartTag, find_tags

LINKS = frozenset({"a", "link"})
SIZE = 400_000
# Linear, the slowest takes 0.2 s for so much; what is quadratic takes minutes.
LONGEST_CPU_SECONDS = 3.0

HOSTILE = {
    "tags of 1,985 bytes": "<a next " + "a" * 1976 + ">",
    "tags without an end": "<a ",
    "attributes without an end": "<link rel=next ",
    "less-than signs": "<",
    "end tags": "</",
    "end tags of links": "</a",
    "comments without an end": "<!--",
    "comments that nearly end": "<!-- --",
    "declarations": "<!",
    "marked sections": "<![CDATA[",
    "instructions": "<?",
    "quotes without an end": '<a b="',
    "quotes within quotes": "<a b='\"",
    "character references": "&#x",
    "nested links": "<a>",
    "nested elements": "<div>",
    "scripts": "<script>",
    "titles": "<title>",
    "text areas": "<textarea><",
    "white space before an equals sign": "<a x   =   ",
    "zero bytes": "\0<a\0",
}


def hostile_pages() -> dict[str, str]:
    repeated = {name: piece * (SIZE // len(piece)) for name, piece in HOSTILE.items()}
    return repeated | {
        "one tag of many attributes": "<a " + " ".join(f"a{number}=1" for number in range(60_000)) + ">",
        "one tag of one attribute": "<a " + "a " * (SIZE // 2) + ">",
        "one tag of white space": "<a" + " " * SIZE + "x",
        "one tag of equals signs and quotes": "<a " + "=\"'" * (SIZE // 3),
        "one value of character references": '<a href="' + "&amp;" * (SIZE // 5) + '">',
        "a script that begins again and again": "<script><!--" + "<script" * (SIZE // 7),
    }


@pytest.mark.parametrize("name", hostile_pages())
def test_hostile_page_is_read_in_time_that_grows_with_its_length(name: str) -> None:
    started = time.thread_time()
    for _ in find_tags(hostile_pages()[name], LINKS):
        pass
    assert time.thread_time() - started < LONGEST_CPU_SECONDS


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ('<A HREF="/x?a=1&amp;b=2" Rel=next>', [{"href": "/x?a=1&b=2", "rel": "next"}]),
        ("<link\nrel = 'next'\n href=/y/>", [{"rel": "next", "href": "/y/"}]),
        ("<a href='/x?locale=en&region=1&reg;&copy'>", [{"href": "/x?locale=en&region=1®©"}]),
        ("<a href=/one href=/two>", [{"href": "/one"}]),
        ('<a title="a > b" href=/x>', [{"title": "a > b", "href": "/x"}]),
        ("<a/href=/x>", [{"href": "/x"}]),
        ("<a hidden>", [{"hidden": ""}]),
        ("<abbr href=/x><area href=/y>", []),
        ("<!-- <a href=/x> --><a href=/y>", [{"href": "/y"}]),
        ("<!--><a href=/x>", [{"href": "/x"}]),
        ("<script>'<a href=/x>'</script><a href=/y>", [{"href": "/y"}]),
        ("<style>/* <a href=/x> */</STYLE ><a href=/y>", [{"href": "/y"}]),
        ("2 < 3 <a href=/x>", [{"href": "/x"}]),
        ("<a href=/x", []),
        ('<a href="/x>', []),
        ("<a =x href=/y>", [{"=x": "", "href": "/y"}]),
    ],
)
def test_tags_are_read_as_browsers_do(page: str, expected: list[dict[str, str]]) -> None:
    assert [tag.attributes for tag in find_tags(page, LINKS)] == expected


def test_real_pages_have_the_links_that_a_whole_parser_finds(material: Path) -> None:
    compared = 0
    for path in sorted((material / "corpus" / "not-articles" / "pages").glob("*.html.gz"))[:60]:
        page = gzip.decompress(path.read_bytes()).decode("utf-8", "replace").replace("\0", "")
        ours = [tag.attributes["href"] for tag in find_tags(page, LINKS) if tag.attributes.get("href", "").strip()]
        tree = lxml_html.document_fromstring(page.encode(), parser=lxml_html.HTMLParser(encoding="utf-8"))
        theirs = [str(one.get("href")) for one in tree.iter("a", "link") if (one.get("href") or "").strip()]
        assert sorted(map(str.split, ours)) == sorted(map(str.split, theirs)), path.name
        compared += 1
    assert compared > 20


def test_only_the_names_asked_for_come() -> None:
    assert list(find_tags("<meta name=x><a href=y>", frozenset({"meta"}))) == [StartTag("meta", {"name": "x"})]
