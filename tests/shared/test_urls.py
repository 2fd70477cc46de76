"""Addresses: read as browsers read them, and one spelling for every way of writing the same one."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path

import pytest

from coranto.domains import registered_domain
from coranto.urls import (
    MAX_URL_CHARS,
    UnsupportedUrlError,
    canonicalize,
    host_of,
    is_saved_page,
    join,
    key_of,
    parse,
    site_name,
)

SAME = [
    ("HTTP://Example.ORG", "http://example.org/"),
    ("http://example.org:80/a", "http://example.org/a"),
    ("https://example.org:443/", "https://example.org/"),
    ("https://example.org:8443/", "https://example.org:8443/"),
    ("http://example.org./a", "http://example.org/a"),
    ("http://example.org/a/./b/../c", "http://example.org/a/c"),
    ("http://example.org/%7euser/%61", "http://example.org/~user/a"),
    ("http://example.org/a%2fb", "http://example.org/a%2Fb"),
    ("http://example.org/100%", "http://example.org/100%25"),
    ("http://example.org/новости", "http://example.org/%D0%BD%D0%BE%D0%B2%D0%BE%D1%81%D1%82%D0%B8"),
    ("https://новости.рф/статья", "https://xn--b1amnebsh.xn--p1ai/%D1%81%D1%82%D0%B0%D1%82%D1%8C%D1%8F"),
    ("http://example.org/a#top", "http://example.org/a"),
    ("http://example.org/a#!/news/1", "http://example.org/a#!/news/1"),
    ("http://example.org/?", "http://example.org/"),
    ("http://example.org/?utm_source=x&id=7&fbclid=y", "http://example.org/?id=7"),
    ("http://example.org/?b=2&a=1", "http://example.org/?b=2&a=1"),
    ("http://example.org/?UTM_Medium=x", "http://example.org/"),
    ("http://example.org/?%75tm_source=x&a=1", "http://example.org/?a=1"),
    ("http://example.org/a;jsessionid=1F2E?x=1", "http://example.org/a?x=1"),
    ("http://example.org/index.html", "http://example.org/index.html"),
    ("http://example.org\\a\\b", "http://example.org/a/b"),
    (" http://example.org/a\n", "http://example.org/a"),
    ("http://0x7f.1/", "http://127.0.0.1/"),
    ("http://2130706433/", "http://127.0.0.1/"),
    ("http://[::FFFF:127.0.0.1]/", "http://[::ffff:7f00:1]/"),
    ("http://[2001:db8:0:0:1:0:0:1]/", "http://[2001:db8::1:0:0:1]/"),
    ("http://[::]/", "http://[::]/"),
    ("http://[1:0:0:2:0:0:0:3]/", "http://[1:0:0:2::3]/"),
    ("http://[1:2:3:4:5:6:7:8]/", "http://[1:2:3:4:5:6:7:8]/"),
    ("http://example.org:65535/", "http://example.org:65535/"),
    ("http://0300.168.65535/", "http://192.168.255.255/"),
    ("file:///tmp/a.html?x=1#y", "file:///tmp/a.html"),
    ("file:///tmp/My%20page.html", "file:///tmp/My%20page.html"),
    ("file://localhost/tmp/a.html", "file:///tmp/a.html"),
]


@pytest.mark.parametrize(("written", "canonical"), SAME)
def test_every_way_of_writing_an_address_comes_to_one_spelling(written: str, canonical: str) -> None:
    assert canonicalize(written) == canonical
    assert canonicalize(canonical) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "", "example.org/a", "//example.org/a", "ftp://example.org/", "javascript:alert(1)", "mailto:a@example.org", "http://",
        "http:///", "http://exa mple.org/", "http://example.org:99999/", "http://example.org:8o/", "http://[::1/", "http://[fe80::1%25eth0]/",
        "http://a<b>.org/", "http://256.1.1.1.1/", "http://1.2.3.4.5/", "http://xn--a.ß/", "file://server/share", "http://%ff/",
        "http://\ud800.example.org/", "http://example.org:65536/", "http://1.2.256.4/", "http://1.2.3.256/", "http://1.2.65536/",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_what_was_seen_and_expected(text: str) -> None:
    with pytest.raises(UnsupportedUrlError) as refusal:
        canonicalize(text)
    assert isinstance(refusal.value, ValueError)
    assert len(str(refusal.value)) > 20


def test_what_is_told_of_a_long_address_is_short() -> None:
    with pytest.raises(UnsupportedUrlError) as refusal:
        canonicalize("ftp://example.org/" + "a" * 5_000)
    assert 90 < len(str(refusal.value)) < 220
    with pytest.raises(UnsupportedUrlError, match=r"'ftp://example\.org/'\Z"):
        canonicalize("ftp://example.org/")


@pytest.mark.parametrize(
    ("wrapper", "inner"),
    [
        ("https://example-org.cdn.ampproject.org/c/s/example.org/a/amp", "https://example.org/a/amp"),
        ("https://example-org.cdn.ampproject.org/v/s/example.org/a?usqp=mq331AQCCAE%253D&amp_js_v=0.1", "https://example.org/a"),
        ("https://example-org.cdn.ampproject.org/v/example.org/a?amp_js_v=0.1&id=7", "http://example.org/a?id=7"),
        ("https://www.google.com/amp/s/example.org/a", "https://example.org/a"),
        ("https://www.google.co.uk/amp/s/example.org/a?id=2", "https://example.org/a?id=2"),
        ("https://www.google.com/url?rct=j&sa=t&url=https://example.org/city/bridge&ct=ga&usg=AOv", "https://example.org/city/bridge"),
        ("https://www.google.de/url?q=https%3A%2F%2Fexample.org%2Fa%3Fid%3D2%26utm_source%3Dx&sa=D", "https://example.org/a?id=2"),
        ("https://www.google.com/url?q=https://www.google.com/amp/s/example.org/a", "https://example.org/a"),
        # Left alone: nothing names another address
        ("https://m.example.org/a", "https://m.example.org/a"),
        ("https://example.org/a/amp/", "https://example.org/a/amp/"),
        ("https://example.org/a?amp=1", "https://example.org/a?amp=1"),
        ("https://www.google.com/search?q=https://example.org/", "https://www.google.com/search?q=https://example.org/"),
        ("https://www.google.com/url?q=javascript:alert(1)", "https://www.google.com/url?q=javascript:alert(1)"),
        ("https://google.com.evil.example/url?q=https://example.org/", "https://google.com.evil.example/url?q=https://example.org/"),
        ("https://example.org/url?url=https://other.example/", "https://example.org/url?url=https://other.example/"),
        ("https://x.cdn.ampproject.org/c/s/user:word@example.org/a", "https://x.cdn.ampproject.org/c/s/user:word@example.org/a"),
    ],
)  # fmt: skip
def test_address_that_only_names_another_one_becomes_that_one(wrapper: str, inner: str) -> None:
    assert canonicalize(wrapper) == inner
    assert canonicalize(inner) == inner


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://example.org/a", "https://example.org/a"),
        ("http://example.org:80/a", "https://example.org:443/a"),
        ("http://example.org:8080/a", "https://example.org:8080/a"),
        ("HTTP://EXAMPLE.org/a?utm_source=x#top", "https://example.org/a"),
        ("https://example-org.cdn.ampproject.org/c/example.org/a", "https://example.org/a"),
    ],
)
def test_addresses_of_one_article_have_one_key(one: str, other: str) -> None:
    assert key_of(one) == key_of(other)
    assert key_of(key_of(one)) == key_of(one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://m.example.org/a", "https://example.org/a"),
        ("https://www.example.org/a", "https://example.org/a"),
        ("https://example.org/a", "https://example.org/a/"),
        ("https://example.org/a/amp", "https://example.org/a"),
        ("https://example.org/a?b=1&c=2", "https://example.org/a?c=2&b=1"),
        ("https://example.org/A", "https://example.org/a"),
    ],
)
def test_addresses_that_may_be_two_articles_have_two_keys(one: str, other: str) -> None:
    assert key_of(one) != key_of(other)


@pytest.mark.parametrize(
    "url", ["http://user:word@example.org/a", "https://u@example.org/", "https://bank.example@evil.example/",
    "http:\\\\u@x.example"]
)  # fmt: skip
def test_address_with_a_user_name_is_refused_without_repeating_it(url: str) -> None:
    for function in (canonicalize, key_of):
        with pytest.raises(UnsupportedUrlError, match="without a user name or password") as refusal:
            function(url)
        assert "word" not in str(refusal.value).replace("password", "")


def test_at_sign_outside_the_authority_is_no_user_name() -> None:
    assert canonicalize("https://example.org/@editor?to=a@b.example") == "https://example.org/@editor?to=a@b.example"
    assert canonicalize("https://@example.org/") == "https://example.org/"


def test_saved_page_is_its_own_key() -> None:
    name = "urn:sha256:" + "0a" * 32
    assert is_saved_page(name)
    assert key_of(f" {name.upper()} ") == name
    assert not is_saved_page(name + "0")
    assert not is_saved_page("https://example.org/" + name)


def test_links_are_joined_to_their_document() -> None:
    assert join("http://example.org/a/b?x", "../c") == "http://example.org/c"
    assert join("http://example.org/a/b?x", "?y") == "http://example.org/a/b?y"
    assert join("https://example.org/a", "//other.org/b") == "https://other.org/b"
    assert join("https://example.org/a", "https:b") == "https://example.org/b"


def test_links_of_a_saved_page_stay_on_this_machine() -> None:
    assert join("file:///pages/one.html", "two.html") == "file:///pages/two.html"
    assert join("file:///pages/one.html", "//localhost/two.html") == "file:///two.html"
    with pytest.raises(UnsupportedUrlError, match="a file on this machine"):
        join("file:///pages/one.html", "//news.example/two.html")


def test_parts_of_an_address_are_told_apart() -> None:
    address = parse("https://News.Example.org:8443/a?b#c")
    assert (address.host, address.authority, address.origin) == (
        "news.example.org",
        "news.example.org:8443",
        "https://news.example.org:8443",
    )
    assert host_of("http://[::1]:80/") == "::1"


def test_addresses_are_read_as_browsers_read_them(material: Path) -> None:
    cases = json.loads((material / "cases/urls/wpt_urltestdata.json").read_text(encoding="utf-8"))
    wrong = []
    for case in cases:
        base = case.get("base")
        is_ours = case.get("failure") or case["protocol"] in ("http:", "https:")
        if not is_ours or (base and not base.startswith(("http:", "https:"))) or "file:" in case["input"]:
            continue
        expected = None
        if not case.get("failure"):
            credentials = case["username"] + (f":{case['password']}" if case["password"] else "")
            expected = case["href"].replace(f"{credentials}@", "", 1) if credentials else case["href"]
        try:
            got = str(parse(case["input"], base=base))
        except UnsupportedUrlError:
            got = None
        if got != expected:
            wrong.append((case["input"], base, got, expected))
    assert wrong == []


def test_host_names_become_ascii_as_in_browsers(material: Path) -> None:
    wrong = []
    for case in json.loads((material / "cases/urls/wpt_toascii.json").read_text(encoding="utf-8")):
        if isinstance(case, str):
            continue
        try:
            got = parse(f"https://{case['input']}/x").host
        except UnsupportedUrlError:
            got = None
        if got != case["output"]:
            wrong.append((case["input"], got, case["output"]))
    assert wrong == []


def test_canonical_form_is_stable_for_everything_in_the_corpora(material: Path) -> None:
    folder = material / "cases/urls"
    addresses = [case["input"] for case in json.loads((folder / "wpt_urltestdata.json").read_text()) if "input" in case]
    addresses += [case["url"] for case in json.loads((folder / "crawler_commons_normalizer.json").read_text())]
    stable = 0
    for address in addresses:
        try:
            once = canonicalize(address)
        except UnsupportedUrlError:
            continue
        assert canonicalize(once) == once
        assert key_of(key_of(once)) == key_of(once) == key_of(address)
        stable += 1
    assert stable > 150


def test_canonical_form_differs_from_a_careful_normaliser_only_where_meant(material: Path) -> None:
    """Differences that are meant: parameters keep their order, doubled slashes stay, and only web and file addresses count."""
    cases = json.loads((material / "cases/urls/crawler_commons_normalizer.json").read_text(encoding="utf-8"))
    different = 0
    for case in cases:
        try:
            got = canonicalize(case["url"])
        except UnsupportedUrlError:
            continue
        if got != case["normal"]:
            different += 1
            assert "//" in case["url"].partition("://")[2] or "&" in case["url"], case
    assert different <= 12


# What a library for crawlers thinks of addresses, where we think otherwise.
MEANT_OTHERWISE = {
    # It strips parameters by their names, `param` and `url` among them; here only those that are for tracking go.
    "http://www.case-modder.de/index.php?sec=artikel&id=68&page=1": "all parameters stay",
    "https://www.dwds.de/test?param=test&amp;other=test": "all parameters stay",
    "https://httpbun.org/redirect-to?url=http%3A%2F%2Fexample.org": "all parameters stay",
    "http://test.net/foo.html?page=2&itemid=10&lang=en": "parameters keep their order",
    "http://2001:0db8:85a3:0000:0000:8a2e:0370:7334": "an IPv6 address without brackets is none (RFC 3986, 3.2.2)",
    "HTTPS://WWW.DWDS.DE:80/": "a path is never empty",
    "ftp://www4.httpbun.org": "only web and file addresses count",
}


def test_addresses_are_cleaned_and_their_sites_told_as_a_crawler_s_library_does(material: Path) -> None:
    """Whether an address is worth fetching, which is what most of the suite asks, is not asked here."""
    checked, different = 0, set[str]()
    for case in json.loads((material / "cases/urls/courlan.json").read_text(encoding="utf-8")):
        url, result = case["args"][0], case["result"]
        match case["call"], result:
            case "check_url", [clean, site]:
                expected: tuple[object, ...] = (clean, site)
            case (("clean_url" | "normalize_url"), str()):
                expected = (result, None)
            case "extract_domain", _:
                expected = (None, result)
            case _:
                continue
        checked += 1
        clean, site = expected
        try:
            got: tuple[object, ...] = (clean and canonicalize(url), site and registered_domain(host_of(url)))
        except UnsupportedUrlError:
            got = (None, None)
        if got != expected:
            different.add(url)
    assert checked >= 15
    assert different == set(MEANT_OTHERWISE)


_LONG = 16_000
_HOSTILE = {
    "slashes": "http://a.example/" + "/" * _LONG,
    "dots": "http://a.example/" + "a/../" * (_LONG // 5),
    "percent signs": "http://a.example/" + "%" * (_LONG // 3),
    "escapes": "http://a.example/" + "%e4" * (_LONG // 3),
    "letters": "http://a.example/" + "ф" * (_LONG // 6),
    "parameters": "http://a.example/?" + "a&" * (_LONG // 2),
    "labels": "http://" + "ф." * (_LONG // 2) + "example/",
    "one label of many letters": "http://" + "".join(chr(0x4E00 + number) for number in range(_LONG)) + ".example/",
    "punycode": "http://xn--" + "a" * 8000 + "-" + "9" * 7000 + ".example/",
    "digits in the port": "http://a.example:" + "9" * _LONG + "/",
    "digits in the host": "http://" + "1" * _LONG + "/",
    "colons": "http://[" + ":" * _LONG + "]/",
    "credentials": "http://" + "@" * _LONG + "a.example/",
    "caches in caches": "https://www.google.com/amp/s/" + "x.cdn.ampproject.org/c/s/" * (_LONG // 25) + "a.example/",
    "session ids": "http://a.example/" + ";jsessionid=" * (_LONG // 12),
    "2 MB": "http://a.example/" + "x" * 2_000_000,
    "2 MB of white space": " " * 2_000_000 + "http://a.example/",
    "2 MB of digits": "http://a.example:" + "9" * 2_000_000,
}


@pytest.mark.parametrize("name", _HOSTILE)
def test_hostile_address_is_read_or_refused_in_no_time(name: str) -> None:
    started = time.thread_time()
    with suppress(UnsupportedUrlError):
        key_of(_HOSTILE[name])
    assert time.thread_time() - started < 0.1


def test_longest_address_is_the_same_for_every_spelling_of_it() -> None:
    whole = "http://a.example/" + "x" * (MAX_URL_CHARS - len("http://a.example/"))
    assert canonicalize(whole) == whole
    assert canonicalize(canonicalize(whole)) == whole
    for too_long in (whole + "x", "http://a.example/" + "ф" * (MAX_URL_CHARS // 6), "http://a.example/" + "|" * 6000):
        with pytest.raises(UnsupportedUrlError, match="at most 16384 characters"):
            canonicalize(too_long)


def test_leading_zeros_of_a_port_count_for_nothing() -> None:
    assert str(parse("http://a.example:000080/")) == "http://a.example/"
    assert str(parse("http://a.example:0/")) == "http://a.example:0/"


@pytest.mark.parametrize(
    ("publisher", "url", "name"),
    [
        ("The Meridian", "https://a.example/1", "The Meridian"),
        (None, "https://www.paper.example/1", "paper.example"),
        ("", "https://xn--e1afmkfd.example/1", "пример.example"),
        (None, "http://127.0.0.1:8000/1", "sports.warc"),
        (None, "http://[::1]/1", "sports.warc"),
        (None, f"urn:sha256:{'0' * 64}", ""),
        (None, "http://xn--99999999999/", "sports.warc"),
    ],
)
def test_site_is_named_by_its_publisher_or_host(publisher: str | None, url: str, name: str) -> None:
    assert site_name(publisher, url, "sports.warc") == name
