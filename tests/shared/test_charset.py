"""Decoding: what the bytes prove, what server and page state, what the letters suggest."""

from __future__ import annotations

import codecs
import re
import time
from contextlib import suppress
from pathlib import Path

import pytest

from coranto.charset import _codec, _labels_in_page, decode, web_label

_RUSSIAN = "Рабочий визит запланирован на конец мая, сообщает служба. Стороны обсудили сотрудничество и границу. " * 4


@pytest.mark.parametrize("charset", ["utf-8", "windows-1251", "koi8-r", "cp866", "utf-16"])
def test_russian_is_decoded_without_any_label(charset: str) -> None:
    assert decode(_RUSSIAN.encode(charset)).text == _RUSSIAN


def test_valid_utf_8_is_trusted_more_than_a_wrong_label() -> None:
    assert decode(_RUSSIAN.encode(), "windows-1251").charset == "utf-8"


def test_label_that_gives_no_words_is_not_trusted() -> None:
    assert decode(_RUSSIAN.encode("windows-1251"), "iso-8859-1").text == _RUSSIAN


def test_latin_1_is_read_as_browsers_read_it() -> None:
    assert decode("“Café”".encode("cp1252"), "iso-8859-1").text == "“Café”"


def test_label_in_the_page_is_found() -> None:
    page = '<meta http-equiv="Content-Type" content="text/html; charset=gb2312">新闻'.encode("gb18030")
    assert decode(page).text.endswith("新闻")


def test_one_broken_byte_does_not_rule_out_utf_8() -> None:
    decoded = decode(_RUSSIAN.encode() + b"\xff" + _RUSSIAN.encode())
    assert (decoded.charset, decoded.text.count("\ufffd")) == ("utf-8", 1)


def test_unknown_label_is_ignored() -> None:
    assert decode(_RUSSIAN.encode("windows-1251"), "x-no-such-charset").text == _RUSSIAN


@pytest.mark.parametrize(
    "label", ["rot13", "base64", "idna", "unicode_escape", "undefined", "utf-7", "\ud800", "x" * 500]
)
def test_label_that_names_no_charset_of_the_web_is_ignored(label: str) -> None:
    assert decode("Köln, Straße".encode("latin-1"), label).text == "Köln, Straße"


@pytest.mark.parametrize("label", [None, "iso-2022-jp", "utf-8"])
def test_escape_sequences_are_read_although_they_are_ascii(label: str | None) -> None:
    assert decode("<p>日本の船</p>".encode("iso-2022-jp"), label).text == "<p>日本の船</p>"


CYRILLIC = "<p>В порту снова посчитали лодки и людей на реке: их больше, чем на прошлой неделе.</p>" * 3


@pytest.mark.parametrize(
    "head",
    [
        '<meta charset="no-such"><meta charset="koi8-r">',
        '<!-- <meta charset="windows-1251"> --><meta charset="koi8-r">',
        '<script charset="utf-8" src="/a.js"></script><meta http-equiv=Content-Type content="text/html; charset=koi8-r">',
        f"<!-- {'x' * 9_000} --><meta charset=koi8-r>",
        "<?xml version='1.0' encoding='koi8-r'?>",
    ],
)
def test_label_that_counts_is_found_among_others(head: str) -> None:
    page = decode(f"<html><head>{head}</head><body>{CYRILLIC}".encode("koi8-r"))
    assert (page.charset, page.evidence) == ("koi8-r", "meta")
    assert CYRILLIC in page.text


def test_declarations_of_a_published_suite_are_read_as_browsers_do_and_with_more_patience(material: Path) -> None:
    """What differs is meant: a label in a declaration that is broken, or lacks the name, is still better than a guess."""
    read, wrong = 0, []
    for file in sorted((material / "cases/charset/html5lib").glob("*.dat")):
        for case in re.split(rb"(?:\A|\n\n?)#data\n", file.read_bytes())[1:]:
            page, _, expected = case.partition(b"\n#encoding\n")
            wanted = web_label(_codec(expected.strip().decode()) or "")
            read += 1
            if page.startswith(b"\xef\xbb\xbf"):
                found = [decode(page).charset]
            else:
                found = [codec for label in _labels_in_page(page) if (codec := _codec(label)) is not None]
            got = web_label(found[0]) if found else "windows-1252"
            if got != wanted and not (wanted == "windows-1252" and re.search(rb"charset\s*=", page)):
                wrong.append((page[-100:], wanted, got))
    assert read == 30
    assert wrong == []


@pytest.mark.parametrize(
    "unit", [b"<!--", b"<meta ", b"<meta charset=", b"<?xml ", b"<!-- -->", b"charset=", b"<meta charset=x>"]
)
def test_declarations_without_end_are_searched_in_no_time(unit: bytes) -> None:
    started = time.thread_time()
    decode(unit * 100_000 + b"\xff\xfd")
    assert time.thread_time() - started < 1


def test_pages_of_a_published_suite_are_decoded_without_any_label(material: Path) -> None:
    read, wrong = 0, []
    for folder in sorted((material / "cases/charset/chardet").iterdir()):
        codec = _codec_of(folder.name)
        for file in sorted(folder.iterdir()) if codec is not None else ():
            raw, read = file.read_bytes(), read + 1
            wanted, got = raw.decode(codec, "replace").lstrip("\ufeff"), decode(raw).text
            # Relatives such as latin-1 and windows-1252 differ in a quotation mark or two.
            if sum(one != other for one, other in zip(wanted, got, strict=False)) > len(wanted) / 500:
                wrong.append(f"{folder.name}/{file.name}")
    assert read > 200
    assert len(wrong) < read / 10, wrong


def _codec_of(name: str) -> str | None:
    """Python's name for the charset that a folder such as `iso-8859-5-russian` is called after."""
    for label in (name, name.rpartition("-")[0]):
        with suppress(LookupError):
            return codecs.lookup(label).name
    return None
