"""Addresses as identities: one spelling for every way of writing the same URL.

`parse` reads an address the way browsers do (WHATWG URL Standard, for http, https and file), `canonicalize` goes on to one
spelling that can still be fetched, and `key_of` to the one an article's id is made from. All are pure and use the standard library
only, so that every program that submits or looks up an article comes to the same id. Whether an address may be fetched is not
decided here. `docs/reference/urls.md` has the rules in words.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

DEFAULT_PORTS: Final = {"http": 80, "https": 443}

TRACKING_PARAMETERS: Final = frozenset({
    # Click ids of advertising networks and mail senders
    "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "gad_source", "gad_campaignid", "fbclid", "yclid", "ysclid", "ymclid",
    "msclkid", "twclid", "ttclid", "igshid", "igsh", "li_fat_id", "epik", "rdt_cid", "sccid", "irclickid", "srsltid", "zanpid",
    "_openstat", "mc_cid", "mc_eid", "_hsenc", "_hsmi", "__hssc", "__hstc", "__hsfp", "hsctatracking", "mkt_tok", "vero_id",
    "vero_conv", "oly_anon_id", "oly_enc_id", "wickedid", "s_kwcid", "ef_id", "_branch_match_id", "_bta_c", "_bta_tid",
    # Audience counters
    "_ga", "_gl", "_ke", "_kx", "__s", "__twitter_impression", "xtor", "at_campaign", "at_medium", "at_custom1", "at_custom2",
    "at_custom3", "at_custom4", "ns_campaign", "ns_mchannel", "ns_source", "ns_linkname", "ns_fee", "wt_mc", "wt.mc_id",
    "wt_zmc", "cmpid", "ocid", "icid", "ncid", "smid", "smtyp", "sr_share", "ito", "guccounter", "guce_referrer",
    "guce_referrer_sig", "piwik_campaign", "piwik_kwd", "matomo_campaign", "mtm_campaign", "mtm_source", "mtm_medium",
    # Session ids in the query
    "phpsessid", "jsessionid",
})  # fmt: skip
"""Query parameters that never change what a page says. A closed list: what is not in it stays."""

TRACKING_PREFIXES: Final = ("utm_", "hsa_", "pk_", "itm_")
"""Parameters that begin like this never change what a page says."""

SAVED_PAGE_PREFIX: Final = "urn:sha256:"
"""How the address of a saved page begins that names none of its own: the SHA-256 of its bytes follows."""

MAX_URL_CHARS: Final = 16_384
"""Longest address, as written and once its characters are escaped: what fits into one line of HTTP headers here.

RFC 9110 asks for 8,000. Reading an address takes time with its length, and addresses come from strangers.
"""

_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PATH_KEEPS: Final = _UNRESERVED | frozenset("/!$&'()*+,;=:@%")
_QUERY_KEEPS: Final = _UNRESERVED | frozenset("/?!$&()*+,;=:@%")
_FORBIDDEN_IN_HOST: Final = frozenset(" #/:<>?@[\\]^|%") | {chr(code) for code in (*range(0x20), 0x7F)}
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})?")
_LONGEST_HOST: Final = 255
_SESSION_IN_PATH: Final = re.compile(r";jsessionid=[^/;]*", re.IGNORECASE)
_AMP_CACHE_PATH: Final = re.compile(r"/(?:c|i|v|wp)/(s/)?([^/]+\.[^/]+)(/.*)?", re.DOTALL)
_AMP_VIEWER_PATH: Final = re.compile(r"/amp/(s/)?([^/]+\.[^/]+)(/.*)?", re.DOTALL)
# Parameters that AMP caches and viewers add to the publisher's address.
_AMP_PARAMETERS: Final = frozenset(
    {"usqp", "aoh", "csi", "ampshare", "amp_js_v", "amp_gsa", "amp_tf", "amp_ct", "referrer"}
)
_GOOGLE_HOST: Final = re.compile(r"(?:www\.|news\.)?google\.(?:[a-z]{2,3}|com?\.[a-z]{2})")
# A wrapper may hold another; an address within hundreds of others is made to keep us busy.
_MOST_WRAPPERS: Final = 3
_BLANKS: Final = "".join(map(chr, range(0x21)))
_AUTHORITY_END: Final = re.compile(r"[/\\?#]")
_SAVED_PAGE: Final = re.compile(re.escape(SAVED_PAGE_PREFIX) + r"[0-9a-f]{64}", re.IGNORECASE)


class UnsupportedUrlError(ValueError):
    """The text is no address this project works with; the message says what was seen and what was expected."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address taken apart. `host` is in ASCII and lower case, an IPv6 address without its brackets."""

    scheme: str
    host: str
    port: int | None
    """None when it is the scheme's own."""
    path: str
    query: str | None = None
    fragment: str | None = None

    @property
    def authority(self) -> str:
        """Host, and port where it is not the scheme's own: what politeness is counted by."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme and authority: what a robots.txt file speaks for."""
        return f"{self.scheme}://{self.authority}"

    def __str__(self) -> str:
        query = "" if self.query is None else f"?{self.query}"
        fragment = "" if self.fragment is None else f"#{self.fragment}"
        return f"{self.origin}{self.path}{query}{fragment}"


def parse(url: str, *, base: str | None = None) -> Address:
    """The address taken apart, as a browser would; a user name and password are left out. A relative one needs `base`.

    Raises UnsupportedUrlError when it is no http, https or file URL, or longer than MAX_URL_CHARS.
    """
    _check_length(url, url)
    address = _parse(url, base)
    _check_length(str(address), url)
    return address


def _check_length(text: str, url: str) -> None:
    if len(text) > MAX_URL_CHARS:
        raise UnsupportedUrlError(f"expected an address of at most {MAX_URL_CHARS} characters, got {_shown(url)}")


def _parse(url: str, base: str | None) -> Address:
    text = url.strip(_BLANKS)
    if not text.isprintable():
        text = text.translate({9: None, 10: None, 13: None})
    origin = _parse_base(base) if base is not None else None
    match = _SCHEME.match(text)
    if match is None:
        if origin is None:
            raise UnsupportedUrlError(
                f"expected an address that begins with http://, https:// or file://, got {_shown(url)}"
            )
        return _relative(text, origin, url)
    scheme, rest = match[1].lower(), text[match.end() :]
    if scheme == "file":
        return _file(rest, url)
    if scheme not in DEFAULT_PORTS:
        raise UnsupportedUrlError(
            f"expected an http, https or file address, got the scheme {scheme!r} in {_shown(url)}"
        )
    slashes = len(rest) - len(rest.lstrip("/\\"))
    if slashes < 2 and origin is not None and origin.scheme == scheme:
        return _relative(rest, origin, url)
    return _with_authority(scheme, rest[slashes:], url)


@lru_cache(maxsize=16)
def _parse_base(base: str) -> Address:
    # The links of a document come by the ten thousand, and all with the same base.
    return parse(base)


def join(base: str, link: str) -> str:
    """The absolute address of a link found in the document at `base`. Raises UnsupportedUrlError."""
    return str(parse(link, base=base))


def canonicalize(url: str) -> str:
    """One spelling of the address, under which the same page can be fetched.

    Scheme and host in lower case and ASCII, no default port, dot segments resolved, percent-encoding normalised, no fragment
    (but `#!…`, which names a page), no tracking parameters; the others stay in their order. An address that only leads over to
    another one it names (AMP caches, the AMP viewer, Google's own redirects) becomes that one. Applying it twice is the same as
    once. Raises UnsupportedUrlError as `parse` does, and for an address with a user name or password.
    """
    outer = canonical = _canonical(url)
    for _ in range(_MOST_WRAPPERS):
        inner = _named_by_wrapper(parse(canonical))
        if inner is None:
            return canonical
        canonical = inner
    return outer


def key_of(url: str) -> str:
    """The key form of an address: the spelling that an article's id is made from.

    `canonicalize`, with http written as https: a site that serves both serves the same article. The name of a saved page
    (`urn:sha256:…`) is its own key. Not every key can be fetched. Raises UnsupportedUrlError as `canonicalize` does.
    """
    if is_saved_page(url):
        return url.strip().lower()
    canonical = canonicalize(url)
    # Once more, for a port that is that of https.
    return canonicalize(f"https:{canonical.removeprefix('http:')}") if canonical.startswith("http:") else canonical


def is_saved_page(url: str) -> bool:
    """Whether this is the name of a saved page whose address nobody knows, rather than an address."""
    return _SAVED_PAGE.fullmatch(url.strip()) is not None


def _canonical(url: str) -> str:
    _check_length(url, url)
    if _has_credentials(url):
        # Not repeated in the text: it may hold a password.
        raise UnsupportedUrlError("expected an address without a user name or password before the host")
    address = parse(url)
    path = _normal_escapes(address.path, _PATH_KEEPS)
    if address.scheme == "file":
        return str(replace(address, path=path, query=None, fragment=None))
    fragment = address.fragment
    canonical = str(
        replace(
            address,
            host=_host(address.host.rstrip("."), url) if address.host.endswith(".") else address.host,
            path=_SESSION_IN_PATH.sub("", path),
            query=_without_tracking(address.query),
            fragment=_normal_escapes(fragment, _QUERY_KEEPS)
            if fragment is not None and fragment.startswith("!")
            else None,
        )
    )
    _check_length(canonical, url)
    return canonical


def _has_credentials(url: str) -> bool:
    """Whether something stands before an `@` in the authority."""
    _, colon, rest = url.strip(_BLANKS).partition(":")
    authority = _AUTHORITY_END.split(rest.lstrip("/\\"), maxsplit=1)[0] if colon else ""
    return bool(authority.rpartition("@")[0].strip(":@"))


def host_of(url: str) -> str:
    """Host of the address in lower case, without port; empty for a file. Raises UnsupportedUrlError."""
    return parse(url).host


def _shown(url: str) -> str:
    return repr(url if len(url) <= 100 else f"{url[:100]}…")


def _with_authority(scheme: str, rest: str, url: str) -> Address:
    mark = _AUTHORITY_END.search(rest)
    end = mark.start() if mark is not None else len(rest)
    authority = rest[:end].rpartition("@")[2]
    host, colon, port = authority.rpartition(":")
    if not colon or authority.endswith("]"):
        host, port = authority, ""
    port = port.lstrip("0") or port[:1]
    if port and not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise UnsupportedUrlError(f"expected a port from 0 to 65535, got {port[:20]!r} in {_shown(url)}")
    number = int(port) if port else None
    path, query, fragment = _tail(rest[end:])
    return Address(
        scheme=scheme,
        host=_host(host, url),
        port=None if number == DEFAULT_PORTS[scheme] else number,
        path=_without_dots(path),
        query=query,
        fragment=fragment,
    )


def _relative(text: str, base: Address, url: str) -> Address:
    flat = text.replace("\\", "/")
    if flat.startswith("//"):
        return _file(text, url) if base.scheme == "file" else _with_authority(base.scheme, text.lstrip("/\\"), url)
    path, query, fragment = _tail(text)
    if not path:
        return replace(base, query=base.query if query is None else query, fragment=fragment)
    segments = path.split("/")[1:] if path.startswith("/") else [*base.path.split("/")[1:-1], *path.split("/")]
    return replace(base, path="/" + "/".join(_resolve_dots(segments)), query=query, fragment=fragment)


def _file(rest: str, url: str) -> Address:
    flat = rest.replace("\\", "/")
    if flat.startswith("//"):
        host, slash, path = flat[2:].partition("/")
        if host.lower() not in ("", "localhost"):
            raise UnsupportedUrlError(
                f"expected a file on this machine (file:///…), got the host {host!r} in {_shown(url)}"
            )
        flat = slash + path
    path, query, fragment = _tail(flat)
    # Slashes at the beginning say nothing on a file system, and two of them would look like a host.
    rooted = "/".join(_resolve_dots(path.lstrip("/").split("/"))).lstrip("/")
    return Address("file", "", None, f"/{rooted}", query, fragment)


def _tail(text: str) -> tuple[str, str | None, str | None]:
    text, hash_mark, fragment = text.partition("#")
    path, question, query = text.partition("?")
    return (
        _escape(path.replace("\\", "/"), _BROWSER_PATH),
        _escape(query, _BROWSER_QUERY) if question else None,
        _escape(fragment, _BROWSER_FRAGMENT) if hash_mark else None,
    )


# What the WHATWG URL Standard escapes in each part, besides control characters and what is not ASCII.
_BROWSER_QUERY: Final = frozenset(" \"#<>'")
_BROWSER_FRAGMENT: Final = frozenset(' "<>`')
_BROWSER_PATH: Final = frozenset(' "#<>?^`{}')


def _escape(text: str, marks: frozenset[str]) -> str:
    if text.isascii() and text.isprintable() and not marks.intersection(text):
        return text
    return "".join(
        char
        if " " <= char <= "~" and char not in marks
        else "".join(f"%{byte:02X}" for byte in char.encode(errors="replace"))
        for char in text
    )


def _without_dots(path: str) -> str:
    if path and "/." not in path and "%2" not in path:
        return path
    return "/" + "/".join(_resolve_dots(path.split("/")[1:] if path else [""]))


def _resolve_dots(segments: list[str]) -> list[str]:
    kept: list[str] = []
    for number, segment in enumerate(segments):
        plain = segment.lower().replace("%2e", ".")
        is_last = number == len(segments) - 1
        if plain == "..":
            if kept:
                kept.pop()
        elif plain != ".":
            kept.append(segment)
            continue
        if is_last:
            kept.append("")
    return kept


def _normal_escapes(text: str, keeps: frozenset[str]) -> str:
    if "%" not in text and keeps.issuperset(text):
        return text

    def normal(match: re.Match[str]) -> str:
        if match[1] is None:
            return "%25"  # a percent sign that escapes nothing
        char = chr(int(match[1], 16))
        return char if char in _UNRESERVED else f"%{match[1].upper()}"

    escaped = _ESCAPE.sub(normal, text)
    return "".join(char if char in keeps else "".join(f"%{byte:02X}" for byte in char.encode()) for char in escaped)


def _without_tracking(query: str | None) -> str | None:
    if query is None:
        return None
    kept: list[str] = []
    for pair in query.split("&"):
        normal = _normal_escapes(pair, _QUERY_KEEPS)
        name = normal.partition("=")[0].lower()
        if normal and name not in TRACKING_PARAMETERS and not name.startswith(TRACKING_PREFIXES):
            kept.append(normal)
    return "&".join(kept) or None


def _named_by_wrapper(address: Address) -> str | None:
    """The address in canonical form that a wrapper carries in its path or query; None for any other address."""
    inner = _behind_amp_cache(address) or _behind_google_redirect(address)
    if inner is None:
        return None
    try:
        return _canonical(inner)
    except UnsupportedUrlError:
        return None


def _behind_amp_cache(address: Address) -> str | None:
    if address.host.endswith(".cdn.ampproject.org"):
        match = _AMP_CACHE_PATH.fullmatch(address.path)
    elif _GOOGLE_HOST.fullmatch(address.host):
        match = _AMP_VIEWER_PATH.fullmatch(address.path)
    else:
        return None
    if match is None:
        return None
    kept = [pair for pair in (address.query or "").split("&") if pair.partition("=")[0].lower() not in _AMP_PARAMETERS]
    query = f"?{'&'.join(kept)}" if any(kept) else ""
    return f"{'https' if match[1] else 'http'}://{match[2]}{match[3] or '/'}{query}"


def _behind_google_redirect(address: Address) -> str | None:
    if address.path != "/url" or address.query is None or not _GOOGLE_HOST.fullmatch(address.host):
        return None
    parameters = dict(reversed([pair.partition("=")[::2] for pair in address.query.split("&")]))
    for name in ("url", "q"):
        named = unquote(parameters.get(name, ""))
        if named.lower().startswith(("http://", "https://")):
            return named
    return None


def _host(text: str, url: str) -> str:
    try:
        return _known_host(text)
    except UnsupportedUrlError:
        return _read_host(text, url)


@lru_cache(maxsize=1024)
def _known_host(text: str) -> str:
    return _read_host(text, text)


def _read_host(text: str, url: str) -> str:
    if text.startswith("["):
        if not text.endswith("]"):
            raise UnsupportedUrlError(f"expected a closing bracket after the IPv6 address in {_shown(url)}")
        return _ipv6(text[1:-1], url)
    if len(text) > 9 * _LONGEST_HOST:
        raise UnsupportedUrlError(f"expected a host name of at most {_LONGEST_HOST} characters in {_shown(url)}")
    try:
        decoded = unquote_to_bytes(text).decode()
    except UnicodeError as error:
        raise UnsupportedUrlError(f"the host does not decode as UTF-8 in {_shown(url)}") from error
    # Punycode takes time with the square of a name's length; RFC 1035, 2.3.4 allows 255 bytes.
    if len(decoded) > _LONGEST_HOST:
        raise UnsupportedUrlError(f"expected a host name of at most {_LONGEST_HOST} characters in {_shown(url)}")
    host = _to_ascii(decoded, url)
    if not host or _FORBIDDEN_IN_HOST.intersection(host):
        raise UnsupportedUrlError(f"expected a host name, got {host[:80]!r} in {_shown(url)}")
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
                f"expected an IPv4 address, got {'.'.join(labels)[:80]!r} in {_shown(url)}"
            ) from error
    if len(numbers) > 4 or any(part > 255 for part in numbers[:-1]) or numbers[-1] >= 256 ** (5 - len(numbers)):
        raise UnsupportedUrlError(f"expected an IPv4 address, got {'.'.join(labels)[:80]!r} in {_shown(url)}")
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
            f"expected an IPv6 address without zone, got {text[:60]!r} in {_shown(url)}"
        ) from error
    groups = [f"{(value >> shift) & 0xFFFF:x}" for shift in range(112, -16, -16)]
    runs = sorted(re.finditer(r"(?:\b0\b:?){2,}", ":".join(groups)), key=lambda run: -run[0].count("0"))
    whole = ":".join(groups)
    if not runs:
        return whole
    return f"{whole[: runs[0].start()].rstrip(':')}::{whole[runs[0].end() :].lstrip(':')}"


_IGNORED_IN_HOST: Final = dict.fromkeys(
    (0x00AD, 0x034F, 0x180B, 0x180C, 0x180D, 0x180E, 0x180F, 0x200B, 0x2060, 0x2064, 0xFEFF, *range(0xFE00, 0xFE10))
)
_DOTS: Final = {0x3002: ".", 0xFF0E: ".", 0xFF61: "."}


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
                    f"the host has a label that is no punycode, {label[:70]!r}, in {_shown(url)}"
                ) from error
        _check_label(unicode_label, url)
        encoded = unicode_label if unicode_label.isascii() else f"xn--{unicode_label.encode('punycode').decode()}"
        if label.startswith("xn--") and encoded != label:
            raise UnsupportedUrlError(f"the host has a label that is no punycode, {label[:70]!r}, in {_shown(url)}")
        labels.append(encoded)
    return ".".join(labels)


def _check_label(label: str, url: str) -> None:
    for char in label:
        # The joiners are Cf, and part of Indic and Persian words; U+FFFD stands for bytes that did not decode.
        if char.isascii() or char in "\u200c\u200d":
            continue
        if char == "\ufffd" or unicodedata.category(char) in ("Cc", "Cf", "Cn", "Co", "Cs", "Zs"):
            raise UnsupportedUrlError(
                f"the host has a character that no host may have, U+{ord(char):04X}, in {_shown(url)}"
            )
    if label and unicodedata.combining(label[0]):
        raise UnsupportedUrlError(f"the host has a label that begins with a combining mark, in {_shown(url)}")
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
        raise UnsupportedUrlError(f"the host mixes writing directions, in {_shown(url)}")
