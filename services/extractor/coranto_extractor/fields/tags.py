"""Finds the tags that the publisher gave the article, and tells them from those of the site, of machines and of menus."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto_extractor.fields.evidence import Extracted
from coranto_extractor.fields.page_reading import PageReading
from coranto_extractor.fields.titles import site_names
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.phrase_lists import alternatives, cached_per_languages, class_alternatives
from coranto_extractor.language.text_comparison import alphanumeric_key, stems
from coranto_extractor.page.blocks import normalize_space
from coranto_extractor.page.metadata import PageMetadata, item_values, strings

_TAG_CLASS_IN_CAMEL_CASE = re.compile(r"[a-z]Tags?(?:List)?(?:$|[\s_-])")
_MENU_CLASS = re.compile(
    r"(?:^|[\s_-])(?:navigation|navbar|menu|sub-?nav|site-header|page-header|masthead|sidebar|trending|popular|burger|hamburger|offcanvas)(?:$|[\s_-])",
    re.IGNORECASE,
)
_SHARE_LINK = re.compile(r"share|facebook|twitter|^#")
# “Sport (12)”, “Sport[12]”: the number of articles with this tag. In round brackets, four digits may be a year.
_COUNT_AFTER_TAG = re.compile(r"(?<=\S)\s{0,3}(?:\[\d{1,6}\]|\((?!(?:19|20)\d{2}\))\d{1,6}\))\s{0,3}$")
# “Page Type: Article”, “Subject: Justice”: usually for statistics.
_LABELLED_TAG = re.compile(r"([A-Za-z][A-Za-z _-]{1,24}):(?=\s?\S)")
_MAX_TAG_CHARS = 60
# The line above a list of tags, and the tags below such a line.
_MAX_LABEL_CHARS = 40
_MAX_TAGS = 40
_MAX_LINKED_TAGS = 25
_MIN_LINKED_SHARE = 0.5
# At least so many tags, with a smaller share that the article has words of, are the site's: the same on each page.
_MIN_TAGS_OF_SITE = 5
_MIN_TOPICAL_SHARE = 0.2
_MANY_TAGS = 12
_MIN_TOPICAL_SHARE_OF_MANY = 0.3
_MIN_TAG_OVERLAP = 0.5
# At least so many single words, with this share of them in the order in which they stand in one line, are cut from it.
_MIN_WORDS_OF_LINE = 5
_MIN_SHARE_OF_LINE = 0.8


@cached_per_languages
def _machine_tag() -> re.Pattern[str]:
    """Numbers, identifiers, URLs, hosts and switches."""
    return re.compile(
        rf"^\d{{5,}}$|^[0-9a-f]{{8}}-[0-9a-f]{{4}}-|^_|://|^[\w-]+\.{alternatives('host_endings')}$|^\w+:\w+"
    )


@cached_per_languages
def _tag_class() -> re.Pattern[str]:
    return re.compile(
        "(?:^|[\\s_-])(?:tags?|tag-?list|tag-?cloud|keywords?|topics?|labels?"
        rf"|{class_alternatives('tag_class_names')})(?:$|[\s_-])",
        re.IGNORECASE,
    )


@cached_per_languages
def _tag_url() -> re.Pattern[str]:
    return re.compile(
        rf"/(?:tags?|topics?|keywords?|story|label|hashtag|{class_alternatives('tag_url_folders')})/", re.IGNORECASE
    )


def find_tags(reading: PageReading, authors: Sequence[str] = ()) -> Extracted[tuple[str, ...]] | None:
    """The publisher's own tags, without the names of who signs the article; None when there are none."""
    found = _find_tags(reading)
    names = set(map(str.casefold, authors))
    tags = tuple(tag for tag in found.value if tag.casefold() not in names) if found else ()
    return replace(found, value=tags) if found and tags else None


def _find_tags(reading: PageReading) -> Extracted[tuple[str, ...]] | None:
    page = reading.metadata
    not_tags = {page.host, (reading.title or "").casefold()}
    site_keys = _site_name_keys(page)
    single: Extracted[tuple[str, ...]] | None = None
    for texts, source, confidence in _tag_lists(page, reading.root):
        tags = {
            tag.casefold(): tag
            for tag in reversed(_without_codes([_COUNT_AFTER_TAG.sub("", text) for text in texts]))
            if tag.casefold() not in not_tags and not _names_site(tag, site_keys)
        }
        in_order = _without_cut_line(tuple(tags.values())[::-1][:_MAX_TAGS], reading)
        if not in_order or _are_of_site(in_order, reading):
            continue
        found = Extracted(in_order, source, confidence)
        # A single tag in the metadata may be the section. If so, a list elsewhere on the page does not contain it.
        if single and (len(tags) == 1 or single.value[0].casefold() in tags):
            return single
        if len(tags) > 1 or source == "tag-links":
            return found
        single = found
    return single


def _are_of_site(tags: Collection[str], reading: PageReading) -> bool:
    """True when the article has words of hardly any of the tags: they are the site's own keywords, or its menu.

    Tags in Latin letters tell nothing of a text in others.
    """
    text = reading.article_text
    is_latin = sum(map(str.isascii, text)) * 2 > len(text)
    comparable = [tag for tag in tags if is_latin or not tag.isascii()]
    if len(comparable) < _MIN_TAGS_OF_SITE:
        return False
    found, key = reading.article_stems, alphanumeric_key(text)
    topical = sum(
        len(topic & found) >= _MIN_TAG_OVERLAP * len(topic) if (topic := stems(tag)) else alphanumeric_key(tag) in key
        for tag in comparable
    )
    share = _MIN_TOPICAL_SHARE_OF_MANY if len(comparable) >= _MANY_TAGS else _MIN_TOPICAL_SHARE
    return topical < share * len(comparable)


def _without_cut_line(tags: tuple[str, ...], reading: PageReading) -> tuple[str, ...]:
    """The tags without the headline, the address or the summary cut into words, as some systems state them for want of tags.

    Scripts without spaces are cut into pieces that overlap.
    """
    words = [tag for tag in tags if " " not in tag]
    if len(words) < _MIN_WORDS_OF_LINE:
        return tags
    page = reading.metadata
    lines = (reading.title, page.url, page.first("description"), page.first("og:description"))
    for line in filter(None, lines):
        if len(words) == len(tags) and _count_in_order(words, line) >= _MIN_SHARE_OF_LINE * len(words):
            return ()
        key = alphanumeric_key(line)
        pieces = [tag for tag in words if alphanumeric_key(tag) in key]
        of_line = [word for word in map(alphanumeric_key, line.split()) if word]
        keys = set(map(alphanumeric_key, pieces))
        is_whole = len(of_line) >= _MIN_WORDS_OF_LINE and len(keys & set(of_line)) >= _MIN_SHARE_OF_LINE * len(of_line)
        is_in_order = _count_in_order(pieces, line) >= _MIN_SHARE_OF_LINE * len(pieces)
        is_overlapping = len(of_line) == 1 and len(pieces) >= _MIN_WORDS_OF_LINE and sum(map(len, keys)) > len(key)
        if (is_whole and is_in_order) or is_overlapping:
            return tuple(tag for tag in tags if tag not in pieces)
    return tags


def _count_in_order(tags: Sequence[str], line: str) -> int:
    """How many of the tags stand in the line, one behind the other."""
    letters, place, count = alphanumeric_key(line), 0, 0
    for tag in map(alphanumeric_key, tags):
        found = letters.find(tag, place)
        if found >= 0:
            place = found + len(tag)
            count += 1
    return count


def _site_name_keys(page: PageMetadata) -> set[str]:
    """The keys of those names of the site that its host confirms or, being in another script, cannot confirm.

    Others may be real tags: some channels are called “Security”.
    """
    label = alphanumeric_key(page.host.partition(".")[0])
    names = {alphanumeric_key(name) for name in (*site_names(page), label)} - {""}
    host = alphanumeric_key(page.host)
    return {name for name in names if name in host or (label and label in name) or not name.isascii()}


def _names_site(tag: str, site_keys: AbstractSet[str]) -> bool:
    """True for the site's name or host, also with “official site” beside it."""
    if alphanumeric_key(tag) in site_keys:
        return True
    rest = alphanumeric_key(phrase_lists.any_phrase("site_words").sub("", tag))
    return 1 < len(rest) < len(alphanumeric_key(tag)) and any(name.startswith(rest) for name in site_keys)


def _without_codes(texts: Sequence[str]) -> list[str]:
    """The tags for people, without those for machines."""
    tags = [tag for text in texts if 1 < len(tag := text.strip(" #,;.\"'«»")) <= _MAX_TAG_CHARS]
    labelled = [tag for tag in tags if _LABELLED_TAG.match(tag)]
    if len(labelled) > 1:
        matches = (_LABELLED_TAG.match(tag) for tag in labelled)
        values = [
            tag[match.end() :].strip()
            for tag, match in zip(labelled, matches, strict=True)
            if match and _is_subject_label(match[1])
        ]
        if len(labelled) > len(tags) / 2:
            return values
        tags = [*values, *(tag for tag in tags if tag not in labelled)]
    return [tag for tag in tags if not _machine_tag().search(tag)]


def _is_subject_label(label: str) -> bool:
    return label.casefold() in phrase_lists.markup_name_set("subject_labels")


def _tag_lists(page: PageMetadata, root: html.HtmlElement) -> Iterator[tuple[list[str], str, float]]:
    """Lists of tags, most reliable first, with their source and the confidence in it."""
    yield list(_split(strings(page.article.get("keywords")))), "json-ld", 0.9
    yield list(page.meta.get("article:tag", ())) or list(page.meta.get("og:article:tag", ())), "opengraph", 0.85
    yield list(_split(page.meta.get("news_keywords", ()))), "meta", 0.8
    yield _linked_tags(root), "tag-links", 0.8
    yield list(_split(page.meta.get("keywords", ()))), "meta", 0.6
    yield list(_split(list(item_values(page.itemprops.get("keywords", ()))))), "microdata", 0.6


def _split(texts: Sequence[str]) -> Iterator[str]:
    for text in texts:
        separator = ";" if text.count(";") > text.count(",") else ","
        yield from (tag.strip() for tag in text.split(separator))


def _linked_tags(root: html.HtmlElement) -> list[str]:
    """The tags that the page shows as links: by rel=tag, behind a label, in a list of that class, or by their URLs."""
    by_rel = [link for link in root.iterfind(".//a[@rel]") if "tag" in (link.get("rel") or "").split()]
    by_rel = [link for link in by_rel if not _is_in_menu(link)]
    # Some systems mark the section as a tag as well.
    by_rel = [link for link in by_rel if not _leads_to_section(link)] or by_rel
    if by_rel:
        return [normalize_space(link.text_content()) for link in by_rel]
    labelled = _labelled_tags(root)
    if labelled:
        return labelled
    for element in root.iter("div", "ul", "p", "section", "span", "footer"):
        names = f"{element.get('class') or ''} {element.get('id') or ''}"
        is_tag_list = _tag_class().search(names) or _TAG_CLASS_IN_CAMEL_CASE.search(names)
        if is_tag_list and "cloud" not in names and not _is_in_menu(element):
            texts = _texts_of_links(element)
            if len(texts) == 1:
                # Each tag may have an element of its own.
                alike = [one for one in element.itersiblings(element.tag) if one.get("class") == element.get("class")]
                texts += [text for one in alike[:_MAX_LINKED_TAGS] for text in _texts_of_links(one)]
            if texts:
                return texts
    return [
        text
        for link in root.iter("a")
        if _tag_url().search(link.get("href") or "")
        and _is_in_tag_list(link)
        and not _is_in_menu(link)
        and (text := normalize_space(link.text_content()))
    ]


def _leads_to_section(link: html.HtmlElement) -> bool:
    return "category" in (link.get("rel") or "").split() or "/category/" in (link.get("href") or "")


def _labelled_tags(root: html.HtmlElement) -> list[str]:
    """The links of a list behind a line such as “Topics:”."""
    labels = phrase_lists.exact_phrase("tag_labels")
    for element in root.iter("ul", "ol"):
        before = element.getprevious()
        label = normalize_space(before.text_content()).casefold().strip(" :") if before is not None else ""
        is_label = label and len(label) < _MAX_LABEL_CHARS and labels.fullmatch(label)
        if is_label and not _is_in_menu(element):
            texts = _texts_of_links(element)
            if texts and max(map(len, texts)) <= _MAX_LABEL_CHARS:
                return texts
    return []


def _texts_of_links(element: html.HtmlElement) -> list[str]:
    """The texts of the links in the element, when it contains a few links and hardly anything else."""
    links = [
        normalize_space(link.text_content())
        for link in element.iter("a")
        if not _SHARE_LINK.search(link.get("href") or "")
    ]
    texts = [text for text in links if 1 < len(text) <= _MAX_TAG_CHARS]
    chars = len(normalize_space(element.text_content()))
    is_list = 0 < len(texts) <= _MAX_LINKED_TAGS and sum(map(len, texts)) > _MIN_LINKED_SHARE * chars
    return texts if is_list else []


def _is_in_menu(element: html.HtmlElement) -> bool:
    """True in what a page shows above or beside every article: menus, trending topics."""
    is_in_menu = False
    for ancestor in element.iterancestors():
        if ancestor.tag in ("article", "main"):
            return False
        names = f"{ancestor.get('class') or ''} {ancestor.get('id') or ''}"
        is_in_menu = is_in_menu or ancestor.tag in ("nav", "header") or _MENU_CLASS.search(names) is not None
    return is_in_menu


def _is_in_tag_list(link: html.HtmlElement) -> bool:
    parent = link.getparent()
    return parent is not None and bool(_tag_class().search(f"{parent.get('class') or ''} {link.get('class') or ''}"))
