"""Finds the article in the data that a page carries for its own scripts, for pages whose HTML shows no text.

`__NEXT_DATA__`, Apollo caches and `window.…` assignments have nothing in common but this: paragraphs are JSON strings that
read like prose. So this module looks at strings and knows no format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree, html  # type: ignore[import-untyped]  # lxml ships no types

from coranto_extractor.language.scripts import UNSPACED_CHARACTER
from coranto_extractor.language.sentences import count_sentences, ends_with_sentence
from coranto_extractor.page.blocks import normalize_space, split_blocks, text_weight
from coranto_extractor.page.json_values import load_json
from coranto_extractor.page.metadata import PageMetadata, clean, strip_tags

# Everything up to the next quotation mark that is not escaped. It matches everywhere and never backtracks, so a script is
# scanned once, however broken its quotes are.
_UP_TO_QUOTE = re.compile(r'((?:[^"\\]++|\\.)*+)(?:"|\\?\Z)', re.DOTALL)
_CODE = re.compile(r"[{}=]\s|;\n|function\s?\(|=>|\bvar\b|https?://\S+$|^[\w/+=.-]+$")
_BLOCK_TAG = re.compile(r"<(?:p|div|br)\b", re.IGNORECASE)
_CODE_SAMPLE_CHARS = 300
_MIN_SCRIPT_CHARS = 500
_MAX_SCRIPT_CHARS = 5_000_000
# A string of at least this length may be a paragraph, a longer one than the second may be a whole article.
_MIN_STRING_CHARS = 60
_MIN_UNSPACED_CHARS = 24
_MIN_ARTICLE_CHARS = 600
# A string longer than this may hold a script of its own.
_MIN_NESTED_CHARS = 1000
_MIN_PARAGRAPH_SPACES = 5
_MIN_ARTICLE_SENTENCES = 3
_MIN_ARTICLE_WEIGHT = 300.0


def find_text_in_scripts(page: PageMetadata, root: html.HtmlElement) -> list[str]:
    """The paragraphs of the article in the page's scripts; empty when there are none."""
    stated = page.article.get("articleBody")
    candidates: list[list[str]] = []
    if isinstance(stated, str):
        candidates.append(_paragraphs(stated))
    for script in root.iter("script"):
        is_json_ld = "ld+json" in (script.get("type") or "")
        if script.text and _MIN_SCRIPT_CHARS < len(script.text) < _MAX_SCRIPT_CHARS and not is_json_ld:
            strings = list(_strings(script.text))
            candidates.extend(_paragraphs(text) for text in strings if len(text) > _MIN_ARTICLE_CHARS)
            lines = (line for text in strings if _is_prose(text) for line in _lines(text))
            candidates.append(list(dict.fromkeys(lines)))
    best = max(candidates, key=_weight, default=[])
    return best if _weight(best) >= _MIN_ARTICLE_WEIGHT else []


def _weight(paragraphs: list[str]) -> float:
    return sum(map(text_weight, paragraphs))


def _strings(script: str) -> Iterator[str]:
    # A script inside a string (`self.__next_f.push([1, "…"])`) holds its own strings one level of escapes deeper.
    for literal in _literals(script):
        try:
            text = load_json(f'"{literal}"')
        except ValueError:
            continue
        yield text
        if '\\"' in literal and len(text) > _MIN_NESTED_CHARS and text.lstrip()[:1] in "[{0123456789":
            yield from (inner for inner in _strings(text) if inner)


def _literals(script: str) -> Iterator[str]:
    """String literals as long as a paragraph; the code between two of them is skipped."""
    closed_at = 0
    for match in _UP_TO_QUOTE.finditer(script):
        literal = match[1]
        is_closed = match.end() > match.end(1) and script[match.end(1)] == '"'
        is_long = len(literal) >= _MIN_STRING_CHARS or (
            len(literal) >= _MIN_UNSPACED_CHARS and UNSPACED_CHARACTER.search(literal) is not None
        )
        if is_closed and match.start() != closed_at and is_long:
            closed_at = match.end()
            yield literal


def _is_prose(text: str) -> bool:
    return (
        ends_with_sentence(strip_tags(text))
        and (text.count(" ") >= _MIN_PARAGRAPH_SPACES or UNSPACED_CHARACTER.search(text) is not None)
        and not _CODE.search(text[:_CODE_SAMPLE_CHARS])
    )


def _lines(text: str) -> list[str]:
    """One line, or the paragraphs where the text is mark-up."""
    return _paragraphs(text) if _BLOCK_TAG.search(text) else [normalize_space(clean(text))]


def _paragraphs(text: str) -> list[str]:
    if _BLOCK_TAG.search(text):
        try:
            root = html.document_fromstring(text)
        except (etree.ParserError, ValueError):
            return []
        return [block.text for block in split_blocks(root) if block.weight > 20 and block.link_share < 0.8]
    if count_sentences(text) < _MIN_ARTICLE_SENTENCES or _CODE.search(text[:_CODE_SAMPLE_CHARS]):
        return []
    return [line for raw in text.split("\n") if (line := normalize_space(clean(raw)))]
