"""Three opinions on what the article's text is, and the choice between them.

Ours reads blocks and their container; the second scores paragraphs the way readability does; the third is trafilatura.
Whole texts are chosen, never single lines: votes on lines mix two readings of a page into one that nobody gave.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types
from trafilatura import bare_extraction

from coranto_extractor.language.text_comparison import overlap, tokens
from coranto_extractor.page.blocks import HEADINGS, Block, BlockList, text_weight
from coranto_extractor.text.article import article_blocks, find_standfirst
from coranto_extractor.text.container import (
    before_comments,
    correct_mislabelled_regions,
    find_container,
    first_article,
    within,
)
from coranto_extractor.text.lines import kept

Lines = list[str]
Shingles = Counter[tuple[str, ...]]

# trafilatura's own mark; the numbers that stand before an item are the page's.
_LIST_MARK = re.compile(r"^-\s+")
_GOOD_NAME = re.compile(r"article|body|content|entry|hentry|main|page|post|text|blog|story", re.IGNORECASE)
_BAD_NAME = re.compile(
    r"combx|comment|contact|foot|masthead|meta|outbrain|promo|related|scroll|shoutbox|sidebar|sponsor|shopping|tags|tool|widget|menu|popular|recommend",
    re.IGNORECASE,
)

# trafilatura walks a tree many times over; a page of so many elements would take it seconds.
_MAX_ELEMENTS = 30_000
# trafilatura reports each page it gives up on; we count that ourselves.
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)


def shingles(lines: Sequence[str]) -> Shingles:
    """How often each run of four words stands in the lines."""
    found = tokens("\n".join(lines))
    if len(found) < 4:
        return Counter([tuple(found)] if found else [])
    return Counter(zip(found, found[1:], found[2:], found[3:], strict=False))


def shingle_f1(one: Shingles, other: Shingles) -> float:
    """How far two texts are the same, 0 to 1. What one of them says twice counts twice."""
    total = one.total() + other.total()
    if not total:
        return 1.0
    shared = one.keys() & other.keys()
    # Without a generator: this is asked for thousands of shingles a page.
    return 2 * sum(map(min, map(one.__getitem__, shared), map(other.__getitem__, shared))) / total


def paragraph_score_candidate(blocks: BlockList) -> list[Block]:
    """The second opinion: the parent whose paragraphs score most, with the siblings that resemble it."""
    scores: dict[html.HtmlElement, float] = {}
    for block in blocks:
        if block.weight < 25 or block.tag in HEADINGS or "comment" in block.regions:
            continue
        score = (1.0 + block.text.count(",") + min(block.weight / 100, 3.0)) * (1.0 - block.link_share)
        element: html.HtmlElement | None = (
            block.element.getparent() if block.tag in ("p", "pre", "blockquote", "li") else block.element
        )
        for share in (1.0, 0.5, 0.33):
            if element is None:
                break
            if element not in scores:
                scores[element] = _name_score(element)
            scores[element] += score * share
            element = element.getparent()
    if not scores:
        return []
    best = max(scores, key=scores.__getitem__)
    chosen = article_blocks(blocks, best)
    parent = best.getparent()
    if parent is None:
        return chosen
    threshold = max(10.0, scores[best] * 0.2)
    siblings = [sibling for sibling in parent if sibling is best or scores.get(sibling, 0.0) >= threshold]
    if len(siblings) == 1:
        return chosen
    members = {id(block) for sibling in siblings for block in within(blocks, sibling)}
    return [block for block in article_blocks(blocks, parent) if id(block) in members]


def _name_score(element: html.HtmlElement) -> float:
    names = f"{element.get('class') or ''} {element.get('id') or ''}"
    score = 0.0
    if _BAD_NAME.search(names):
        score -= 25
    if _GOOD_NAME.search(names):
        score += 25
    return score


def trafilatura_candidate(root: html.HtmlElement, *, fast: bool = True) -> Lines:
    """The third opinion; the tree is left as it is. Empty when trafilatura finds nothing or has too much to look at."""
    if root.xpath("count(//*)") > _MAX_ELEMENTS:
        return []
    document = bare_extraction(root, fast=fast, favor_precision=True, include_comments=False, with_metadata=False)
    text = getattr(document, "text", None) or ""
    return [_LIST_MARK.sub("", line.strip()) for line in text.split("\n") if line.strip()]


# Two opinions that agree so far say the same text, but for a line or two.
_SAME = 0.9
# Below this, the page's own statement of its text is of another text.
_UNLIKE = 0.4
# Share of the headline's words that an article takes up at least.
_TAKEN_UP = 0.3
_MIN_STATED_CHARS = 500
# Where opinions are close, one that tells headings and lists from paragraphs is worth more.
_NO_BLOCKS = 0.95
# A page of less text is refused.
_LEAST_TEXT = 90.0


@dataclass(frozen=True)
class ChosenText:
    """The text that was chosen, the blocks it was chosen from, and how sure the choice is."""

    texts: Lines
    blocks: Sequence[Block]
    container: html.HtmlElement | None
    source: str
    confidence: float


def _opened(opening: Lines, texts: Lines) -> Lines:
    """The text with its standfirst in front, unless it has it already."""
    if not texts:
        return []
    head = " ".join(texts[:4])
    return [text for text in opening if text[:60] not in head] + texts


def select(
    root: html.HtmlElement,
    blocks: BlockList,
    topic: frozenset[str] = frozenset(),
    stated: str | None = None,
    headline: str | None = None,
) -> ChosenText:
    """The opinion the others come closest to.

    `topic` holds the stems of the headline, `stated` is the text as the page's metadata give it. trafilatura, the dearest
    of the three, is asked only where our two disagree or their text has nothing to do with the headline.
    """
    correct_mislabelled_regions(blocks, headline)
    blocks = before_comments(first_article(blocks, headline), headline)
    blocks.headline = next((block.place for block in blocks if block.tag == "h1" and block.text == headline), 0)
    container = find_container(blocks, topic, headline)
    members = article_blocks(blocks, container) if container is not None else []
    opening = [block.text for block in find_standfirst(blocks, members, headline)]
    ours = _opened(opening, [block.text for block in members])
    second = _opened(opening, [block.text for block in paragraph_score_candidate(blocks)])
    counts = [shingles(ours), shingles(second)]
    reference = shingles([stated]) if stated and len(stated) > _MIN_STATED_CHARS else None
    if _is_settled(ours, counts, topic, reference):
        return ChosenText(ours, blocks, container, "blocks", shingle_f1(*counts))
    third = _opened(opening, trafilatura_candidate(root))
    counts.append(shingles(third))
    best: tuple[float, str, Lines] = (0.0, "blocks", [])
    opinions = (("blocks", ours), ("paragraph-scores", second), ("trafilatura", third))
    sizes = [_own_weight(texts, headline) for _, texts in opinions]
    for one, size, (name, texts) in zip(counts, sizes, opinions, strict=True):
        # The headline and the date are no text, however well they agree with the topic.
        if not texts or size < _LEAST_TEXT <= max(sizes):
            continue
        support = sum(shingle_f1(one, other) for other in counts if other is not one and other) / 2
        if reference:
            support += 0.5 * shingle_f1(one, reference)
        support = (0.01 + support) * (0.6 + 0.4 * overlap(" ".join(texts), topic))
        if name == "trafilatura":
            support *= _NO_BLOCKS
        if support > best[0]:
            best = (support, name, texts)
    return ChosenText(best[2], blocks, container, best[1], min(1.0, best[0]))


def _own_weight(texts: Lines, headline: str | None) -> float:
    """The weight of the lines without headline, dates and stock phrases."""
    return sum(text_weight(text) for text, stays in zip(texts, kept(texts, headline), strict=True) if stays)


def _is_settled(ours: Lines, counts: Sequence[Shingles], topic: frozenset[str], reference: Shingles | None) -> bool:
    if not counts[0] or not counts[1] or shingle_f1(counts[0], counts[1]) < _SAME:
        return False
    if reference and shingle_f1(counts[0], reference) < _UNLIKE:
        return False
    return overlap(" ".join(ours), topic) >= _TAKEN_UP
