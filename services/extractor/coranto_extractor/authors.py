"""Finds who wrote the article: persons on one side, agencies on the other, and nobody where the page names nobody.

A photo credit, a brand, a handle, a role or an e-mail address is no author; what was turned down goes to the notebook.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto.records.sections import Person
from coranto_extractor import words
from coranto_extractor.blocks import Block, fold
from coranto_extractor.found import Found, Notebook
from coranto_extractor.metadata import PageMetadata, clean, item_values, strings, types_of

_SPLIT = re.compile(
    r"\s*[,;|/•·\n]\s*|\s+(?:and|und|et|y|e|og|och|en|и|та|і|with|mit|&|\+|oraz|i|ve|dan|και|ja)\s+|、|，|；"
)
_LEADING = re.compile(r"^\W+")
_NAME_START = re.compile(r"^[^\W\d_]")
_TRAILING = re.compile(
    r"\s*(?:\(.*?\)|\[.*?\]|\bfor (?:the )?[A-Z].*|\bin [A-Z].*|\s[-–—|]\s.*|\bvia\b.*|\bupdated\b.*|\bpublished\b.*)\s*$",
    re.IGNORECASE,
)
# “View all posts by”, “Zeige alle Beiträge von”: a small word after the first tells it from a name with “von” in it.
_ALL_POSTS_BY = re.compile(r"\w+(?:\s[a-z]\w*){1,2}(?:\s\w+)?\s(?:by|von|par|por|di)\s+(?=[A-Z])")
_BAD = re.compile(r"@|https?:|www\.|\.(?:com|org|net|ru|de|info)\b|\d|[<>{}=#%*_]|\?|!|…")
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")
_BYLINE_CLASS = re.compile(
    r"(?:^|[\s_-])(?:author|byline|autor|auteur|writer|contributor|verfasser|forfatter|skribent|autore|authors|by-line|c-byline|article-author|post-author)",
    re.IGNORECASE,
)
_SPOILED = re.compile(
    r"comment|related|sidebar|widget|recommend|teaser|card|list-item|latest|bio|about|caption|photo|image|credit|foto|avatar|social|follow|count|box-",
    re.IGNORECASE,
)
_TITLES = re.compile(
    r"^(?:dr|prof|mr|mrs|ms|sir|dipl|ing|mag|phd|ph\.d|md|m\.d|cfp|cfa|jr|sr|rd|mph|esq|rn|mba|ii|iii)\.?$",
    re.IGNORECASE,
)
_ORGANISATION_TYPES = frozenset(
    {"Organization", "NewsMediaOrganization", "Corporation", "NGO", "GovernmentOrganization"}
)
_SOURCE_CLASS = re.compile(r"(?:^|[\s_-])(?:source|agency|quelle|fuente|istochnik)(?:$|[\s_-])", re.IGNORECASE)
_SOURCE_LABEL = re.compile(r"^[^\W\d_]+\s?:\s?")
_MAX_NAME_CHARS = 60
_MAX_BYLINE_CHARS = 140


@dataclass(frozen=True)
class Byline:
    """Who is named as the text's maker."""

    persons: tuple[Person, ...]
    agencies: tuple[str, ...]


def find_authors(
    page: PageMetadata, root: html.HtmlElement, near: Sequence[Block], site_names: Sequence[str], notebook: Notebook
) -> Found[Byline] | None:
    """The persons and agencies the page names as authors, or None.

    `near`: the blocks about the headline and the text's end.
    """
    brands = {_key(name) for name in site_names if _key(name)}
    stated = list(_stated_agencies(page, brands, notebook))
    boxed = tuple(dict.fromkeys(_source_boxes(near)))
    organisations = {_key(name) for name in _named_organisations(page)}
    for entries, source, confidence in _candidates(page, root, near):
        persons: list[Person] = []
        agencies: list[str] = []
        for text, url in entries:
            if _key(text) not in organisations:
                _sort_in(text, url, page, brands, persons, agencies, notebook)
        if persons:
            unique = tuple({_key(person.name): person for person in reversed(persons)}.values())[::-1]
            return Found(Byline(unique[:20], _merged(stated, agencies, source) or boxed), source, confidence)
        if agencies:
            return Found(Byline((), _merged(stated, agencies, source)), source, confidence)
    if stated:
        return Found(Byline((), tuple(dict.fromkeys(stated))), "json-ld", 0.9)
    return Found(Byline((), boxed), "source-box", 0.7) if boxed else None


def _merged(stated: Sequence[str], agencies: Sequence[str], source: str) -> tuple[str, ...]:
    """The agencies of one source: pages write the same agency in full in one place and as letters in another."""
    both = [*stated, *agencies] if source == "json-ld" else stated or agencies
    return tuple(dict.fromkeys(both))


def _named_organisations(page: PageMetadata) -> Iterator[str]:
    """Authors that the page's own data call an organisation."""
    for name in ("author", "creator"):
        stated = page.resolve(page.article.get(name))
        for author in stated[:30] if isinstance(stated, list) else [stated]:
            node = page.resolve(author)
            if isinstance(node, dict) and types_of(node) & _ORGANISATION_TYPES:
                yield from strings(node.get("name"))


def _stated_agencies(page: PageMetadata, brands: set[str], notebook: Notebook) -> Iterator[str]:
    for name in _named_organisations(page):
        agency = _agency(name)
        why = None if agency else why_no_author(name, brands)
        # “Polar News Agency” is no person and an agency; “News Desk” is neither.
        has_own_name = len(_key(words.one_of("not_person").sub("", name))) > 2
        if why and not (why == "not_a_person" and has_own_name):
            notebook.turn_down("authors", name, why)
        else:
            yield agency or name


def _source_boxes(near: Sequence[Block]) -> Iterator[str]:
    """Names in a box of their own that is called a source or an agency."""
    for block in near:
        names = block.element.get("class") or ""
        if len(block.text) < _MAX_NAME_CHARS and _SOURCE_CLASS.search(names) and not _SPOILED.search(names):
            agency = _agency(_SOURCE_LABEL.sub("", block.text).strip())
            if agency:
                yield agency


Entries = list[tuple[str, str | None]]


def _candidates(
    page: PageMetadata, root: html.HtmlElement, near: Sequence[Block]
) -> Iterator[tuple[Entries, str, float]]:
    for name in ("author", "creator"):
        yield list(_named(page, page.article.get(name), 0)), "json-ld", 0.95
    for name in words.markup("author"):
        yield [(text, None) for text in page.meta.get(name, ())], "meta", 0.8
    yield list(_microdata(page)), "microdata", 0.85
    yield (
        [
            (fold(link.text_content()), link.get("href"))
            for link in root.iterfind(".//a[@rel]")
            if _is_author_link(link)
        ],
        "rel-author",
        0.8,
    )
    yield list(_marked_blocks(near)), "byline", 0.75
    yield list(_byline_texts(near)), "byline", 0.7


def _named(page: PageMetadata, value: Any, depth: int) -> Iterator[tuple[str, str | None]]:
    value = page.resolve(value)
    if isinstance(value, str):
        yield clean(value), None
    elif isinstance(value, list) and depth < 3:
        for member in value[:30]:
            yield from _named(page, member, depth + 1)
    elif isinstance(value, dict):
        name = value.get("name")
        url = value.get("url")
        for text in name if isinstance(name, list) else [name]:
            if isinstance(text, str):
                yield clean(text), url if isinstance(url, str) else None
            elif isinstance(text, dict) and depth < 3:
                yield from _named(page, text, depth + 1)


def _microdata(page: PageMetadata) -> Iterator[tuple[str, str | None]]:
    for element in page.itemprops.get("author", ()):
        if _is_spoiled(element):
            continue
        names = [child for child in element.iterfind(".//*[@itemprop]") if "name" in child.get("itemprop", "").split()]
        for text in item_values(names or [element]):
            yield text, element.get("href")


def _is_author_link(link: html.HtmlElement) -> bool:
    return "author" in (link.get("rel") or "").lower().split() and not _is_spoiled(link)


def _is_spoiled(element: html.HtmlElement) -> bool:
    for place, ancestor in enumerate(element.iterancestors()):
        if ancestor.tag in ("aside", "nav", "footer", "figure", "figcaption", "body"):
            return bool(ancestor.tag != "body")
        names = f"{ancestor.get('class') or ''} {ancestor.get('id') or ''}"
        if place < 5 and re.search(r"comment|related|sidebar|recommend|teaser|popular|latest", names, re.IGNORECASE):
            return True
    return False


def _marked_blocks(near: Sequence[Block]) -> Iterator[tuple[str, str | None]]:
    for block in near:
        if len(block.text) > _MAX_BYLINE_CHARS or block.tag in ("h1", "h2"):
            continue
        element: html.HtmlElement | None = block.element
        for _ in range(3):
            if element is None:
                break
            names = f"{element.get('class') or ''} {element.get('id') or ''} {element.get('itemprop') or ''}"
            if _BYLINE_CLASS.search(names):
                if not _SPOILED.search(names) and len(element.text_content()) < 300:
                    linked: Entries = [(text, href) for href, text in block.links if 3 < len(text) < _MAX_NAME_CHARS]
                    yield from linked or [(block.text, None)]
                break
            element = element.getparent()
        inline = [
            child
            for child in block.element.iter("a", "span", "b", "strong", "em", "i", "cite")
            if _BYLINE_CLASS.search(child.get("class") or "")
        ]
        for child in inline[:2]:
            if not _SPOILED.search(child.get("class") or ""):
                yield fold(child.text_content()), child.get("href")


def _byline_texts(near: Sequence[Block]) -> Iterator[tuple[str, str | None]]:
    for block in near:
        if block.tag in ("h1", "h2", "h3") or block.is_prose:
            continue
        names = _names_in_byline(block.text)
        if names:
            yield names, next((href for href, text in block.links if text and text in names), None)
            return


def _names_in_byline(text: str) -> str | None:
    """What a line such as “By Jane Doe, 5 January” names; None when it is no such line."""
    found = words.one_of("by").match(text) if len(text) <= _MAX_BYLINE_CHARS else None
    if not found:
        return None
    rest = text[found.end() :].lstrip(" :.–—-")
    first = re.split(r"\s*(?:[|•·(]|\d|\s[-–—]\s)", rest, maxsplit=1)[0]
    parts = [part for part in _SPLIT.split(first) if part]
    if parts and _reads_like_name(parts[0]) and (":" in text or _WIDE.search(first) or 2 <= len(parts[0].split()) <= 4):
        return first
    return None


def authors_in_lines(lines: Sequence[str], notebook: Notebook) -> Found[Byline] | None:
    """The authors that the first byline among these lines of a dump names, or None."""
    for line in lines:
        names = _names_in_byline(line)
        if not names:
            continue
        persons: list[Person] = []
        agencies: list[str] = []
        _sort_in(names, None, PageMetadata(), set(), persons, agencies, notebook)
        if persons or agencies:
            return Found(Byline(tuple(persons), tuple(agencies)), "byline", 0.6)
    return None


def _sort_in(
    text: str,
    url: str | None,
    page: PageMetadata,
    brands: set[str],
    persons: list[Person],
    agencies: list[str],
    notebook: Notebook,
) -> None:
    whole = _strip(text)
    if _agency(whole):
        agencies.append(_agency(whole) or "")
        return
    for raw in _SPLIT.split(whole):
        part = _strip(raw)
        if not part:
            continue
        agency = _agency(part)
        why = None if agency else why_no_author(part, brands)
        if agency:
            agencies.append(agency)
        elif why:
            notebook.turn_down("authors", part, why)
        else:
            link = page.absolute(url)
            persons.append(Person(name=part, url=link))


def _strip(text: str) -> str:
    text = _LEADING.sub("", fold(clean(text)))
    for _ in range(2):
        found = words.one_of("by").match(text)
        if found and (text[found.end() : found.end() + 1] in (" ", ":", "\u00a0", "：") or _WIDE.search(text)):
            text = text[found.end() :].lstrip(" :：.–—-")
    behind = _ALL_POSTS_BY.match(text)
    if behind:
        text = text[behind.end() :]
    parts = text.split()
    # “Jane Doe January 5” in one element: the date's words are cut with what follows them.
    text = next(
        (" ".join(parts[:n]) for n in range(2, len(parts)) if parts[n].casefold() in words.months_of("en")), text
    )
    return _TRAILING.sub("", text).strip(" ,.;:–—-|/\"'«»“”")


def _agency(text: str) -> str | None:
    return words.agencies().get(text.casefold().strip())


def why_no_author(name: str, brands: set[str]) -> str | None:
    """Why the name is none of a person, in a word; None when it may be one."""
    key = _key(name)
    parts = name.split()
    if not key or len(key) < 2 or len(name) > _MAX_NAME_CHARS or len(parts) > 6:
        return "not_a_name"
    if _BAD.search(name):
        return "not_a_name"
    if any(key == brand or (len(brand) > 4 and len(key) > 4 and (key in brand or brand in key)) for brand in brands):
        return "brand"
    if _TITLES.match(name) or name.casefold() in words.all_of("by"):
        return "role"
    if words.one_of("read_also").match(name) or words.one_of("stock").match(name):
        return "not_a_name"
    if words.one_of("not_person").search(name):
        return "not_a_person"
    left = words.one_of("roles").sub("", name.casefold())
    if not re.sub(r"\W+", "", left):
        return "role"
    if not _reads_like_name(name):
        return "not_a_name"
    return None


def _reads_like_name(name: str) -> bool:
    if _WIDE.search(name):
        return len(name) <= 20
    parts = [part for part in name.split() if part.casefold() not in words.markup_set("name_particles")]
    if not parts or len(parts) > 6:
        return False
    if not all(_NAME_START.match(part) for part in parts):
        return False
    cased = [part for part in parts if part[0].upper() != part[0].lower()]
    if not cased:
        return True
    return all(part[0].isupper() for part in cased)


def _key(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()
