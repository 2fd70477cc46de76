"""Finds the article's pictures, and tells caption from credit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from lxml import etree, html  # type: ignore[import-untyped]  # lxml ships no types

from coranto.records.sections import Image
from coranto_extractor.fields.evidence import Extracted
from coranto_extractor.fields.titles import site_names
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.text_comparison import alphanumeric_key
from coranto_extractor.page.blocks import normalize_space
from coranto_extractor.page.captions import holds_credit, split_caption
from coranto_extractor.page.metadata import PageMetadata, clean

_CREDIT_CLASS = re.compile(
    r"credit|copyright|photographer|photo-?author|image-?author|image__author|img-author|source|attribution|quelle",
    re.IGNORECASE,
)
_CAPTION_CLASS = re.compile(
    r"caption|legende|image[-_]+(?:title|desc|text)|photo[-_]+(?:title|desc|text)|img-?desc|image__title|bildunterschrift|figcaption",
    re.IGNORECASE,
)
_SHOWN_TEXTS = etree.XPath(".//text()[not(parent::script or parent::style)]")
_MAX_CAPTION_CHARS = 600
_MAX_CREDIT_CHARS = 80
_NAME_PARTS = re.compile(r"[^\W\d_]+")
_SIZE_NAME = re.compile(r"\d+x\d+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_MAX_INITIALS = 2
_MAX_DIGITS = 8
_IMAGE_ADDRESS = re.compile(r"\.(?:jpe?g|png|webp|gif|avif)(?:$|[?#])", re.IGNORECASE)
_SCOPE_LEVELS = 5
_LEAST_LEVELS = 2
_MAX_IMAGES = 30


def _spaced(element: html.HtmlElement) -> str:
    """The element's text with a space between its parts, where text_content() would run them together."""
    return normalize_space(" ".join(_SHOWN_TEXTS(element)))


def find_images(
    page: PageMetadata, container: html.HtmlElement | None, title: str | None
) -> tuple[Extracted[Image] | None, tuple[Image, ...]]:
    """The lead image and the further images of the text."""
    found = list(_figures(page, container))
    figures = [image for image, _ in found]
    stated, source = _stated(page)
    lead = next((image for image in figures if stated and image.url and _file(image.url) == _file(stated)), None)
    if lead is None:
        # A picture without a caption of its own may be a logo.
        lead = next((image for image, is_captioned in found if is_captioned or not stated), None)
    if lead is None and not stated:
        return None, ()
    credit = (lead.credit if lead else None) or _stated_credit(page)
    caption = lead.caption if lead else None
    if caption and title and caption == title:
        caption = None
    chosen = Image(url=stated or (lead.url if lead else None), caption=caption, credit=credit)
    rest = tuple(image for image in figures if image is not lead and image.url and image.url != chosen.url)
    return Extracted(chosen, source if stated else "figure", 0.9 if stated else 0.7), rest[:_MAX_IMAGES]


def _stated(page: PageMetadata) -> tuple[str | None, str]:
    for name in ("og:image", "og:image:url", "og:image:secure_url", "twitter:image", "twitter:image:src"):
        url = page.absolute(page.first(name))
        if url and not _is_stand_in(page, url):
            return url, "opengraph"
    url = page.absolute(_address_of_node(page, page.article.get("image")))
    return (url, "json-ld") if url and not _is_stand_in(page, url) else (None, "json-ld")


def _address_of_node(page: PageMetadata, value: Any) -> str | None:
    while isinstance(value, list) and value:
        value = value[0]
    value = page.resolve(value)
    if isinstance(value, dict):
        value = value.get("url") or value.get("contentUrl")
    return value if isinstance(value, str) else None


def _is_stand_in(page: PageMetadata, url: str) -> bool:
    """True for the address of a logo, an icon, a spacer or a picture the site shares for want of one."""
    publisher = page.resolve(page.article.get("publisher"))
    logo = page.absolute(_address_of_node(page, publisher.get("logo"))) if isinstance(publisher, dict) else None
    if logo and logo.split("?", 1)[0] == url.split("?", 1)[0]:
        return True
    name = unquote(_file(url)).rpartition(".")[0] or _file(url)
    # Image servers call each picture “default.jpg”; and what has a long number was filed under it.
    if name.lower() == "default" or sum(map(str.isdigit, name)) > _MAX_DIGITS:
        return False
    parts = [part.lower() for part in _NAME_PARTS.findall(_HUMP.sub(" ", name))]
    stand_ins = [
        part for part in parts if part in phrase_lists.markup_name_set("stand_in_pictures") or part.endswith("logo")
    ]
    if not stand_ins:
        return _SIZE_NAME.fullmatch(name) is not None
    brands = [alphanumeric_key(brand) for brand in site_names(page)]
    return all(
        len(part) <= _MAX_INITIALS
        or part in stand_ins
        or part in phrase_lists.markup_name_set("picture_words")
        or any(part in brand for brand in brands)
        for part in parts
    )


def _stated_credit(page: PageMetadata) -> str | None:
    value = page.resolve(page.article.get("image"))
    value = page.resolve(value[0]) if isinstance(value, list) and value else value
    if isinstance(value, dict):
        for name in ("creditText", "copyrightHolder", "copyrightNotice", "creator", "author"):
            credit = value.get(name)
            credit = credit.get("name") if isinstance(credit, dict) else credit
            if isinstance(credit, str) and credit.strip():
                return clean(credit)[:200]
    return None


def _file(url: str) -> str:
    return url.split("?", 1)[0].rsplit("/", 1)[-1]


def _figures(page: PageMetadata, container: html.HtmlElement | None) -> Iterator[tuple[Image, bool]]:
    """The pictures, and whether each stands with a caption."""
    scope = container
    if scope is None:
        return
    # The lead image mostly stands above the text, beside the headline.
    for level in range(_SCOPE_LEVELS):
        parent = scope.getparent()
        is_whole = level >= _LEAST_LEVELS and scope.tag in ("article", "main")
        if parent is None or parent.tag in ("body", "html") or is_whole:
            break
        scope = parent
    seen: set[str] = set()
    for count, element in enumerate(scope.iter("img", "amp-img")):
        if count > 200:
            return
        url = page.absolute(_address(element))
        if not url or url in seen or _is_small(element) or url.startswith("data:") or _is_stand_in(page, url):
            continue
        holder = _holder(element)
        caption, credit = _caption_of(holder) if holder is not None else (None, None)
        # Teasers have no credits; a lead picture with one may lead to a page of pictures.
        if credit is None and _belongs_elsewhere(page, element, container):
            continue
        alt = normalize_space(element.get("alt") or "")
        if holder is None and len(alt) < 4:
            continue
        seen.add(url)
        yield (
            Image(url=url, caption=caption or alt[:_MAX_CAPTION_CHARS] or None, credit=credit),
            bool(caption or credit),
        )


def _belongs_elsewhere(page: PageMetadata, element: html.HtmlElement, container: html.HtmlElement) -> bool:
    """True for a picture outside the text that leads to another page: it is that page's."""
    link = None
    for ancestor in element.iterancestors():
        if ancestor is container:
            return False
        if link is None and ancestor.tag == "a":
            link = page.absolute(ancestor.get("href"))
    own = (page.url or "").split("#", 1)[0]
    return link is not None and link.split("#", 1)[0] != own and not _IMAGE_ADDRESS.search(link)


def _address(element: html.HtmlElement) -> str | None:
    for name in ("data-src", "data-original", "data-lazy-src", "src"):
        value: str | None = element.get(name)
        if value and not value.startswith("data:"):
            return value
    return None


def _is_small(element: html.HtmlElement) -> bool:
    for name in ("width", "height"):
        value = (element.get(name) or "").removesuffix("px")
        if value.isdigit() and int(value) < 100:
            return True
    return False


def _holder(element: html.HtmlElement) -> html.HtmlElement | None:
    """The element that holds the picture with its caption."""
    for place, ancestor in enumerate(element.iterancestors()):
        if ancestor.tag == "figure":
            return ancestor
        if place < 4 and ancestor.tag in ("div", "p", "span", "td", "table", "dl") and _has_caption(ancestor):
            return ancestor
        if place > 5 or ancestor.tag in ("article", "main", "body"):
            return None
    return None


def _has_caption(element: html.HtmlElement) -> bool:
    text = element.text_content()
    if len(text) > _MAX_CAPTION_CHARS:
        return False
    if holds_credit(text, lambda: _spaced(element)):
        return True
    return any(
        _CAPTION_CLASS.search(child.get("class") or "") or _CREDIT_CLASS.search(child.get("class") or "")
        for child in element.iter("div", "span", "p", "em", "small", "i")
    )


def _says_more_than_label(element: html.HtmlElement) -> bool:
    text = normalize_space(element.text_content()).strip(" :©()").casefold()
    return bool(text) and text != "copyright" and text not in phrase_lists.phrases("photo_labels")


def _is_credit(element: html.HtmlElement) -> bool:
    is_named = _CREDIT_CLASS.search(element.get("class") or "") is not None
    return is_named or "copyrightHolder" in (element.get("itemprop") or "") or element.tag == "cite"


def _caption_of(holder: html.HtmlElement) -> tuple[str | None, str | None]:
    tags = ("span", "div", "p", "small", "cite", "em", "i", "figcaption", "a")
    credits_ = [child for child in holder.iter(*tags) if _is_credit(child) and _says_more_than_label(child)]
    whole = next((child for child in holder.iter("figcaption")), None)
    caption = whole if whole is not None else holder
    text = _spaced(caption)[:_MAX_CAPTION_CHARS]
    if credits_:
        credit_text = _spaced(credits_[0])
        if credit_text and len(credit_text) < 150:
            _, labelled = split_caption(credit_text)
            rest = text.replace(credit_text, " ", 1).strip(" |–—-/")
            return normalize_space(rest) or None, labelled or credit_text.strip("()[] .|")
    without, credit = split_caption(text)
    return (without, credit) if credit else _split_by_elements(caption, text)


def _split_by_elements(caption: html.HtmlElement, text: str) -> tuple[str | None, str | None]:
    """Caption and credit where nothing but elements parts them: a sentence, and behind it a few words without an end."""
    parts = [
        part
        for child in caption.iter("span", "small", "div", "p")
        if len(child) == 0 and (part := normalize_space(child.text_content()))
    ]
    if len(parts) == 2 and parts[0] + parts[1] == text.replace(f"{parts[0]} ", parts[0], 1):
        first, last = parts
        if (
            first.endswith((".", "!", "?", "…", "“", "”", '"', "»"))
            and len(last) <= _MAX_CREDIT_CHARS
            and last[-1] not in ".!?…"
        ):
            return first, last
    return text or None, None
