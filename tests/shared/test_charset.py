"""Decoding: what the bytes prove, what server and page state, what the letters suggest."""

from __future__ import annotations

import codecs
from contextlib import suppress
from pathlib import Path

import pytest

from coranto.charset import decode

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
