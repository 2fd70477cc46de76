"""Reads the host of an address as browsers do: names by UTS 46, IPv4 in all its spellings, IPv6 by RFC 5952."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

from coranto.urls.errors import UnsupportedUrlError, shown

_FORBIDDEN_IN_HOST: Final = frozenset(" #/:<>?@[\\]^|%") | {chr(code) for code in (*range(0x20), 0x7F)}
_LONGEST_HOST: Final = 255
_IGNORED_IN_HOST: Final = dict.fromkeys(
    (0x00AD, 0x034F, 0x180B, 0x180C, 0x180D, 0x180E, 0x180F, 0x200B, 0x2060, 0x2064, 0xFEFF, *range(0xFE00, 0xFE10))
)
_DOTS: Final = {0x3002: ".", 0xFF0E: ".", 0xFF61: "."}


def read_host(text: str, url: str) -> str:
    """The host in ASCII and lower case, an IPv6 address without its brackets. Raises UnsupportedUrlError, which shows `url`."""
    try:
        return _known_host(text)
    except UnsupportedUrlError:
        return _parse_host(text, url)


@lru_cache(maxsize=1024)
def _known_host(text: str) -> str:
    return _parse_host(text, text)


def _parse_host(text: str, url: str) -> str:
    if text.startswith("["):
        if not text.endswith("]"):
            raise UnsupportedUrlError(f"expected a closing bracket after the IPv6 address in {shown(url)}")
        return _ipv6(text[1:-1], url)
    if len(text) > 9 * _LONGEST_HOST:
        raise UnsupportedUrlError(f"expected a host name of at most {_LONGEST_HOST} characters in {shown(url)}")
    try:
        decoded = unquote_to_bytes(text).decode()
    except UnicodeError as error:
        raise UnsupportedUrlError(f"the host does not decode as UTF-8 in {shown(url)}") from error
    # Punycode takes time with the square of a name's length; RFC 1035, 2.3.4 allows 255 bytes.
    if len(decoded) > _LONGEST_HOST:
        raise UnsupportedUrlError(f"expected a host name of at most {_LONGEST_HOST} characters in {shown(url)}")
    host = _to_ascii(decoded, url)
    if not host or _FORBIDDEN_IN_HOST.intersection(host):
        raise UnsupportedUrlError(f"expected a host name, got {host[:80]!r} in {shown(url)}")
    labels = host.removesuffix(".").split(".")
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]):
        return _ipv4(labels, url)
    return host


def _ipv4(labels: list[str], url: str) -> str:
    """The address as browsers read it: one to four numbers, decimal, octal (0…) or hexadecimal (0x…)."""
    numbers: list[int] = []
    for label in labels:
        try:
            if label.startswith("0x"):
                numbers.append(int(label[2:] or "0", 16))
            else:
                numbers.append(int(label, 8 if len(label) > 1 and label.startswith("0") else 10))
        except ValueError as error:
            raise UnsupportedUrlError(
                f"expected an IPv4 address, got {'.'.join(labels)[:80]!r} in {shown(url)}"
            ) from error
    if len(numbers) > 4 or any(part > 255 for part in numbers[:-1]) or numbers[-1] >= 256 ** (5 - len(numbers)):
        raise UnsupportedUrlError(f"expected an IPv4 address, got {'.'.join(labels)[:80]!r} in {shown(url)}")
    value = numbers[-1] + sum(part << (8 * (3 - place)) for place, part in enumerate(numbers[:-1]))
    return str(ipaddress.IPv4Address(value))


def _ipv6(text: str, url: str) -> str:
    """The address by RFC 5952; mapped addresses in hexadecimal too, as browsers write them and every Python alike."""
    try:
        if "%" in text:
            raise ValueError("zone")
        value = int(ipaddress.IPv6Address(text))
    except ValueError as error:
        raise UnsupportedUrlError(
            f"expected an IPv6 address without zone, got {text[:60]!r} in {shown(url)}"
        ) from error
    groups = [f"{(value >> shift) & 0xFFFF:x}" for shift in range(112, -16, -16)]
    runs = sorted(re.finditer(r"(?:\b0\b:?){2,}", ":".join(groups)), key=lambda run: -run[0].count("0"))
    whole = ":".join(groups)
    if not runs:
        return whole
    return f"{whole[: runs[0].start()].rstrip(':')}::{whole[runs[0].end() :].lstrip(':')}"


def _to_ascii(domain: str, url: str) -> str:
    """The domain in ASCII by UTS 46, non-transitional, with what the standard library knows of Unicode."""
    if domain.isascii():
        return domain.lower()
    # Letter by letter: lower() on a word makes a final sigma by context, which UTS 46 does not.
    lowered = "".join(char.lower() for char in domain.translate(_IGNORED_IN_HOST).translate(_DOTS))
    mapped = unicodedata.normalize("NFC", "".join(c.lower() for c in unicodedata.normalize("NFKC", lowered)))
    labels = []
    for label in mapped.split("."):
        unicode_label = label
        if label.startswith("xn--"):
            try:
                unicode_label = label[4:].encode().decode("punycode")
            except (UnicodeError, ValueError) as error:
                raise UnsupportedUrlError(
                    f"the host has a label that is no punycode, {label[:70]!r}, in {shown(url)}"
                ) from error
        _check_label(unicode_label, url)
        encoded = unicode_label if unicode_label.isascii() else f"xn--{unicode_label.encode('punycode').decode()}"
        if label.startswith("xn--") and encoded != label:
            raise UnsupportedUrlError(f"the host has a label that is no punycode, {label[:70]!r}, in {shown(url)}")
        labels.append(encoded)
    return ".".join(labels)


def _check_label(label: str, url: str) -> None:
    for char in label:
        # The joiners are Cf, and part of Indic and Persian words; U+FFFD stands for bytes that did not decode.
        if char.isascii() or char in "\u200c\u200d":
            continue
        if char == "\ufffd" or unicodedata.category(char) in ("Cc", "Cf", "Cn", "Co", "Cs", "Zs"):
            raise UnsupportedUrlError(
                f"the host has a character that no host may have, U+{ord(char):04X}, in {shown(url)}"
            )
    if label and unicodedata.combining(label[0]):
        raise UnsupportedUrlError(f"the host has a label that begins with a combining mark, in {shown(url)}")
    _check_direction(label, url)


def _check_direction(label: str, url: str) -> None:
    """RFC 5893, section 2, for labels with letters that run from right to left."""
    kinds = [unicodedata.bidirectional(char) for char in label]
    if not {"R", "AL", "AN"}.intersection(kinds):
        return
    ends = [kind for kind in kinds if kind != "NSM"][-1:]
    allowed = {"R", "AL", "AN", "EN", "ES", "CS", "ET", "ON", "BN", "NSM"}
    runs_right_to_left = kinds[0] in ("R", "AL") and allowed.issuperset(kinds) and ends[0] in ("R", "AL", "EN", "AN")
    if not runs_right_to_left or {"EN", "AN"}.issubset(kinds):
        raise UnsupportedUrlError(f"the host mixes writing directions, in {shown(url)}")
