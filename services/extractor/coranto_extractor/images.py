"""Finds the article's pictures, and tells caption from credit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto.records.sections import Image
from coranto_extractor import words
from coranto_extractor.blocks import fold
from coranto_extractor.found import Found
from coranto_extractor.metadata import PageMetadata, clean

_SIGN = re.compile(r"\s*[(\[]?\s*(?:©|\(c\)|&copy;)\s*([^)\]]{2,100})[)\]]?\s*\.?$", re.IGNORECASE)
_CREDIT_CLASS = re.compile(
    r"credit|copyright|photographer|photo-?author|image-?author|image__author|img-author|source|attribution|quelle",
    re.IGNORECASE,
)
_CAPTION_CLASS = re.compile(
    r"caption|legende|image[-_]+(?:title|desc|text)|photo[-_]+(?:title|desc|text)|img-?desc|image__title|bildunterschrift|figcaption",
    re.IGNORECASE,
)
_SOURCE_TAIL = re.compile(r"^(?P<caption>.{3,400}?[.!?»”\"])\s+(?P<credit>[^.!?\n]{2,60}/[^.!?\n]{2,60})$")
_MAX_CAPTION_CHARS = 600
_MAX_IMAGES = 30


@lru_cache(maxsize=1)
def _labelled() -> re.Pattern[str]:
    labels = "|".join(re.escape(word) for word in words.all_of("photo"))
    # In brackets, after a separator, or at the very end after a sentence: "(Фото: N. N. / Agency)", "Foto: N. N."
    return re.compile(
        rf"[\s(\[|–—-]*(?<!\w)(?:{labels})(?:\s(?:by|par|von|av|af|de))?\s?[:：©/]\s*(?P<credit>[^)\]\n]{{2,120}})[)\]]?\s*\.?\s*$",
        re.IGNORECASE,
    )


def split_caption(text: str) -> tuple[str | None, str | None]:
    """Caption and credit of a line under a picture; either may be None."""
    text = fold(text)
    for pattern in (_labelled(), _SIGN):
        match = pattern.search(text)
        if match:
            credit = match.group(1).strip(" .,;:|/")
            return text[: match.start()].strip(" |–—-(") or None, credit or None
    match = _SOURCE_TAIL.match(text)
    if match:
        return match["caption"], match["credit"].strip()
    return text or None, None


def find_images(
    page: PageMetadata, container: html.HtmlElement | None, title: str | None
) -> tuple[Found[Image] | None, tuple[Image, ...]]:
    """The lead image and the further images of the text."""
    figures = list(_figures(page, container))
    stated, source = _stated(page)
    lead = next((image for image in figures if stated and image.url and _file(image.url) == _file(stated)), None)
    if lead is None and figures and (figures[0].caption or figures[0].credit or not stated):
        lead = figures[0]
    if lead is None and not stated:
        return None, ()
    credit = (lead.credit if lead else None) or _stated_credit(page)
    caption = lead.caption if lead else None
    if caption and title and caption == title:
        caption = None
    chosen = Image(url=stated or (lead.url if lead else None), caption=caption, credit=credit)
    rest = tuple(image for image in figures if image is not lead and image.url and image.url != chosen.url)
    return Found(chosen, source if stated else "figure", 0.9 if stated else 0.7), rest[:_MAX_IMAGES]


def _stated(page: PageMetadata) -> tuple[str | None, str]:
    for name in ("og:image", "og:image:url", "og:image:secure_url", "twitter:image", "twitter:image:src"):
        url = page.absolute(page.first(name))
        if url:
            return url, "opengraph"
    value = page.article.get("image")
    while isinstance(value, list) and value:
        value = value[0]
    value = page.resolve(value)
    if isinstance(value, dict):
        value = value.get("url") or value.get("contentUrl")
    url = page.absolute(value) if isinstance(value, str) else None
    return url, "json-ld"


def _stated_credit(page: PageMetadata) -> str | None:
    value = page.resolve(page.article.get("image"))
    value = page.resolve(value[0]) if isinstance(value, list) and value else value
    if isinstance(value, dict):
        for name in ("creditText", "copyrightNotice", "creator", "author"):
            credit = value.get(name)
            credit = credit.get("name") if isinstance(credit, dict) else credit
            if isinstance(credit, str) and credit.strip():
                return clean(credit)[:200]
    return None


def _file(url: str) -> str:
    return url.split("?", 1)[0].rsplit("/", 1)[-1]


def _figures(page: PageMetadata, container: html.HtmlElement | None) -> Iterator[Image]:
    scope = container
    for _ in range(2):
        if scope is not None and scope.getparent() is not None and scope.getparent().tag != "body":
            scope = scope.getparent()
    if scope is None:
        return
    seen: set[str] = set()
    for count, element in enumerate(scope.iter("img", "amp-img")):
        if count > 200:
            return
        url = page.absolute(_address(element))
        if not url or url in seen or _is_small(element) or url.startswith("data:"):
            continue
        holder = _holder(element)
        caption, credit = _caption_of(holder) if holder is not None else (None, None)
        alt = fold(element.get("alt") or "")
        if holder is None and len(alt) < 4:
            continue
        seen.add(url)
        yield Image(url=url, caption=caption or alt[:_MAX_CAPTION_CHARS] or None, credit=credit)


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
    if len(element.text_content()) > _MAX_CAPTION_CHARS:
        return False
    return any(
        _CAPTION_CLASS.search(child.get("class") or "") or _CREDIT_CLASS.search(child.get("class") or "")
        for child in element.iter("div", "span", "p", "em", "small", "i")
    )


def _says_more_than_label(element: html.HtmlElement) -> bool:
    text = fold(element.text_content()).strip(" :©()").casefold()
    return bool(text) and text != "copyright" and text not in words.all_of("photo")


def _is_credit(element: html.HtmlElement) -> bool:
    is_named = _CREDIT_CLASS.search(element.get("class") or "") is not None
    return is_named or "copyrightHolder" in (element.get("itemprop") or "") or element.tag == "cite"


def _caption_of(holder: html.HtmlElement) -> tuple[str | None, str | None]:
    tags = ("span", "div", "p", "small", "cite", "em", "i", "figcaption", "a")
    credits_ = [child for child in holder.iter(*tags) if _is_credit(child) and _says_more_than_label(child)]
    whole = next((child for child in holder.iter("figcaption")), None)
    text = fold((whole if whole is not None else holder).text_content())[:_MAX_CAPTION_CHARS]
    if credits_:
        credit_text = fold(credits_[0].text_content())
        if credit_text and len(credit_text) < 150:
            _, labelled = split_caption(credit_text)
            caption = text.replace(credit_text, " ", 1).strip(" |–—-")
            return fold(caption) or None, labelled or credit_text.strip("()[] .|")
    return split_caption(text)
