"""Recognises tests for humans that are served in place of a page, often with status 200.

A closed list of marks that the guards' own pages carry: in headers, in the title, or in the markup of a page that has
too few words to be an article with a guard's script beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from coranto.http.page.text import count_words

_LOOKED_AT: Final = 60_000
_MOST_WORDS: Final = 250
"""A guard's page explains itself in fewer words than this; the shortest articles on guarded sites have more markup too."""

_HEADERS: Final = {
    "cf-mitigated": ("Cloudflare", ("challenge",)),
    "x-amzn-waf-action": ("AWS WAF", ("challenge", "captcha")),
    "x-vercel-mitigated": ("Vercel", ("challenge",)),
}

_MARKS: Final[dict[str, tuple[bytes, ...]]] = {
    "Cloudflare": (b"window._cf_chl_opt", b'id="challenge-form"', b'id="challenge-error-text"'),
    "DDoS-Guard": (b"/.well-known/ddos-guard/js-challenge", b"/.well-known/ddos-guard/check"),
    "Qrator": (b"/__qrator/qauth", b"qrator_jsr", b"qauth_handle_validate"),
    "Variti": (b"/_variti/",),
    "Imperva": (b"/_incapsula_resource?", b"request unsuccessful. incapsula incident"),
    "DataDome": (b"geo.captcha-delivery.com", b"ct.captcha-delivery.com"),
    "PerimeterX": (b'id="px-captcha"', b"captcha.px-cdn.net", b"captcha.perimeterx.net"),
    "AWS WAF": (b"awswafintegration.gettoken", b"window.gokuprops"),
    "Akamai": (b"/_sec/cp_challenge/", b'id="sec-if-cpt-container"'),
    "Sucuri": (b"sucuri_cloudproxy_js",),
    "Yandex SmartCaptcha": (b"/showcaptcha?", b"/checkcaptcha?"),
    "StormWall": (b"static.stormwall.pro", b"window.__stormwall"),
    "Anubis": (b'id="anubis_challenge"',),
}
"""Marks in the markup, in lower case."""

_TITLE_BEGINNINGS: Final = (
    "just a moment...", "attention required! | cloudflare", "ddos-guard", "vercel security checkpoint",
    "making sure you're not a bot!", "checking your browser", "access to this page has been denied",
    "pardon our interruption", "проверка браузера", "подтвердите, что вы", "подтвердите, что запросы",
)  # fmt: skip
_WHOLE_TITLES: Final = frozenset({
    "one moment, please...", "variti", "are you a robot?", "are you human?", "robot check", "human verification",
    "security check", "verify you are human", "verify you are a human", "verifying you are human", "client challenge",
    "bot verification", "вы не робот?", "капча", "captcha",
})  # fmt: skip
"""Titles that an article could begin with, but not have: all in lower case."""


def find_challenge(headers: Mapping[str, str], body: bytes) -> str | None:
    """Name of the guard whose test stands in place of the page; None when it is a page as far as can be seen."""
    for header, (guard, values) in _HEADERS.items():
        if headers.get(header, "").strip().lower() in values:
            return guard
    beginning = body[:_LOOKED_AT].lower()
    name = next((name for name, marks in _MARKS.items() if any(mark in beginning for mark in marks)), None)
    if name is None:
        title = _title(beginning)
        is_known = title in _WHOLE_TITLES or title.startswith(_TITLE_BEGINNINGS)
        name = "a test for humans" if is_known else None
    # A long text beside the mark is an article on a guarded site.
    return name if name is not None and count_words(beginning) < _MOST_WORDS else None


def _title(page: bytes) -> str:
    start = page.find(b"<title")
    if start < 0:
        return ""
    text = page[start : start + 600].partition(b">")[2].partition(b"</title")[0]
    return " ".join(text.decode("utf-8", "replace").replace("&#39;", "'").split())
