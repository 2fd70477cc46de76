"""Finds where the publisher files the article: section, breadcrumbs and tags."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any
from urllib.parse import urlsplit

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto_extractor.fields.evidence import Extracted
from coranto_extractor.fields.titles import site_names
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.text_comparison import alphanumeric_key
from coranto_extractor.page.blocks import Block, normalize_space
from coranto_extractor.page.metadata import PageMetadata, item_values, strings, types_of

_TAG_CLASS = re.compile(
    r"(?:^|[\s_-])(?:tags?|tag-?list|tag-?cloud|keywords?|topics?|labels?|schlagw|themen|etiquetas|tagi|metki)(?:$|[\s_-])",
    re.IGNORECASE,
)
_TAG_CLASS_IN_HUMPS = re.compile(r"[a-z]Tags?(?:List)?(?:$|[\s_-])")
_TAG_ADDRESS = re.compile(
    r"/(?:tags?|topics?|keywords?|thema|themen|theme|temas?|etiquetas?|tagi|metki|story|label|schlagwort|stichwort|hashtag)/",
    re.IGNORECASE,
)
_SECTION_CLASS = re.compile(
    r"(?:^|[\s_-])(?:category|rubric|rubrik|section-?name|kicker|article[-_]{0,2}section|categories|rubrique)(?:$|[\s_-])|__category",
    re.IGNORECASE,
)
_SECTION_META = (
    "article:section",
    "og:article:section",
    "section",
    "cxenseparse:section",
    "parsely-section",
    "category",
    "sailthru.section",
    "dc.subject.section",
    "news_section",
    "article:category",
)
# “Sport (12)”, “Sport[12]”: how many articles have the tag. In round brackets four digits may be a year.
_COUNTED = re.compile(r"(?<=\S)\s{0,3}(?:\[\d{1,6}\]|\((?!(?:19|20)\d{2}\))\d{1,6}\))\s{0,3}$")
_MAX_TAG_CHARS = 60
_MAX_RUBRIC_CHARS = 40
_MAX_TAGS = 40
_MAX_LINKED_TAGS = 25
_MENU_CLASS = re.compile(
    r"(?:^|[\s_-])(?:navigation|navbar|menu|sub-?nav|site-header|page-header|masthead|sidebar|trending|popular|burger|hamburger|offcanvas)(?:$|[\s_-])",
    re.IGNORECASE,
)
# “Page Type: Article”, “Subject: Justice”: for statistics, mostly.
_LABELLED = re.compile(r"([A-Za-z][A-Za-z _-]{1,24}):(?=\s?\S)")
# Numbers, identifiers, addresses and switches.
_MACHINE = re.compile(r"^\d{5,}$|^[0-9a-f]{8}-[0-9a-f]{4}-|^_|://|^[\w-]+\.(?:com|org|net|ca|de|fr|co\.uk)$|^\w+:\w+")
_MIN_CODES = 5
_CODED = 0.6


def find_section(
    page: PageMetadata, root: html.HtmlElement, near: Sequence[Block], breadcrumbs: Sequence[str]
) -> Extracted[str] | None:
    """The publisher's own rubric, or None; never the name of the site or of its front page."""
    no_rubrics = {name.casefold() for name in site_names(page)} | set(phrase_lists.phrases("home_labels"))
    for text, source, confidence in _stated_sections(page, near, breadcrumbs):
        if text and text.casefold() not in no_rubrics:
            return Extracted(text, source, confidence)
    named = _section_of_address(page, root, no_rubrics)
    return Extracted(named, "address", 0.5) if named else None


def _stated_sections(
    page: PageMetadata, near: Sequence[Block], breadcrumbs: Sequence[str]
) -> Iterator[tuple[str, str, float]]:
    for text in strings(page.article.get("articleSection")):
        yield text, "json-ld", 0.95
    stated = page.first(*_SECTION_META)
    if stated and len(stated) < 80 and not stated.startswith("http"):
        yield stated, "opengraph", 0.85
    for text in item_values(page.itemprops.get("articleSection", ())):
        if len(text) < 80:
            yield text, "microdata", 0.9
    for text in breadcrumbs:
        yield text, "breadcrumbs", 0.7
    for block in near:
        if len(block.text) < _MAX_RUBRIC_CHARS and _SECTION_CLASS.search(block.element.get("class") or ""):
            yield block.text.strip(" ,/|"), "rubric", 0.5


def _section_of_address(page: PageMetadata, root: html.HtmlElement, no_rubrics: AbstractSet[str]) -> str | None:
    """How the page itself names the first folder of its own address: the text of a link that leads there."""
    own = _folders(page.url)
    if len(own) < 2:
        return None
    names: dict[int, str] = {}
    for link in root.iter("a"):
        href = link.get("href")
        if not href or href.startswith(("#", "javascript:", "mailto:")):
            continue
        folders = _folders(page.absolute(href))
        if not folders or len(folders) >= len(own) or own[: len(folders)] != folders or not _names_rubric(folders):
            continue
        if _host(page.absolute(href)) != page.host:
            continue
        text = normalize_space(link.text_content()).strip(" ,/|»›")
        is_rubric = 2 < len(text) < _MAX_RUBRIC_CHARS and text.casefold() not in no_rubrics
        if is_rubric and not phrase_lists.exact_phrase("read_also").fullmatch(text.casefold()):
            names.setdefault(len(folders), text)
    return names[min(names)] if names else None


def _folders(url: str | None) -> list[str]:
    try:
        return [folder for folder in urlsplit(url or "").path.casefold().split("/") if folder]
    except ValueError:
        return []


def _host(url: str | None) -> str:
    try:
        return (urlsplit(url or "").hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def _names_rubric(folders: Sequence[str]) -> bool:
    """False when the last of the folders is a year or a page number, or when all there is is a language."""
    return (
        len(folders[-1]) > 1
        and not folders[-1].isdigit()
        and (len(folders) > 1 or folders[0] not in phrase_lists.languages())
    )


def find_breadcrumbs(
    page: PageMetadata, root: html.HtmlElement, title: str | None
) -> Extracted[tuple[str, ...]] | None:
    """Rubrics from the home page down, without home and article."""
    for node in page.nodes[:200]:
        if "BreadcrumbList" in types_of(node):
            names = [
                name
                for item in _items(page, node)
                for name in strings(item.get("name") or page.resolve(item.get("item")))[:1]
            ]
            cut = _without_ends(names, title)
            if cut:
                return Extracted(cut, "json-ld", 0.9)
    for element in root.iterfind(".//*[@class]"):
        if element.tag in ("ul", "ol", "nav", "div", "p") and re.search(
            r"breadcrumb|bread-crumb|crumbs|pathway", element.get("class") or "", re.IGNORECASE
        ):
            anchors = list(element.iter("a"))
            # Only the first crumb is home: a rubric with a host of its own has that host's front page.
            own = anchors[1:] if anchors and _leads_home(page, anchors[0]) else anchors
            links = [normalize_space(link.text_content()) for link in own]
            cut = _without_ends([text for text in links if text], title)
            return Extracted(cut, "breadcrumbs", 0.7) if cut else None
    return None


def _leads_home(page: PageMetadata, link: html.HtmlElement) -> bool:
    """True for a link to the site's front page, or to the front page of one of its languages."""
    href = link.get("href")
    folders = _folders(page.absolute(href))
    return bool(href and page.absolute(href)) and (
        not folders or (len(folders) == 1 and folders[0] in phrase_lists.languages())
    )


def _items(page: PageMetadata, node: dict[str, Any]) -> list[dict[str, Any]]:
    items = node.get("itemListElement")
    items = items if isinstance(items, list) else [items]
    found = [page.resolve(item) for item in items]
    return sorted((item for item in found if isinstance(item, dict)), key=lambda item: _number(item.get("position")))


def _number(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return 0


def _without_ends(names: Sequence[str], title: str | None) -> tuple[str, ...]:
    home = set(phrase_lists.phrases("home_labels"))
    kept = [name for name in names if name.casefold().strip(" /") not in home and len(name) < 80]
    if kept and title and (kept[-1] == title or kept[-1][:30] == title[:30]):
        kept.pop()
    return tuple(dict.fromkeys(kept))[:10]


def find_tags(page: PageMetadata, root: html.HtmlElement, title: str | None) -> Extracted[tuple[str, ...]] | None:
    """The publisher's own tags, or None."""
    no_tags = {page.host, (title or "").casefold()}
    own = _names_of_site(page)
    single: Extracted[tuple[str, ...]] | None = None
    for texts, source, confidence in _tag_lists(page, root):
        tags = {
            tag.casefold(): tag
            for tag in reversed(_without_codes([_COUNTED.sub("", text) for text in texts]))
            if tag.casefold() not in no_tags and not _names_site(tag, own)
        }
        if not tags:
            continue
        found = Extracted(tuple(tags.values())[::-1][:_MAX_TAGS], source, confidence)
        # A single tag in the metadata may be a section by another name: then a list elsewhere leaves it out.
        if single and (len(tags) == 1 or single.value[0].casefold() in tags):
            return single
        if len(tags) > 1 or source == "tag-links":
            return found
        single = found
    return single


def _names_of_site(page: PageMetadata) -> set[str]:
    """The keys of the site's names that its host confirms, or is in no script to confirm: some channels are called “Security”."""
    label = alphanumeric_key(page.host.partition(".")[0])
    names = {alphanumeric_key(name) for name in (*site_names(page), label)} - {""}
    return {
        name for name in names if name in alphanumeric_key(page.host) or (label and label in name) or not name.isascii()
    }


def _names_site(tag: str, own: AbstractSet[str]) -> bool:
    """True for the site's name or host, and for the name with “official site” beside it."""
    if alphanumeric_key(tag) in own:
        return True
    rest = alphanumeric_key(phrase_lists.any_phrase("site_words").sub("", tag))
    return 1 < len(rest) < len(alphanumeric_key(tag)) and any(name.startswith(rest) for name in own)


def _without_codes(texts: Sequence[str]) -> list[str]:
    """The tags among the texts: without what is there for machines, and none when that is most of them."""
    tags = [tag for text in texts if 1 < len(tag := text.strip(" #,;.\"'«»")) <= _MAX_TAG_CHARS]
    labelled = [tag for tag in tags if _LABELLED.match(tag)]
    if len(labelled) > 1:
        kept = (_LABELLED.match(tag) for tag in labelled)
        values = [
            tag[match.end() :].strip()
            for tag, match in zip(labelled, kept, strict=True)
            if match and _is_subject(match[1])
        ]
        if len(labelled) > len(tags) / 2:
            return values
        tags = [*values, *(tag for tag in tags if tag not in labelled)]
    plain = [tag for tag in tags if not _MACHINE.search(tag)]
    is_coded = len(plain) >= _MIN_CODES and sum(map(_is_code, plain)) > len(plain) * _CODED
    return [] if is_coded else plain


def _is_subject(label: str) -> bool:
    return label.casefold() in phrase_lists.markup_name_set("subject_labels")


def _is_code(tag: str) -> bool:
    return tag.isascii() and tag.isupper() and " " not in tag


def _tag_lists(page: PageMetadata, root: html.HtmlElement) -> Iterator[tuple[list[str], str, float]]:
    yield list(_split(strings(page.article.get("keywords")))), "json-ld", 0.9
    yield list(page.meta.get("article:tag", ())) or list(page.meta.get("og:article:tag", ())), "opengraph", 0.85
    yield list(_split(page.meta.get("news_keywords", ()))), "meta", 0.8
    yield _linked_tags(root), "tag-links", 0.8
    yield list(_split(page.meta.get("keywords", ()))), "meta", 0.6
    yield list(_split(list(item_values(page.itemprops.get("keywords", ()))))), "microdata", 0.6


def _split(texts: Sequence[str]) -> Iterator[str]:
    for text in texts:
        separator = ";" if text.count(";") > text.count(",") else ","
        yield from (part.strip() for part in text.split(separator))


def _linked_tags(root: html.HtmlElement) -> list[str]:
    by_rel = [link for link in root.iterfind(".//a[@rel]") if "tag" in (link.get("rel") or "").split()]
    by_rel = [link for link in by_rel if not _stands_in_menu(link)]
    if by_rel:
        return [normalize_space(link.text_content()) for link in by_rel]
    labelled = _labelled_list(root)
    if labelled:
        return labelled
    for element in root.iter("div", "ul", "p", "section", "span", "footer"):
        names = f"{element.get('class') or ''} {element.get('id') or ''}"
        is_named = _TAG_CLASS.search(names) or _TAG_CLASS_IN_HUMPS.search(names)
        if is_named and "cloud" not in names and not _stands_in_menu(element):
            texts = _links_of_list(element)
            if len(texts) == 1:
                # Each tag may have an element of its own.
                alike = [one for one in element.itersiblings(element.tag) if one.get("class") == element.get("class")]
                texts += [text for one in alike[:_MAX_LINKED_TAGS] for text in _links_of_list(one)]
            if texts:
                return texts
    return [
        text
        for link in root.iter("a")
        if _TAG_ADDRESS.search(link.get("href") or "")
        and _stands_in_tag_list(link)
        and not _stands_in_menu(link)
        and (text := normalize_space(link.text_content()))
    ]


def _labelled_list(root: html.HtmlElement) -> list[str]:
    """The links of a list that a line such as “Topics:” stands before."""
    labels = phrase_lists.exact_phrase("tag_labels")
    for element in root.iter("ul", "ol"):
        before = element.getprevious()
        label = normalize_space(before.text_content()).casefold().strip(" :") if before is not None else ""
        if label and len(label) < _MAX_RUBRIC_CHARS and labels.fullmatch(label) and not _stands_in_menu(element):
            texts = _links_of_list(element)
            if texts and max(map(len, texts)) <= _MAX_RUBRIC_CHARS:
                return texts
    return []


def _links_of_list(element: html.HtmlElement) -> list[str]:
    """The texts of the links in the element, when it holds a few of them and hardly anything else."""
    links = [
        normalize_space(link.text_content())
        for link in element.iter("a")
        if not re.search(r"share|facebook|twitter|^#", link.get("href") or "")
    ]
    texts = [text for text in links if 1 < len(text) <= _MAX_TAG_CHARS]
    is_list = 0 < len(texts) <= _MAX_LINKED_TAGS and sum(map(len, texts)) > 0.5 * len(
        normalize_space(element.text_content())
    )
    return texts if is_list else []


def _stands_in_menu(element: html.HtmlElement) -> bool:
    """True in what a page shows above or beside every article: menus, trending topics."""
    is_in_menu = False
    for ancestor in element.iterancestors():
        if ancestor.tag in ("article", "main"):
            return False
        names = f"{ancestor.get('class') or ''} {ancestor.get('id') or ''}"
        is_in_menu = is_in_menu or ancestor.tag in ("nav", "header") or _MENU_CLASS.search(names) is not None
    return is_in_menu


def _stands_in_tag_list(link: html.HtmlElement) -> bool:
    parent = link.getparent()
    return parent is not None and bool(_TAG_CLASS.search(f"{parent.get('class') or ''} {link.get('class') or ''}"))
