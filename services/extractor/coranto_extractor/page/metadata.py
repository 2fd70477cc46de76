"""Reads what a page states about itself in machine-readable form: JSON-LD, meta tags, microdata and head links.

Nothing is judged here. The modules per field (titles, dates, authors, ...) weigh these statements against the page.
"""

from __future__ import annotations

import html as entities
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urljoin, urlsplit

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto_extractor.language import phrase_lists
from coranto_extractor.language.text_comparison import word_characters
from coranto_extractor.page.blocks import normalize_space

JsonObject = dict[str, Any]

_MAX_JSON_CHARS = 2_000_000
_MAX_NODES = 3000
_MAX_TITLE_CHARS = 3000
# What is longer is no statement; it is read so far.
_MAX_META_CHARS = 20_000
_MAX_META_VALUES = 200
_MAX_URL_CHARS = 8000
_CONTROL = re.compile(r"[\x00-\x1f]+")
_TRAILING_COMMA = re.compile(r",\s{0,50}([}\]])")
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
    article: JsonObject = field(default_factory=dict)
    meta: dict[str, list[str]] = field(default_factory=dict)
    itemprops: dict[str, list[html.HtmlElement]] = field(default_factory=dict)
    links: list[tuple[str, str, html.HtmlElement]] = field(default_factory=list)
    by_id: dict[str, JsonObject] = field(default_factory=dict)
    page_title: str | None = None
    declared_language: str | None = None

    def first(self, *names: str) -> str | None:
        """The first non-empty meta value among these names, in their order."""
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
        """The address made absolute; None when it is no web address, or longer than any is."""
        return _joined(self.base_url or "", url) if isinstance(url, str) and 0 < len(url) <= _MAX_URL_CHARS else None

    @property
    def canonical(self) -> str | None:
        """The canonical address as the page's head links it; None when it links none."""
        return next((href for rel, href, _ in self.links if rel == "canonical"), None)

    @property
    def host(self) -> str:
        """Host of the page without `www.`; empty when unknown."""
        address = self.url or self.base_url or ""
        try:
            return (urlsplit(address).hostname or "").removeprefix("www.")
        except ValueError:
            return ""


@lru_cache(maxsize=2048)
def _joined(base: str, url: str) -> str | None:
    # A page's links are asked for by section, tags, pictures and text in turn.
    try:
        joined = urljoin(base, url.strip())
        parts = urlsplit(joined)
    except ValueError:
        return None
    return joined if parts.scheme in ("http", "https") and parts.netloc else None


def read_metadata(root: html.HtmlElement, url: str | None) -> PageMetadata:
    """What the page states about itself. `url` is where it came from."""
    page = PageMetadata(url=url, base_url=url)
    json_texts: list[str] = []
    for element in root.iter("base", "meta", "link", "title", "script", "html"):
        _read_head_element(page, element, json_texts)
    page.url = page.url or page.absolute(page.canonical) or page.absolute(page.first("og:url"))
    page.base_url = page.base_url or page.url
    for element in root.iterfind(".//*[@itemprop]"):
        for name in element.get("itemprop", "").split():
            page.itemprops.setdefault(name, []).append(element)
    for text in json_texts[:60]:
        page.nodes.extend(_nodes_of(_load(text) or _salvage(text)))
    page.by_id = {str(node["@id"]): node for node in page.nodes if "@id" in node and len(node) > 2}
    page.article = _find_article(page)
    return page


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
    content = element.get("content")
    if name and content:
        values = page.meta.setdefault(name.strip().lower(), [])
        if len(values) < _MAX_META_VALUES:
            values.append(clean(content[:_MAX_META_CHARS]))


def clean(text: str) -> str:
    """Text of a statement without entities (some pages escape twice), tags and surplus white space."""
    if "&" in text:
        text = entities.unescape(entities.unescape(text))
    if "<" in text:
        text = _TAGS.sub("", text)
    return normalize_space(text)


def _load(text: str) -> Any:
    text = (
        text.strip()
        .removeprefix("<!--")
        .removesuffix("-->")
        .removeprefix("//<![CDATA[")
        .removesuffix("//]]>")
        .strip()
        .rstrip(";")
    )
    for attempt in (str, lambda raw: _TRAILING_COMMA.sub(r"\1", _CONTROL.sub(" ", raw)), entities.unescape):
        try:
            return json.loads(attempt(text), strict=False)
        except (ValueError, RecursionError):
            continue
    return None


def _salvage(text: str) -> JsonObject:
    """The plain members of a JSON-LD text that is no JSON, mostly for an unescaped quote: better than nothing."""
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
    while waiting and seen < _MAX_NODES:
        seen += 1
        value = waiting.pop(0)
        if isinstance(value, list):
            waiting[:0] = value[:500]
        elif isinstance(value, dict):
            if "@type" in value or "@id" in value:
                yield value
            waiting.extend(child for child in value.values() if isinstance(child, dict | list))


def types_of(node: JsonObject) -> set[str]:
    """A node's types without their namespace."""
    raw = node.get("@type")
    names = raw if isinstance(raw, list) else [raw]
    return {name.rsplit("/", 1)[-1].rsplit(":", 1)[-1] for name in names if isinstance(name, str)}


def _find_article(page: PageMetadata) -> JsonObject:
    best: JsonObject = {}
    best_score = 0.0
    titles = {word_characters(text) for text in (page.page_title, page.first("og:title")) if text}
    addresses = {_path(text) for text in (page.url, page.first("og:url")) if text}
    for place, node in enumerate(page.nodes[:200]):
        types = types_of(node)
        if not types & phrase_lists.markup_name_set("article_types"):
            continue
        score = 3.0 - min(place, 100) / 100
        if types <= phrase_lists.markup_name_set("weak_article_types"):
            score -= 2
        headline = node.get("headline") or node.get("name")
        if isinstance(headline, str) and titles:
            key = word_characters(clean(headline))
            score += 3 if any(key and (key in title or title in key) for title in titles) else -1
        main = node.get("mainEntityOfPage") or node.get("url")
        main = main.get("@id") if isinstance(main, dict) else main
        is_main = isinstance(main, str) and _path(main) in addresses
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
    """The texts in a JSON-LD value: itself, its members, or their names."""
    if isinstance(value, str):
        text = clean(value)
        return [text] if text else []
    if isinstance(value, list):
        return [text for member in value[:100] for text in strings(member)]
    if isinstance(value, dict):
        return strings(value.get("name") or value.get("@value") or value.get("headline"))
    return []


def item_values(elements: Iterable[html.HtmlElement]) -> Iterator[str]:
    """Values of microdata elements: the attribute that holds it, else the text."""
    for element in elements:
        value = element.get("content") or element.get("datetime") or ""
        if not value and element.tag not in ("meta", "link"):
            value = element.text_content()[:2000]
        value = clean(value)
        if value:
            yield value
