"""Finds the article in the data a page carries for its own scripts, for pages whose HTML shows no text.

`__NEXT_DATA__`, Apollo caches and `window.…` assignments differ in everything but one thing: paragraphs are JSON strings
that read like prose. So strings are read, and no format is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from lxml import etree, html  # type: ignore[import-untyped]  # lxml ships no types

from coranto_extractor.page.blocks import normalize_space, split_blocks, text_weight
from coranto_extractor.page.metadata import PageMetadata, clean

# What stands before each quote that is not escaped. It matches everywhere and takes nothing back, so a script is read once,
# however its quotes are broken.
_UP_TO_QUOTE = re.compile(r'((?:[^"\\]++|\\.)*+)(?:"|\\?\Z)', re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
_SENTENCE_END = re.compile(r"[.!?…。！？][\"'»”’)]*\s*$")
_SENTENCE = re.compile(r"[.!?…。！？](?:\s|[\"'»”’)]|$)")
_CODE = re.compile(r"[{}=]\s|;\n|function\s?\(|=>|\bvar\b|https?://\S+$|^[\w/+=.-]+$")
_MAX_SCRIPT_CHARS = 5_000_000
_MIN_STRING_CHARS = 60
_MIN_WEIGHT = 300.0


def find_text_in_scripts(page: PageMetadata, root: html.HtmlElement) -> list[str]:
    """The paragraphs of the article in the page's scripts; empty when there are none."""
    stated = page.article.get("articleBody")
    candidates: list[list[str]] = []
    if isinstance(stated, str):
        candidates.append(_paragraphs(stated))
    for script in root.iter("script"):
        if script.text and 500 < len(script.text) < _MAX_SCRIPT_CHARS and "ld+json" not in (script.get("type") or ""):
            strings = list(_strings(script.text))
            whole = [_paragraphs(text) for text in strings if len(text) > 600]
            candidates.extend(whole)
            candidates.append(list(dict.fromkeys(normalize_space(clean(text)) for text in strings if _is_prose(text))))
    best = max(candidates, key=_weight, default=[])
    return best if _weight(best) >= _MIN_WEIGHT else []


def _weight(paragraphs: list[str]) -> float:
    return sum(map(text_weight, paragraphs))


def _strings(script: str) -> Iterator[str]:
    # A script inside a string (`self.__next_f.push([1, "…"])`) holds its own strings one level of escapes deeper.
    for literal in _literals(script):
        try:
            text = json.loads(f'"{literal}"', strict=False)
        except ValueError:
            continue
        yield text
        if '\\"' in literal and len(text) > 1000 and text.lstrip()[:1] in "[{0123456789":
            yield from (inner for inner in _strings(text) if inner)


def _literals(script: str) -> Iterator[str]:
    """What stands between two quotes and is as long as a paragraph; code between two such texts is none."""
    closed_at = 0
    for match in _UP_TO_QUOTE.finditer(script):
        literal = match[1]
        is_closed = match.end() > match.end(1) and script[match.end(1)] == '"'
        if is_closed and match.start() != closed_at and len(literal) >= _MIN_STRING_CHARS:
            closed_at = match.end()
            yield literal


def _is_prose(text: str) -> bool:
    return bool(_SENTENCE_END.search(_TAG.sub("", text))) and text.count(" ") >= 5 and not _CODE.search(text[:300])


def _paragraphs(text: str) -> list[str]:
    if re.search(r"<(?:p|div|br)\b", text, re.IGNORECASE):
        try:
            root = html.document_fromstring(text)
        except (etree.ParserError, ValueError):
            return []
        return [block.text for block in split_blocks(root) if block.weight > 20 and block.link_share < 0.8]
    if len(_SENTENCE.findall(text)) < 3 or _CODE.search(text[:300]):
        return []
    return [folded for line in text.split("\n") if (folded := normalize_space(clean(line)))]
