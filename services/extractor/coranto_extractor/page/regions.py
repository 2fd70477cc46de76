"""Tells by tags, roles and names which region of the page an element opens: navigation, aside, caption, comments, boxes.

Names lie, so most of them only lower what a paragraph counts for; those trusted here rarely do.
"""

from __future__ import annotations

import re
from functools import lru_cache

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

BOILERPLATE_REGIONS = frozenset({"nav", "footer", "comment", "caption", "consent", "author-box", "notice"})
"""Parts that never hold the article's text."""
NO_REGIONS: frozenset[str] = frozenset()
_SIDE = "side:"

_COMMENT_NAMES = re.compile(
    r"(?:^|[\s_-])(?:comments?|comment-?list|commentlist|disqus|respond|livefyre|kommentare?|reactions|komentarze)"
    r"(?:$|[\s_-])",
    re.IGNORECASE,
)
_COMMENT_FALSE_FRIENDS = re.compile(r"count|link|button|no-?comment|open|closed|date|time", re.IGNORECASE)
_CONSENT_NAMES = re.compile(
    r"cookie|consent|onetrust|gdpr|didomi|usercentrics|cmp-|paywall-?modal"
    r"|privacy[-_](?:modal|content|banner|notice|settings|popup|overlay)",
    re.IGNORECASE,
)
_CAPTION_NAMES = re.compile(
    r"caption|(?:^|[\s_-])(?:image|photo|img)[-_]{1,2}(?:credit|copyright|desc|title|source)"
    r"|legende|bildunterschrift|(?:^|[\s_-])credits?(?:$|[\s_-])",
    re.IGNORECASE,
)
_AUTHOR_BOX_NAMES = re.compile(
    r"author[-_]{0,2}(?:bio|box|info|card|desc|about|profile|description)"
    r"|about[-_]{0,2}(?:the[-_])?author|(?:^|[\s_-])bio(?:$|[\s_-])",
    re.IGNORECASE,
)
# What a player or a form says of its own state; the names of boxes around a text never say it.
_NOTICE_NAMES = re.compile(
    r"(?:player|video|media)[\w-]{0,20}(?:error|fallback|message|unsupported)|(?:error|alert)[-_](?:message|text|box)"
    r"|^(?:error|alert)$",
    re.IGNORECASE,
)
# What stands beside a text or in it without being of it. Whole articles stand in boxes with such names too, so what is
# in them is left out only where it is a small share of the text.
_SIDE_NAMES = re.compile(
    r"(?:^|[\s_-])(authors?|banner|breadcrumbs?|by-?line|carousel|copyright|date|disclaimer|fact-?box|follow|info-?box"
    r"|kicker|legend|login|(?:post|entry)?-?meta(?:data)?|modal|newsletter|overlay|pagination|placeholder|player|poll"
    r"|popular|promo|ratings?|recommended|recommendations?|related|share|sharing|sidebar|sign-?up|social|sponsored"
    r"|subscribe|teasers|timestamp|trending|vcard)(?:$|[\s_-])",
    re.IGNORECASE,
)
# Scripts show what such names hide, or print does; some hide only until the screen is wide enough.
_HIDING_NAMES = frozenset({"hidden", "d-none", "hide", "is-hidden", "u-hidden", "display-none"})
_SHOWING_NAME = re.compile(r"(?:^|\s)(?:\w{1,10}:|d-\w{2,3}-)(?:block|flex|grid|inline|table|contents)")
_UNSEEN_NAMES = re.compile(r"visually-?hidden|sr-only|screen-?reader|off-?screen|(?:^|\s)hidden-text", re.IGNORECASE)
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
# Longer lists of names are states and templates of a whole page.
_MAX_NAMES_CHARS = 200
_MAX_FORM_CHARS = 600
_MAX_NOTICE_CHARS = 300
_PAGE_TAGS = ("h1", "article", "main")

_REGION_TAGS = {
    "nav": "nav", "aside": "aside", "footer": "footer", "header": "header", "figure": "figure", "figcaption": "caption",
    "blockquote": "quote", "pre": "code", "li": "list", "table": "table", "form": "form", "time": "time",
}  # fmt: skip
_REGION_SETS = {tag: frozenset({region}) for tag, region in _REGION_TAGS.items()}
_REGION_ROLES = dict.fromkeys(("navigation", "contentinfo", "search", "dialog", "menu"), "nav") | {
    "complementary": "aside"
}
_BOX_TAGS = frozenset({"div", "section", "ol", "ul", "table", "article", "li", "aside"})
_CONSENT_TAGS = frozenset({"div", "section", "aside"})
_CAPTION_TAGS = frozenset({"div", "p", "section", "dd", "li"})
_NOTICE_TAGS = frozenset({"div", "p", "span", "section"})


def regions_of(element: html.HtmlElement, tag: str) -> frozenset[str]:
    """The regions of the page that the element opens, empty for most."""
    own_id = element.get("id")
    own_class = element.get("class")
    role = element.get("role")
    named = NO_REGIONS
    if (own_id or own_class) and len(own_id or "") + len(own_class or "") < _MAX_NAMES_CHARS:
        named = _named_regions(tag, own_id or "", own_class or "")
    regions = _REGION_SETS.get(tag, NO_REGIONS)
    if not (named or role) and tag != "form":
        return regions
    if "author-box" in named and _holds_page(element):
        named -= {"author-box"}
    if (
        (tag == "form" and _is_form_of_its_own(element))
        or (role in ("alert", "status") and is_shorter(element, _MAX_NOTICE_CHARS))
        or ("maybe-notice" in named and is_shorter(element, _MAX_NOTICE_CHARS))
    ):
        return regions | {"notice"}
    if role in _REGION_ROLES:
        regions |= {_REGION_ROLES[role]}
    return regions | (named - {"maybe-notice"})


@lru_cache(maxsize=4096)
def _named_regions(tag: str, own_id: str, own_class: str) -> frozenset[str]:
    """The regions that an element's names speak of. Pages repeat names, so each is looked at once."""
    names = f"{own_id} {own_class}"
    found: set[str] = set()
    if tag in _BOX_TAGS:
        if _COMMENT_NAMES.search(names) and not _COMMENT_FALSE_FRIENDS.search(names):
            return frozenset({"comment"})
        if tag in _CONSENT_TAGS and _CONSENT_NAMES.search(names):
            return frozenset({"consent"})
        if _AUTHOR_BOX_NAMES.search(names):
            found.add("author-box")
    if tag in _NOTICE_TAGS and own_class and _NOTICE_NAMES.search(own_class):
        found.add("maybe-notice")
    if tag in _CAPTION_TAGS and own_class and _CAPTION_NAMES.search(own_class):
        found.add("caption")
    side = _SIDE_NAMES.search(names)
    if side:
        found.add(_SIDE + side[1].lower())
    if not _HIDING_NAMES.isdisjoint(own_class.split()) and not _SHOWING_NAME.search(own_class):
        found.add(_SIDE + "hidden")
    return frozenset(found)


def sidebar_names(regions: frozenset[str]) -> list[str]:
    """The names of the boxes beside the text that the regions speak of."""
    return [region for region in regions if region.startswith(_SIDE)]


def is_hidden(element: html.HtmlElement) -> bool:
    """True for what a browser does not show."""
    names = element.get("class")
    if names and len(names) < _MAX_NAMES_CHARS and _is_unseen(names):
        return True
    style = element.get("style")
    return (
        bool(style and _HIDDEN_STYLE.search(style))
        or element.get("hidden") is not None
        or element.get("aria-hidden") == "true"
    )


@lru_cache(maxsize=4096)
def _is_unseen(names: str) -> bool:
    return bool(_UNSEEN_NAMES.search(names))


def wraps_page(element: html.HtmlElement) -> bool:
    """True for an unclosed button or a curtain that scripts lift, with the whole article inside."""
    return element.tag in (
        "button",
        "div",
        "section",
        "main",
        "article",
        "label",
        "option",
        "select",
    ) and _holds_page(element)


def _holds_page(element: html.HtmlElement) -> bool:
    return any(True for _ in element.iter(*_PAGE_TAGS))


def _is_form_of_its_own(element: html.HtmlElement) -> bool:
    """True for a form that asks for something; whole pages stand in one form on some servers."""
    return is_shorter(element, _MAX_FORM_CHARS) and not _holds_page(element)


def is_shorter(element: html.HtmlElement, chars: int) -> bool:
    """True when the element holds less text than that; what is beyond is not looked at."""
    total = 0
    for text in element.itertext():
        total += len(text)
        if total >= chars:
            return False
    return True
