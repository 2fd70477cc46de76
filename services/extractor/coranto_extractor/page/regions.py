"""Tells from tags, roles and class names which region of the page an element opens: navigation, aside, caption, comments.

Class names can be misleading, so most of them only lower the value of a paragraph. Those that decide here rarely are.
"""

from __future__ import annotations

import re

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto_extractor.language.phrase_lists import cached_per_languages, class_alternatives
from coranto_extractor.language.text_comparison import alphanumeric_key

BOILERPLATE_REGIONS = frozenset({"nav", "footer", "comment", "caption", "consent", "author-box", "notice", "window"})
"""Regions that never contain the article's text."""
MISPLACED_REGIONS = frozenset({"nav", "aside", "header", "footer", "author-box", "notice", "window"})
"""Regions that the whole article is in on pages that forgot to close an element, or gave it the wrong name."""
NO_REGIONS: frozenset[str] = frozenset()
_SIDE = "side:"
HIDDEN = f"{_SIDE}hidden"
"""The region of boxes that a class hides."""

_COMMENT_FALSE_FRIENDS = re.compile(r"count|link|button|no-?comment|open|closed|date|time", re.IGNORECASE)
_CONSENT_NAMES = re.compile(
    r"cookie|consent|onetrust|gdpr|didomi|usercentrics|cmp-|paywall-?modal"
    r"|privacy[-_](?:modal|content|banner|notice|settings|popup|overlay|window|dialog)",
    re.IGNORECASE,
)
_AUTHOR_BOX_NAMES = re.compile(
    r"author[-_]{0,2}(?:bio|box|info|card|desc|about|profile|description)"
    r"|about[-_]{0,2}(?:the[-_])?author|(?:^|[\s_-])bio(?:$|[\s_-])",
    re.IGNORECASE,
)
# Messages of players and forms about their own state. Boxes around a text never have such names.
_NOTICE_NAMES = re.compile(
    r"(?:player|video|media)[\w-]{0,20}(?:error|fallback|message|unsupported)|(?:error|alert)[-_](?:message|text|box)"
    r"|^(?:error|alert)$",
    re.IGNORECASE,
)
# Boxes beside the text, or inside it without belonging to it. Whole articles are in boxes with such names too, so their
# content is left out only where it is a small share of the text.
_SIDE_NAMES = re.compile(
    r"(?:^|[\s_-])(also-?read|read-?also|see-?also|authors?|banner|breadcrumbs?|by-?line|carousel|copyright|date|disclaimer|fact-?box|follow|info-?box"
    r"|kicker|legend|login|(?:post|entry)?-?meta(?:data)?|modal|newsletter|overlay|pagination|placeholder|player|poll"
    r"|popular|promo|ratings?|recommended|recommendations?|related|share|sharing|sidebar|sign-?up|social|sponsored"
    r"|subscribe|teasers|timestamp|trending|vcard)(?:$|[\s_-])",
    re.IGNORECASE,
)
# Scripts show what these classes hide, or printing does; some classes hide only until the screen is wide enough.
_HIDING_CLASSES = frozenset({"hidden", "d-none", "hide", "is-hidden", "u-hidden", "display-none"})
_SHOWING_CLASS = re.compile(r"(?:^|\s)(?:\w{1,10}:|d-\w{2,3}-)(?:block|flex|grid|inline|table|contents)")
_SCREEN_READER_CLASS = re.compile(
    r"visually-?hidden|hidden-?visually|sr-only|screen-?reader|off-?screen|element-invisible|assistive-text|a11y-hidden"
    r"|(?:^|\s)(?:hidden-text|aural)(?:$|\s)",
    re.IGNORECASE,
)
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
# Longer class lists are the states and templates of a whole page.
_MAX_NAMES_CHARS = 200
_MAX_FORM_CHARS = 600
_MAX_NOTICE_CHARS = 300
_MIN_PARAGRAPH_CHARS = 60
_MAX_CONTROL_CHARS = 60
_PAGE_TAGS = ("h1", "article", "main")

_REGION_OF_TAG = {
    "nav": "nav", "aside": "aside", "footer": "footer", "header": "header", "figure": "figure", "figcaption": "caption",
    "blockquote": "quote", "pre": "code", "li": "list", "table": "table", "form": "form", "time": "time",
}  # fmt: skip
_REGIONS_OF_TAG = {tag: frozenset({region}) for tag, region in _REGION_OF_TAG.items()}
_REGION_OF_ROLE = dict.fromkeys(("navigation", "contentinfo", "search", "dialog", "menu"), "nav") | {
    "complementary": "aside"
}
_BOX_TAGS = frozenset({"div", "section", "ol", "ul", "table", "article", "li", "aside"})
_CONSENT_TAGS = frozenset({"div", "section", "aside"})
_CAPTION_TAGS = frozenset({"div", "p", "section", "dd", "li"})
_WINDOW_NAMES = re.compile(
    r"(?:^|[\s_-])(?:modal|popup|pop-up|lightbox|dialog)(?:-(?:dialog|body|content|window))?(?:$|[\s_-])", re.IGNORECASE
)
# Text right behind a picture in the middle of a run of text.
INLINE_CAPTION_TAGS = frozenset({"span", "em", "i", "small"})
_BOXES_WITH_FIELDS = frozenset({"div", "section"})
_TEXT_FIELDS = frozenset({"text", "email", "search", "tel"})
_NOTICE_TAGS = frozenset({"div", "p", "span", "section"})
# Elements that may contain the whole page by mistake: an unclosed button, or a curtain that scripts lift.
_TWIN_TAGS = frozenset({"span", "b", "i", "em", "strong", "big", "font"})
_TWIN_PARENTS = frozenset({"p", "h1", "h2", "h3", "blockquote"})
_WRAPPING_TAGS = frozenset({"button", "div", "section", "main", "article", "label", "option", "select"})


@cached_per_languages
def _comment_names() -> re.Pattern[str]:
    return re.compile(
        r"(?:^|[\s_-])(?:comments?|comment-?list|commentlist|disqus|respond|livefyre"
        rf"|{class_alternatives('comment_class_names')})(?:$|[\s_-])",
        re.IGNORECASE,
    )


@cached_per_languages
def _caption_names() -> re.Pattern[str]:
    return re.compile(
        r"caption|(?:^|[\s_-])(?:image|photo|img)[-_]{1,2}(?:attribution|copyright|credit|desc|meta|source|title)"
        rf"|{class_alternatives('caption_class_names')}|(?:^|[\s_-])credits?(?:$|[\s_-])",
        re.IGNORECASE,
    )


def regions_of(element: html.HtmlElement, tag: str) -> frozenset[str]:
    """The regions of the page that the element opens; empty for most elements."""
    own_id = element.get("id")
    if own_id and _is_made_from_heading(element, own_id):
        own_id = None
    own_class = element.get("class")
    role = element.get("role")
    named = NO_REGIONS
    if (own_id or own_class) and len(own_id or "") + len(own_class or "") < _MAX_NAMES_CHARS:
        named = _named_regions(tag, own_id or "", own_class or "")
    regions = _REGIONS_OF_TAG.get(tag, NO_REGIONS)
    if tag in _BOXES_WITH_FIELDS and _asks_for_text(element):
        return regions | {"notice"}
    if not (named or role) and tag != "form":
        return regions
    if tag in INLINE_CAPTION_TAGS and "caption" in named and not _captions_picture(element):
        named -= {"caption"}
    if "author-box" in named and _contains_page(element):
        named -= {"author-box"}
    if (
        (tag == "form" and _is_separate_form(element))
        or (role in ("alert", "status") and is_shorter(element, _MAX_NOTICE_CHARS))
        or ("maybe-notice" in named and is_shorter(element, _MAX_NOTICE_CHARS))
    ):
        return regions | {"notice"}
    if role in _REGION_OF_ROLE:
        regions |= {_REGION_OF_ROLE[role]}
    return regions | (named - {"maybe-notice"})


def _is_made_from_heading(element: html.HtmlElement, own_id: str) -> bool:
    """True for an id such as “share-of-the-mine”, made from the heading that opens the element."""
    heading = element[0] if len(element) and element[0].tag in ("h2", "h3", "h4") else None
    return heading is not None and alphanumeric_key("".join(heading.itertext())) == alphanumeric_key(own_id)


@cached_per_languages  # pages repeat class names, so each is examined once
def _named_regions(tag: str, own_id: str, own_class: str) -> frozenset[str]:
    """The regions that an element's id and classes name."""
    names = f"{own_id} {own_class}"
    found: set[str] = set()
    if tag in _BOX_TAGS:
        if _comment_names().search(names) and not _COMMENT_FALSE_FRIENDS.search(names):
            return frozenset({"comment"})
        if tag in _CONSENT_TAGS and _CONSENT_NAMES.search(names):
            return frozenset({"consent"})
        if _AUTHOR_BOX_NAMES.search(names):
            found.add("author-box")
        if _WINDOW_NAMES.search(names):
            found.add("window")
    if tag in _NOTICE_TAGS and own_class and _NOTICE_NAMES.search(own_class):
        found.add("maybe-notice")
    if (tag in _CAPTION_TAGS or tag in INLINE_CAPTION_TAGS) and own_class and _caption_names().search(own_class):
        found.add("caption")
    side = _SIDE_NAMES.search(names)
    if side:
        found.add(_SIDE + side[1].lower())
    if not _HIDING_CLASSES.isdisjoint(own_class.split()) and not _SHOWING_CLASS.search(own_class):
        found.add(HIDDEN)
    return frozenset(found)


def sidebar_names(regions: frozenset[str]) -> list[str]:
    """Those of the regions that are boxes beside the text."""
    return [region for region in regions if region.startswith(_SIDE)]


def is_hidden(element: html.HtmlElement) -> bool:
    """True for what a browser does not show."""
    names = element.get("class")
    if names and len(names) < _MAX_NAMES_CHARS and _is_for_screen_readers(names):
        return True
    style = element.get("style")
    return (
        bool(style and _HIDDEN_STYLE.search(style))
        or element.get("hidden") is not None
        or (element.get("aria-hidden") == "true" and not _is_shown_twin(element))
    )


def _is_shown_twin(element: html.HtmlElement) -> bool:
    """True for letters that are shown while their twin beside them, or a label around them, is read aloud: a drop cap."""
    parent = element.getparent()
    if element.tag not in _TWIN_TAGS or parent is None:
        return False
    if parent.tag in _TWIN_PARENTS and parent.get("aria-label"):
        return True
    beside = (element.getprevious(), element.getnext())
    shown = alphanumeric_key("".join(element.itertext()))
    return any(
        other is not None
        and isinstance(other.tag, str)
        and _is_for_screen_readers((other.get("class") or "")[:_MAX_NAMES_CHARS])
        and bool(shown)
        and alphanumeric_key("".join(other.itertext())).startswith(shown)
        for other in beside
    )


@cached_per_languages
def _is_for_screen_readers(names: str) -> bool:
    return bool(_SCREEN_READER_CLASS.search(names))


def holds_rest_of_text(element: html.HtmlElement) -> bool:
    """True for the hidden paragraphs that a button right beside them unfolds, below others of the same text that are shown."""
    if element.tag not in ("div", "section") or not _is_paragraph(element.find("p")):
        return False
    before, following = element.getprevious(), element.getnext()
    control = following if _is_control(following) else before
    shown = before.getprevious() if control is before and before is not None else before
    return _is_control(control) and _is_paragraph(shown)


def _is_paragraph(element: html.HtmlElement | None) -> bool:
    if element is None or element.tag != "p":
        return False
    linked = sum(len("".join(link.itertext())) for link in element.iter("a"))
    return len("".join(element.itertext())) > max(_MIN_PARAGRAPH_CHARS, 2 * linked)


def _is_control(element: html.HtmlElement | None) -> bool:
    """True for a button, or a link that leads nowhere, alone or in an element of its own."""
    if element is None or not is_shorter(element, _MAX_CONTROL_CHARS):
        return False
    return any(
        one.tag == "button"
        or one.get("role") == "button"
        or (one.tag == "a" and (one.get("href") or "#").startswith(("#", "javascript:")))
        for one in element.iter("button", "a", "span")
    )


def wraps_page(element: html.HtmlElement) -> bool:
    """True for an element that would be skipped but contains the whole article."""
    return element.tag in _WRAPPING_TAGS and _contains_page(element)


def _contains_page(element: html.HtmlElement) -> bool:
    return any(True for _ in element.iter(*_PAGE_TAGS))


def _is_separate_form(element: html.HtmlElement) -> bool:
    """True for a form that asks for something. Some servers put the whole page into one form."""
    return is_shorter(element, _MAX_FORM_CHARS) and not _contains_page(element)


def _asks_for_text(element: html.HtmlElement) -> bool:
    """True for a small box with a field for an address or the like right in it, without a form around."""
    field = next(element.iterchildren("input"), None)
    asks = field is not None and (field.get("type") or "text").lower() in _TEXT_FIELDS
    return asks and _is_separate_form(element)


def _captions_picture(element: html.HtmlElement) -> bool:
    """True right behind a picture, unless in a paragraph, which is set apart anyway."""
    before = element.getprevious()
    if before is None or next(before.iter("img"), None) is None:
        return False
    return next(element.iterancestors("p"), None) is None


def is_shorter(element: html.HtmlElement, chars: int) -> bool:
    """True when the element contains less text than this; stops counting as soon as it does not."""
    total = 0
    for text in element.itertext():
        total += len(text)
        if total >= chars:
            return False
    return True
