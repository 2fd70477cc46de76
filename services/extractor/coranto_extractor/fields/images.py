"""Finds the article's pictures with their captions and credits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import unquote

from lxml import etree, html  # type: ignore[import-untyped]  # lxml ships no types

from coranto.records.sections import Image
from coranto_extractor.fields.evidence import Extracted
from coranto_extractor.fields.page_reading import PageReading
from coranto_extractor.fields.titles import site_names
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.phrase_lists import cached_per_languages, class_alternatives
from coranto_extractor.language.text_comparison import alphanumeric_key
from coranto_extractor.page.blocks import normalize_space
from coranto_extractor.page.captions import credit_of, holds_credit, split_caption, tidy_credit
from coranto_extractor.page.metadata import PageMetadata, clean

_SHOWN_TEXTS = etree.XPath(".//text()[not(parent::script or parent::style)]")
_MAX_CAPTION_CHARS = 600
# A credit in an element of its own is at most this long; so is one behind a caption, and one stated in the metadata.
_MAX_CREDIT_ELEMENT_CHARS = 150
_MAX_CREDIT_CHARS = 80
_MAX_STATED_CREDIT_CHARS = 200
_MIN_ALT_CHARS = 4
# The parser sets a picture's sources into each other.
_PICTURE_LEVELS = 8
_MAX_SRCSET_CHARS = 10_000
_SIZE_IN_SRCSET = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)[wx],?")
_MIN_PIXELS = 100
_FILE_NAME_WORD = re.compile(r"[^\W\d_]+")
_FILE_NAMED_BY_SIZE = re.compile(r"\d+x\d+")
_CAMEL_CASE_BOUNDARY = re.compile(r"(?<=[a-z])(?=[A-Z])")
# In the name of a file, shorter words say nothing, and with more digits it was filed under a number.
_MAX_INITIALS = 2
_MAX_DIGITS = 8
# “IMG_0239”, “usatsi-21653153-lowres-1.jpg”: what an editor uploaded, not what a reader is told.
_FILE_NAME = re.compile(r"\S+\.(?:jpe?g|png|webp|gif|avif)|(?=[!-~]*(?:_|\d{4}|-[^-]+-))[!-~]+", re.IGNORECASE)
# In the name of a file or folder, of a class or an id.
_ICON = re.compile(r"(?:^|[/_-])ico(?:n|ns)?(?=$|[/._\s-])", re.IGNORECASE)
_LABELS = ("photo_labels", "picture_controls", "comment_labels", "read_also", "boilerplate")
_LEADS_NOWHERE = ("javascript:", "mailto:", "#")
_LEVELS_OF_CONTROL = 3
_IMAGE_URL = re.compile(r"\.(?:jpe?g|png|webp|gif|avif)(?:$|[?#])", re.IGNORECASE)
# Pictures are searched in an ancestor of the container this many levels up, or in an article element at least so many up.
_SCOPE_LEVELS = 5
_MIN_LEVELS_OF_ARTICLE = 2
# The element around a picture and its caption is at most this many levels up; a figure element may be a little higher.
_CAPTION_LEVELS = 4
_FIGURE_LEVELS = 5
_MAX_EXAMINED_IMAGES = 200
_MAX_IMAGES = 30


@cached_per_languages
def _credit_class() -> re.Pattern[str]:
    return re.compile(
        "credit|copyright|photographer|photo-?author|image-?author|image__author|img-author|source|attribution|"
        + class_alternatives("credit_class_names"),
        re.IGNORECASE,
    )


@cached_per_languages
def _caption_class() -> re.Pattern[str]:
    return re.compile(
        "caption|image[-_]+(?:title|desc|text)|photo[-_]+(?:title|desc|text)|img[-_]*desc|image__title|figcaption|"
        + class_alternatives("caption_class_names"),
        re.IGNORECASE,
    )


def find_images(reading: PageReading) -> tuple[Extracted[Image] | None, tuple[Image, ...]]:
    """The lead image, and the other images of the article."""
    page = reading.metadata
    found = list(_figures(page, reading.container))
    figures = [image for image, _ in found]
    stated, source = _stated_image(page)
    lead = next(
        (image for image in figures if stated and image.url and _file_name(image.url) == _file_name(stated)), None
    )
    if lead is None:
        # A picture without a caption of its own may be a logo.
        lead = next((image for image, has_caption in found if has_caption or not stated), None)
        # The caption belongs to the picture it stands under, not to the one made for previews.
        stated = None if lead else stated
    if lead is None and not stated:
        return None, ()
    credit = (lead.credit if lead else None) or _stated_credit(page)
    caption = lead.caption if lead else None
    if caption and reading.title and caption == reading.title:
        caption = None
    chosen = Image(url=stated or (lead.url if lead else None), caption=caption, credit=credit)
    rest = tuple(image for image in figures if image is not lead and image.url and image.url != chosen.url)
    return Extracted(chosen, source if stated else "figure", 0.9 if stated else 0.7), rest[:_MAX_IMAGES]


def _stated_image(page: PageMetadata) -> tuple[str | None, str]:
    """The URL of the lead image in the metadata, and its source."""
    for name in ("og:image", "og:image:url", "og:image:secure_url", "twitter:image", "twitter:image:src"):
        url = page.absolute(page.first(name))
        if url and not _is_placeholder(page, url):
            return url, "opengraph"
    url = page.absolute(_url_of_node(page, page.article.get("image")))
    return (url, "json-ld") if url and not _is_placeholder(page, url) else (None, "json-ld")


def _url_of_node(page: PageMetadata, value: Any) -> str | None:
    while isinstance(value, list) and value:
        value = value[0]
    value = page.resolve(value)
    if isinstance(value, dict):
        value = value.get("url") or value.get("contentUrl")
    return value if isinstance(value, str) else None


def _is_placeholder(page: PageMetadata, url: str) -> bool:
    """True for the URL of a logo, an icon, a spacer, or a picture that the site shares when an article has none."""
    publisher = page.resolve(page.article.get("publisher"))
    logo = page.absolute(_url_of_node(page, publisher.get("logo"))) if isinstance(publisher, dict) else None
    if logo and logo.split("?", 1)[0] == url.split("?", 1)[0]:
        return True
    name = unquote(_file_name(url)).rpartition(".")[0] or _file_name(url)
    # Image servers call every picture “default.jpg”, and a long number is the number of a picture.
    if name.lower() == "default" or sum(map(str.isdigit, name)) > _MAX_DIGITS:
        return False
    words = [word.lower() for word in _FILE_NAME_WORD.findall(_CAMEL_CASE_BOUNDARY.sub(" ", name))]
    placeholders = [
        word for word in words if word in phrase_lists.markup_name_set("placeholder_pictures") or word.endswith("logo")
    ]
    if not placeholders:
        return _FILE_NAMED_BY_SIZE.fullmatch(name) is not None
    site_keys = [alphanumeric_key(site) for site in site_names(page)]
    return all(
        len(word) <= _MAX_INITIALS
        or word in placeholders
        or word in phrase_lists.markup_name_set("picture_words")
        or any(word in site for site in site_keys)
        for word in words
    )


def _stated_credit(page: PageMetadata) -> str | None:
    value = page.resolve(page.article.get("image"))
    value = page.resolve(value[0]) if isinstance(value, list) and value else value
    if isinstance(value, dict):
        for name in ("creditText", "copyrightHolder", "copyrightNotice", "creator", "author"):
            credit = value.get(name)
            credit = credit.get("name") if isinstance(credit, dict) else credit
            if isinstance(credit, str) and credit.strip():
                return tidy_credit(clean(credit)[:_MAX_STATED_CREDIT_CHARS])
    return None


def _file_name(url: str) -> str:
    return url.split("?", 1)[0].rsplit("/", 1)[-1]


def _figures(page: PageMetadata, container: html.HtmlElement | None) -> Iterator[tuple[Image, bool]]:
    """The pictures of the article, and whether each has a caption or a credit."""
    scope = container
    if scope is None:
        return
    # The lead image is usually above the text, beside the headline.
    for level in range(_SCOPE_LEVELS):
        parent = scope.getparent()
        is_whole_article = level >= _MIN_LEVELS_OF_ARTICLE and scope.tag in ("article", "main")
        if parent is None or parent.tag in ("body", "html") or is_whole_article:
            break
        scope = parent
    seen: set[str] = set()
    for count, element in enumerate(scope.iter("img", "amp-img")):
        if count > _MAX_EXAMINED_IMAGES:
            return
        url = page.absolute(_image_source(element))
        if not url or url in seen or _is_small(element) or url.startswith("data:") or _is_placeholder(page, url):
            continue
        holder = _element_with_caption(element)
        caption, credit = _caption_and_credit(holder) if holder is not None else (None, None)
        if caption is None and credit is None:
            caption, credit = _stated_on_element(element)
        # Teasers have no credits. A lead picture with a credit may link to a page of pictures.
        if credit is None and _belongs_to_other_page(page, element, container):
            continue
        alt = clean((element.get("alt") or "")[:_MAX_CAPTION_CHARS])
        is_plain = holder is None and caption is None and credit is None
        if is_plain and (len(alt) < _MIN_ALT_CHARS or _is_control(element, url)):
            continue
        seen.add(url)
        shown = _shown_caption(caption, credit)
        if shown is None:
            alternative, credit_of_alternative = split_caption(alt)
            credit = credit or credit_of_alternative
            shown = _shown_caption(alternative, credit)
        yield Image(url=url, caption=shown, credit=credit), bool(caption or credit)


def _stated_on_element(element: html.HtmlElement) -> tuple[str | None, str | None]:
    """Caption and credit in attributes of the picture, which scripts of some systems show."""
    stated: dict[str, str] = {}
    for name, value in element.items():
        kind = next((kind for kind in ("caption", "credit") if name.startswith("data-") and name.endswith(kind)), None)
        if kind:
            stated[kind] = clean(value[:_MAX_CAPTION_CHARS])
    if not stated:
        return None, None
    caption, credit = split_caption(stated.get("caption", ""))
    return caption, tidy_credit(stated.get("credit", "")) or credit


def _is_control(element: html.HtmlElement, url: str) -> bool:
    """True for an icon, and for a picture in a link that leads nowhere: to print, to share, to close."""
    names = f"{element.get('class') or ''} {element.get('id') or ''}"
    if _ICON.search(url.rpartition("?")[0] or url) or any(map(_ICON.search, names.split())):
        return True
    ancestors = islice(element.iterancestors(), _LEVELS_OF_CONTROL)
    link = next((ancestor for ancestor in ancestors if ancestor.tag == "a"), None)
    href = (link.get("href") or "").strip().lower() if link is not None else None
    return href is not None and (not href or href.startswith(_LEADS_NOWHERE))


def _shown_caption(text: str | None, credit: str | None) -> str | None:
    """The caption, unless it is a mark, a label such as “Photo” or “Comments”, the name of a file, or the credit again."""
    key = alphanumeric_key(text or "")
    if not text or not key or _FILE_NAME.fullmatch(text) or key == alphanumeric_key(credit or ""):
        return None
    label = text.casefold().strip(" :.…!")
    is_label = any(phrase_lists.exact_phrase(name).fullmatch(label) for name in _LABELS)
    return None if is_label else text


def _belongs_to_other_page(page: PageMetadata, element: html.HtmlElement, container: html.HtmlElement) -> bool:
    """True for a picture outside the text that links to another page: it illustrates that one."""
    link = None
    for ancestor in element.iterancestors():
        if ancestor is container:
            return False
        if link is None and ancestor.tag == "a":
            link = page.absolute(ancestor.get("href"))
    own = (page.url or "").split("#", 1)[0]
    return link is not None and link.split("#", 1)[0] != own and not _IMAGE_URL.search(link)


def _image_source(element: html.HtmlElement) -> str | None:
    for name in ("data-src", "data-original", "data-lazy-src", "src"):
        value: str | None = element.get(name)
        if value and not value.startswith("data:"):
            return value
    # Scripts that load pictures late have names of their own for the attribute.
    for name, value in element.items():
        if name.startswith("data-") and _IMAGE_URL.search(value) and not any(map(str.isspace, value)):
            return str(value)
    picture = next((one for one in islice(element.iterancestors(), _PICTURE_LEVELS) if one.tag == "picture"), None)
    sources = picture.iter("source") if picture is not None else ()
    sets = (one.get(name) or "" for one in (element, *sources) for name in ("srcset", "data-srcset"))
    return next(filter(None, map(_largest_of, sets)), None)


def _largest_of(srcset: str) -> str | None:
    """The address of the largest picture in a `srcset`, the first one where it gives no sizes; None when it has none."""
    best: tuple[float, str] | None = None
    url = None
    for token in srcset[:_MAX_SRCSET_CHARS].split():
        size = _SIZE_IN_SRCSET.fullmatch(token)
        if size and url and (best is None or float(size[1]) > best[0]):
            best = (float(size[1]), url)
        elif not size:
            url = token.rstrip(",")
            best = best or ((0.0, url) if not url.startswith("data:") else None)
    return best[1] if best else None


def _is_small(element: html.HtmlElement) -> bool:
    for name in ("width", "height"):
        value = (element.get(name) or "").removesuffix("px")
        if len(value) < 4 and value.isascii() and value.isdigit() and int(value) < _MIN_PIXELS:
            return True
    return False


def _element_with_caption(element: html.HtmlElement) -> html.HtmlElement | None:
    """The element around the picture and its caption, or a figure without any; None when there is neither."""
    figure: html.HtmlElement | None = None
    for level, ancestor in enumerate(element.iterancestors()):
        if figure is not None and sum(1 for _ in islice(ancestor.iter("img", "amp-img"), 2)) > 1:
            return figure  # the caption may be that of another
        if ancestor.tag == "figure":
            if ancestor.text_content().strip():
                return ancestor
            figure = ancestor
        is_box = ancestor.tag in ("div", "p", "span", "td", "table", "dl")
        if level < _CAPTION_LEVELS and is_box and _has_caption(ancestor):
            return ancestor
        if level > _FIGURE_LEVELS or ancestor.tag in ("article", "main", "body"):
            return figure
    return figure


def _has_caption(element: html.HtmlElement) -> bool:
    text = element.text_content()
    if len(text) > _MAX_CAPTION_CHARS:
        return False
    if holds_credit(text, lambda: _spaced_text(element)):
        return True
    return any(
        _caption_class().search(child.get("class") or "") or _credit_class().search(child.get("class") or "")
        for child in element.iter("div", "span", "p", "em", "small", "i")
    )


def _is_more_than_label(element: html.HtmlElement) -> bool:
    text = normalize_space(element.text_content()).strip(" :©()").casefold()
    return bool(text) and text != "copyright" and text not in phrase_lists.phrases("photo_labels")


def _is_credit(element: html.HtmlElement) -> bool:
    is_named = _credit_class().search(element.get("class") or "") is not None
    return is_named or "copyrightHolder" in (element.get("itemprop") or "") or element.tag == "cite"


def _caption_and_credit(holder: html.HtmlElement) -> tuple[str | None, str | None]:
    tags = ("span", "div", "p", "small", "cite", "em", "i", "figcaption", "a")
    credits_ = [child for child in holder.iter(*tags) if _is_credit(child) and _is_more_than_label(child)]
    whole = next((child for child in holder.iter("figcaption")), None)
    caption = whole if whole is not None else holder
    text = clean(_spaced_text(caption)[:_MAX_CAPTION_CHARS])
    if credits_:
        credit_text = _spaced_text(credits_[0])
        if credit_text and len(credit_text) < _MAX_CREDIT_ELEMENT_CHARS:
            rest, in_caption = split_caption(text.replace(credit_text, " ").strip(" |–—-/"))
            return rest, credit_of(credit_text) or in_caption
    without, credit = split_caption(text)
    return (without, credit) if credit else _split_by_elements(caption, text)


def _split_by_elements(caption: html.HtmlElement, text: str) -> tuple[str | None, str | None]:
    """Caption and credit that only their elements separate: a sentence, followed by a few words without a full stop."""
    texts = [
        child_text
        for child in caption.iter("span", "small", "div", "p")
        if len(child) == 0 and (child_text := normalize_space(child.text_content()))
    ]
    if len(texts) == 2 and texts[0] + texts[1] == text.replace(f"{texts[0]} ", texts[0], 1):
        first, last = texts
        if (
            first.endswith((".", "!", "?", "…", "“", "”", '"', "»"))
            and len(last) <= _MAX_CREDIT_CHARS
            and last[-1] not in ".!?…"
        ):
            return first, last
    return text or None, None


def _spaced_text(element: html.HtmlElement) -> str:
    """The text of the element with spaces between its descendants, where text_content() would run them together."""
    return normalize_space(" ".join(_SHOWN_TEXTS(element)))
