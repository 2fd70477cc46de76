"""Reads the smaller facts: publisher, standfirst, language, paywall, video, correction, agency in the dateline."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto_extractor.fields.evidence import Extracted
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.text_comparison import word_characters
from coranto_extractor.page.blocks import Block, normalize_space
from coranto_extractor.page.metadata import PageMetadata, strings

_LANGUAGE = re.compile(r"^([a-zA-Z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_]([A-Za-z]{2}|\d{3}))?(?:[-_.].*)?$")
_PLAYER = re.compile(
    r"youtube(?:-nocookie)?\.com/embed|player\.vimeo|dailymotion\.com/embed|rutube\.ru/play|ok\.ru/videoembed|vk\.com/video_ext|brightcove|jwplayer|/embed/video|vidible|video-player",
    re.IGNORECASE,
)
_DATELINE = re.compile(
    r"^(?P<place>[^\W\d_][\w\s.,'’/-]{1,60}?)?\s{0,2}"
    r"(?:\((?P<round>[^()]{2,40})\)|/(?P<slash>[^/]{2,40})/|(?:[—–-]|\.)\s{1,2}(?P<dash>[^\W\d_][\w\s«»-]{1,30}?)\s{0,2}[.,—–-])\s{0,2}[—–-]?\s"
)
_DATELINE_CHARS = 140
_MAX_AGENCY_WORDS = 3
_CORRECTION_NAMES = re.compile(
    r"(?:^|[\s_-])(?:correction|corrections|erratum|errata|clarification|amendment)(?:$|[\s_-])", re.IGNORECASE
)
_MIN_CORRECTION_CHARS = 30
_MAX_LINK_SHARE = 0.5


def find_publisher(page: PageMetadata) -> Extracted[str] | None:
    """Name of the publication."""
    for text in strings(page.resolve(page.article.get("publisher"))):
        if not text.startswith("http"):
            return Extracted(text, "json-ld", 0.9)
    stated = page.first("og:site_name")
    if stated:
        return Extracted(stated, "opengraph", 0.85)
    other = page.first(
        "publisher", "dc.publisher", "dcterms.publisher", "application-name", "apple-mobile-web-app-title"
    )
    return Extracted(other, "meta", 0.5) if other and len(other) < 80 and not other.startswith("http") else None


def find_lead(page: PageMetadata, texts: Sequence[str], title: str | None) -> Extracted[str] | None:
    """The standfirst, when the page has one apart from the text."""
    opening = word_characters(" ".join(texts[:4]))
    for text, source in (
        (next(iter(strings(page.article.get("description"))), None), "json-ld"),
        (page.first("og:description"), "opengraph"),
        (page.first("description", "twitter:description", "dc.description"), "meta"),
    ):
        if not text or len(text) < 20:
            continue
        key = word_characters(re.sub(r"(?:\.\.\.|…|\[…\]|\[&hellip;\])\s*$", "", text))
        if key and key != word_characters(title or "") and key[:80] not in opening:
            return Extracted(text, source, 0.7)
        return None
    return None


def language_tag(label: str | None) -> str | None:
    """The label as a BCP 47 tag; None when it is none."""
    match = _LANGUAGE.match((label or "").strip())
    if not match:
        return None
    language, script, region = match.groups()
    parts = [language.lower()]
    if script:
        parts.append(script.title())
    if region:
        parts.append(region.upper())
    return "-".join(parts)


def find_language(page: PageMetadata) -> Extracted[str] | None:
    """The language the page declares, as BCP 47."""
    stated = strings(page.article.get("inLanguage"))
    for label, source in (
        (page.declared_language, "html-lang"),
        (stated[0] if stated else None, "json-ld"),
        (page.first("content-language", "language", "dc.language", "inlanguage"), "meta"),
        (page.first("og:locale"), "opengraph"),
    ):
        tag = language_tag(label)
        if tag:
            return Extracted(tag, source, 0.8)
    return None


def find_paywall(page: PageMetadata, last_texts: Sequence[str]) -> Extracted[bool] | None:
    """Whether the text is behind a paywall, when the page tells."""
    for node in (page.article, *page.nodes[:50]):
        value = node.get("isAccessibleForFree")
        if value is not None and not isinstance(value, list | dict):
            return Extracted(str(value).strip().lower() in ("false", "0", "no"), "json-ld", 0.95)
    tier = (page.first("article:content_tier") or "").lower()
    if tier in ("free", "locked", "metered"):
        return Extracted(tier != "free", "opengraph", 0.9)
    for text in last_texts:
        if len(text) < 300 and phrase_lists.any_phrase("paywall").search(text):
            return Extracted(value=True, source="marker", confidence=0.6)
    return None


def has_video(page: PageMetadata, root: html.HtmlElement, container: html.HtmlElement | None) -> bool:
    """True when the article carries a video."""
    if page.first("og:video", "og:video:url", "og:video:secure_url", "twitter:player"):
        return True
    if isinstance(page.article.get("video"), dict | list):
        return True
    scope = container if container is not None else root
    for element in scope.iter("video", "iframe", "amp-youtube", "amp-video", "embed"):
        if element.tag in ("video", "amp-youtube", "amp-video") or _PLAYER.search(
            element.get("src") or element.get("data-src") or ""
        ):
            return True
    return False


def find_correction(texts: Sequence[str], blocks: Sequence[Block] = ()) -> str | None:
    """The correction or clarification note, if the article has one: a block called so, or a line that reads so."""
    for block in blocks:
        names = block.element.get("class") or ""
        is_note = block.link_share < _MAX_LINK_SHARE and len(block.text) >= _MIN_CORRECTION_CHARS
        if is_note and _CORRECTION_NAMES.search(names) and not block.regions & {"nav", "aside", "comment", "notice"}:
            return block.text[:1000]
    for text in (*texts[:3], *texts[-6:]):
        match = phrase_lists.any_phrase("correction").search(text[:160])
        if match and (match.start() < 5 or "version" in match.group(0)):
            return normalize_space(text)[:1000]
    return None


def find_dateline_agency(texts: Sequence[str], named: Sequence[str] = ()) -> str | None:
    """The agency in the dateline, such as Reuters in “LONDON (Reuters) -”.

    `named`: organisations the page names as its maker or source. A name nobody knows is believed where the dateline
    gives a day as well.
    """
    for text in texts[:2]:
        match = _DATELINE.match(text[:_DATELINE_CHARS])
        if match:
            name = (match["round"] or match["slash"] or match["dash"] or "").strip()
            agency = phrase_lists.agencies().get(name.casefold())
            if agency:
                return agency
            if name in named or (_has_day(match["place"] or "") and _is_agency_name(name)):
                return name
    return None


def _has_day(place: str) -> bool:
    parts = [part.strip(".,").casefold() for part in place.split()]
    pairs = pairwise(parts)
    return any(
        (one.isdigit() and other in phrase_lists.month_names(None))
        or (other.isdigit() and one in phrase_lists.month_names(None))
        for one, other in pairs
    )


def _is_agency_name(name: str) -> bool:
    parts = name.split()
    return 0 < len(parts) <= _MAX_AGENCY_WORDS and all(part.isalpha() and part[0].isupper() for part in parts)
