"""Reads what a page states about itself in machine-readable form: JSON-LD, meta elements, microdata and head links.

This module judges nothing. The modules for the fields (titles, dates, authors, ...) compare the statements with the page.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urljoin, urlsplit

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto_extractor.language import phrase_lists
from coranto_extractor.language.text_comparison import alphanumeric_key
from coranto_extractor.page.blocks import normalize_space
from coranto_extractor.page.json_values import load_json

JsonObject = dict[str, Any]

_MAX_JSON_CHARS = 2_000_000
_MAX_JSON_SCRIPTS = 60
_MAX_JSON_NODES = 3000
_MAX_JSON_LIST_ITEMS = 500
# Of each of these values, no more is read than this.
_MAX_TITLE_CHARS = 3000
_MAX_META_CHARS = 20_000
_MAX_ITEM_CHARS = 2000
_MAX_META_VALUES = 200
_MAX_URL_CHARS = 8000
# How many JSON-LD nodes are examined in the search for the article, and how many texts are taken from a list.
_MAX_ARTICLE_NODES = 200
_MAX_TEXTS = 100
# Comments that hide a script from old browsers and XML parsers, at its beginning and end.
_AROUND_JSON = re.compile(
    r"^\s{0,50}(?:(?:<!--|//|/\*|<!\[CDATA\[|\*/)\s{0,50}){1,5}|(?:\s{0,50}(?:-->|//|/\*|\]\]>|\*/)){1,5}\s{0,50}$"
)
_CONTROL = re.compile(r"[\x00-\x1f]+")
_TRAILING_COMMA = re.compile(r",\s{0,50}([}\]])")
# Members of JSON-LD that can be read even when the whole is not valid JSON.
_MEMBER = re.compile(
    r'"(datePublished|dateModified|headline|articleSection|inLanguage|keywords)"\s{0,5}:\s{0,5}"((?:[^"\\\n]|\\.){1,500})"'
)
_TAGS = re.compile(r"<[^<>]{0,1000}>")


@dataclass
class PageMetadata:
    """The statements of one page."""

    url: str | None = None
    base_url: str | None = None
    nodes: list[JsonObject] = field(default_factory=list)
    """All JSON-LD objects with a type or an id, outermost first."""
    article: JsonObject = field(default_factory=dict)
    """The JSON-LD object of the article; empty when there is none."""
    meta: dict[str, list[str]] = field(default_factory=dict)
    """Values of meta elements by name or property, in lower case."""
    itemprops: dict[str, list[html.HtmlElement]] = field(default_factory=dict)
    """Microdata elements by property."""
    links: list[tuple[str, str, html.HtmlElement]] = field(default_factory=list)
    """Relation, URL and element of each link in the head."""
    by_id: dict[str, JsonObject] = field(default_factory=dict)
    page_title: str | None = None
    declared_language: str | None = None

    def first(self, *names: str) -> str | None:
        """The first non-empty meta value under these names, in their order."""
        for name in names:
            for value in self.meta.get(name, ()):
                if value:
                    return value
        return None

    def types(self) -> set[str]:
        """All JSON-LD types on the page."""
        return {name for node in self.nodes for name in types_of(node)}

    def resolve(self, value: Any) -> Any:
        """The node a bare `@id` reference points to, or the value itself."""
        if isinstance(value, dict) and "@id" in value and len(value) <= 2:
            return self.by_id.get(str(value["@id"]), value)
        return value

    def absolute(self, url: str | None) -> str | None:
        """The URL made absolute; None when it is not an http(s) URL, or too long to be one."""
        return _joined(self.base_url or "", url) if isinstance(url, str) and 0 < len(url) <= _MAX_URL_CHARS else None

    @property
    def canonical(self) -> str | None:
        """The canonical URL as the page's head states it; None when it states none."""
        return next((href for rel, href, _ in self.links if rel == "canonical"), None)

    @property
    def host(self) -> str:
        """The host of the page without `www.`; empty when unknown."""
        try:
            return (urlsplit(self.url or self.base_url or "").hostname or "").removeprefix("www.")
        except ValueError:
            return ""


@lru_cache(maxsize=2048)
def _joined(base: str, url: str) -> str | None:
    # Cached, because sections, tags, pictures and text each resolve the page's links.
    try:
        joined = urljoin(base, url.strip())
        split = urlsplit(joined)
    except ValueError:
        return None
    return joined if split.scheme in ("http", "https") and split.netloc else None


def read_metadata(root: html.HtmlElement, url: str | None) -> PageMetadata:
    """What the page states about itself. `url` is where it was fetched from."""
    page = PageMetadata(url=url, base_url=url)
    json_texts: list[str] = []
    for element in root.iter("base", "meta", "link", "title", "script", "html"):
        _read_head_element(page, element, json_texts)
    page.url = page.url or page.absolute(page.canonical) or page.absolute(page.first("og:url"))
    page.base_url = page.base_url or page.url
    for element in root.iterfind(".//*[@itemprop]"):
        if _is_of_item_beside(element):
            continue
        for name in element.get("itemprop", "").split():
            page.itemprops.setdefault(name, []).append(element)
    for text in json_texts[:_MAX_JSON_SCRIPTS]:
        page.nodes.extend(_nodes_of(_load(text) or _salvage(text)))
    page.by_id = {str(node["@id"]): node for node in page.nodes if "@id" in node and len(node) > 2}
    page.article = _find_article(page)
    return page


def _is_of_item_beside(element: html.HtmlElement) -> bool:
    """True for what is said of a comment or a book, say, that the page shows beside the article."""
    scope = next((one for one in element.iterancestors() if one.get("itemscope") is not None), None)
    kind = (scope.get("itemtype") or "").rpartition("/")[2] if scope is not None else ""
    return kind in phrase_lists.markup_name_set("types_beside_article")


def _read_head_element(page: PageMetadata, element: html.HtmlElement, json_texts: list[str]) -> None:
    match element.tag:
        case "meta":
            _read_meta(page, element)
        case "link":
            href = element.get("href") or ""
            rels = (element.get("rel") or "").lower().split() if href else []
            page.links.extend((rel, href, element) for rel in rels)
        case "script":
            is_json = "ld+json" in (element.get("type") or "")
            if is_json and element.text and len(element.text) < _MAX_JSON_CHARS:
                json_texts.append(element.text)
        case "title":
            parent = element.getparent()
            if page.page_title is None and (parent is None or parent.tag != "svg"):
                page.page_title = clean(element.text_content()[:_MAX_TITLE_CHARS]) or None
        case "base":
            page.base_url = page.absolute(element.get("href")) or page.base_url
        case _:
            xml_name = "{http://www.w3.org/XML/1998/namespace}lang"
            page.declared_language = page.declared_language or element.get("lang") or element.get(xml_name)


def _read_meta(page: PageMetadata, element: html.HtmlElement) -> None:
    name = element.get("property") or element.get("name") or element.get("itemprop") or element.get("http-equiv")
    # Some pages write the value as if the element were a form field.
    content = element.get("content") or element.get("value")
    if name and content:
        values = page.meta.setdefault(name.strip().lower(), [])
        if len(values) < _MAX_META_VALUES:
            values.append(clean(content[:_MAX_META_CHARS]))


def clean(text: str) -> str:
    """The text without entities (some pages escape twice), tags and surplus white space."""
    if "&" in text:
        text = entities.unescape(entities.unescape(text))
    return normalize_space(strip_tags(text))


def strip_tags(text: str) -> str:
    """The text without HTML tags."""
    return _TAGS.sub("", text) if "<" in text else text


def _load(text: str) -> Any:
    text = _AROUND_JSON.sub("", text).strip().rstrip(";")
    for attempt in (str, lambda raw: _TRAILING_COMMA.sub(r"\1", _CONTROL.sub(" ", raw)), entities.unescape):
        try:
            return load_json(attempt(text))
        except (ValueError, RecursionError):
            continue
    return None


def _salvage(text: str) -> JsonObject:
    """The simple members of JSON-LD that is not valid JSON, usually because of an unescaped quotation mark."""
    members = {
        name: clean(value.replace('\\"', '"').replace("\\/", "/")) for name, value in reversed(_MEMBER.findall(text))
    }
    kind = next(
        (
            name
            for name in re.findall(r'"@type"\s{0,5}:\s{0,5}"(\w{3,40})"', text)
            if name in phrase_lists.markup_name_set("article_types")
        ),
        None,
    )
    author = re.search(r'"author"\s{0,5}:\s{0,5}[\[{\s]{0,20}[^}]{0,200}?"name"\s{0,5}:\s{0,5}"([^"\n]{2,80})"', text)
    if author:
        members["author"] = clean(author.group(1))
    return {"@type": kind, **members} if kind else {}


def _nodes_of(value: Any) -> Iterator[JsonObject]:
    """All objects with a type or an id, outermost first."""
    waiting = [value]
    seen = 0
    while waiting and seen < _MAX_JSON_NODES:
        seen += 1
        value = waiting.pop(0)
        if isinstance(value, list):
            waiting[:0] = value[:_MAX_JSON_LIST_ITEMS]
        elif isinstance(value, dict):
            if "@type" in value or "@id" in value:
                yield value
            waiting.extend(child for child in value.values() if isinstance(child, dict | list))


def types_of(node: JsonObject) -> set[str]:
    """The types of a node without their namespace."""
    raw = node.get("@type")
    names = raw if isinstance(raw, list) else [raw]
    return {name.rsplit("/", 1)[-1].rsplit(":", 1)[-1] for name in names if isinstance(name, str)}


def _find_article(page: PageMetadata) -> JsonObject:
    """The JSON-LD object of the article: of several, the one that most of the page's other statements confirm."""
    best: JsonObject = {}
    best_score = 0.0
    titles = {alphanumeric_key(text) for text in (page.page_title, page.first("og:title")) if text}
    own_paths = {_path(text) for text in (page.url, page.first("og:url")) if text}
    for position, node in enumerate(page.nodes[:_MAX_ARTICLE_NODES]):
        types = types_of(node)
        if not types & phrase_lists.markup_name_set("article_types"):
            continue
        score = 3.0 - min(position, 100) / 100
        if types <= phrase_lists.markup_name_set("weak_article_types"):
            score -= 2
        headline = node.get("headline") or node.get("name")
        if isinstance(headline, str) and titles:
            key = alphanumeric_key(clean(headline))
            score += 3 if any(key and (key in title or title in key) for title in titles) else -1
        main = node.get("mainEntityOfPage") or node.get("url")
        main = main.get("@id") if isinstance(main, dict) else main
        is_main = isinstance(main, str) and _path(main) in own_paths
        if not is_main and types <= phrase_lists.markup_name_set("embedded_article_types"):
            continue
        score += 2 if is_main else 0
        score += sum(0.5 for name in ("datePublished", "author", "articleBody", "publisher") if node.get(name))
        if score > best_score:
            best, best_score = node, score
    return best


def _path(url: str) -> str:
    try:
        return urlsplit(url).path.rstrip("/")
    except ValueError:
        return ""


def strings(value: Any) -> list[str]:
    """The texts in a JSON-LD value: the value itself, its members, or their names."""
    if isinstance(value, str):
        text = clean(value)
        return [text] if text else []
    if isinstance(value, list):
        return [text for member in value[:_MAX_TEXTS] for text in strings(member)]
    if isinstance(value, dict):
        return strings(value.get("name") or value.get("@value") or value.get("headline"))
    return []


def item_values(elements: Iterable[html.HtmlElement]) -> Iterator[str]:
    """The values of microdata elements: the attribute that holds it, otherwise the text."""
    for element in elements:
        value = element.get("content") or element.get("datetime") or ""
        if not value and element.tag not in ("meta", "link"):
            value = element.text_content()[:_MAX_ITEM_CHARS]
        value = clean(value)
        if value:
            yield value
