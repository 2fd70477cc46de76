"""One spelling for every way of writing the same address, and the key that an article's id is made from."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final
from urllib.parse import unquote

from coranto.urls.address import AUTHORITY_END, BLANKS, Address, check_length, parse
from coranto.urls.errors import UnsupportedUrlError
from coranto.urls.host import read_host

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

_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PATH_KEEPS: Final = _UNRESERVED | frozenset("/!$&'()*+,;=:@%")
_QUERY_KEEPS: Final = _UNRESERVED | frozenset("/?!$&()*+,;=:@%")
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})?")
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
_SAVED_PAGE: Final = re.compile(re.escape(SAVED_PAGE_PREFIX) + r"[0-9a-f]{64}", re.IGNORECASE)


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
    check_length(url, url)
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
            host=read_host(address.host.rstrip("."), url) if address.host.endswith(".") else address.host,
            path=_SESSION_IN_PATH.sub("", path),
            query=_without_tracking(address.query),
            fragment=_normal_escapes(fragment, _QUERY_KEEPS)
            if fragment is not None and fragment.startswith("!")
            else None,
        )
    )
    check_length(canonical, url)
    return canonical


def _has_credentials(url: str) -> bool:
    """Whether something stands before an `@` in the authority."""
    _, colon, rest = url.strip(BLANKS).partition(":")
    authority = AUTHORITY_END.split(rest.lstrip("/\\"), maxsplit=1)[0] if colon else ""
    return bool(authority.rpartition("@")[0].strip(":@"))


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
