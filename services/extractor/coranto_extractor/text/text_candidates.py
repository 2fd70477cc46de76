"""Makes three candidates for the article's text and selects one of them.

Ours comes from blocks and their container, the second from scores of paragraphs as in readability, the third is
trafilatura's. Whole texts are selected, never single lines: voting on lines would produce a text that no candidate has.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types
from trafilatura import bare_extraction

from coranto_extractor.language.text_comparison import overlap, tokens
from coranto_extractor.page.blocks import HEADINGS, Block, BlockList, text_weight
from coranto_extractor.text.article import article_blocks, place_of
from coranto_extractor.text.container import (
    before_comments,
    correct_mislabelled_regions,
    find_container,
    first_article,
    within,
)
from coranto_extractor.text.lines import kept
from coranto_extractor.text.standfirst import find_standfirst

Lines = list[str]
Shingles = Counter[tuple[str, ...]]

_SHINGLE_WORDS = 4
# trafilatura puts this before list items. The numbers before an item are the page's own.
_LIST_MARKER = re.compile(r"^-\s+")
# Class names and weights of readability (Arc90).
_NAME_OF_TEXT = re.compile(r"article|body|content|entry|hentry|main|page|post|text|blog|story", re.IGNORECASE)
_NAME_WEIGHT = 25
_MIN_SCORED_WEIGHT = 25
_SHARES_OF_ANCESTORS = (1.0, 0.5, 0.33)
# A sibling of the best element is included when it scores at least this much, and this share of the best score.
_MIN_SIBLING_SCORE = 10.0
_MIN_SIBLING_SHARE = 0.2

# trafilatura traverses the tree many times; with more elements than this, that takes seconds.
_MAX_TRAFILATURA_ELEMENTS = 30_000
# trafilatura logs each page that it gives up on. The candidates' sources show that already.
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)

# Agreement is a Dice coefficient, 0 to 1. Two candidates that agree this far are the same but for a line or two.
_MIN_AGREEMENT = 0.9
# Below this agreement, the text in the page's metadata is a different one.
_MIN_AGREEMENT_WITH_REFERENCE = 0.4
_REFERENCE_WEIGHT = 0.5
# A shorter statement of the text in the metadata is only its beginning.
_MIN_REFERENCE_CHARS = 500
# The share of the headline's stems that an article contains at least.
MIN_TOPIC_OVERLAP = 0.3
# How much of the score depends on the overlap with the headline.
_TOPIC_SHARE = 0.4
# trafilatura's lines have no kinds, so at about equal agreement another candidate is better.
_WITHOUT_KINDS = 0.95
# Weight of a candidate below which the page is refused anyway.
_MIN_TEXT_WEIGHT = 90.0
# Where ours is the whole text of which the other two have a part: so much of theirs is in ours, ours has that part once, and so
# much of the rest, by weight, is set like that part and is linked no more than this.
_MIN_CONTAINED_SHARE = 0.9
_MAX_REPETITION = 1.2
_MIN_SHARE_SET_ALIKE = 0.85
_MAX_LINK_SHARE_OF_HALF = 0.15
# A line of the standfirst is in the text already when so many of its characters are in one of so many first lines.
_COMPARED_CHARS = 60
_COMPARED_LINES = 4


@dataclass(frozen=True)
class ChosenText:
    """The text that was selected, the blocks it was selected from, and how sure the choice is."""

    texts: Lines
    blocks: Sequence[Block]
    container: html.HtmlElement | None
    source: str
    confidence: float
    is_last_resort: bool = False
    """Whether no candidate was a text, and this is what a reading found that would rather take too much than nothing."""


def shingles(lines: Sequence[str]) -> Shingles:
    """How often each sequence of four words occurs in the lines."""
    found = tokens("\n".join(lines))
    if len(found) < _SHINGLE_WORDS:
        return Counter([tuple(found)] if found else [])
    return Counter(zip(found, found[1:], found[2:], found[3:], strict=False))


def shingle_f1(one: Shingles, other: Shingles) -> float:
    """How much two texts agree, 0 to 1: the Dice coefficient of their shingles. Repetitions count."""
    total = one.total() + other.total()
    if not total:
        return 1.0
    shared = one.keys() & other.keys()
    # No generator expression: this runs for thousands of shingles per page.
    return 2 * sum(map(min, map(one.__getitem__, shared), map(other.__getitem__, shared))) / total


def paragraph_score_candidate(blocks: BlockList) -> list[Block]:
    """The second candidate: the element whose paragraphs score most, with siblings that resemble it."""
    scores: dict[html.HtmlElement, float] = {}
    for block in blocks:
        if block.weight < _MIN_SCORED_WEIGHT or block.tag in HEADINGS or "comment" in block.regions:
            continue
        score = (1.0 + block.text.count(",") + min(block.weight / 100, 3.0)) * (1.0 - block.link_share)
        element: html.HtmlElement | None = (
            block.element.getparent() if block.tag in ("p", "pre", "blockquote", "li") else block.element
        )
        for share in _SHARES_OF_ANCESTORS:
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
    threshold = max(_MIN_SIBLING_SCORE, scores[best] * _MIN_SIBLING_SHARE)
    siblings = [sibling for sibling in parent if sibling is best or scores.get(sibling, 0.0) >= threshold]
    if len(siblings) == 1:
        return chosen
    members = {id(block) for sibling in siblings for block in within(blocks, sibling)}
    return [block for block in article_blocks(blocks, parent) if id(block) in members]


def _name_score(element: html.HtmlElement) -> float:
    names = f"{element.get('class') or ''} {element.get('id') or ''}"
    return _NAME_WEIGHT if _NAME_OF_TEXT.search(names) else 0.0


def trafilatura_candidate(root: html.HtmlElement, *, is_last_resort: bool = False) -> Lines:
    """The third candidate. The tree is not changed. Empty when trafilatura finds nothing or the page is too large for it.

    `is_last_resort`: its full sequence, which would rather take too much than nothing.
    """
    if root.xpath("count(//*)") > _MAX_TRAFILATURA_ELEMENTS:
        return []
    document = bare_extraction(
        root,
        fast=not is_last_resort,
        favor_precision=not is_last_resort,
        favor_recall=is_last_resort,
        include_comments=False,
        with_metadata=False,
    )
    text = getattr(document, "text", None) or ""
    return [_LIST_MARKER.sub("", line.strip()) for line in text.split("\n") if line.strip()]


def select(
    root: html.HtmlElement,
    blocks: BlockList,
    topic: frozenset[str] = frozenset(),
    stated: str | None = None,
    heading: str | None = None,
) -> ChosenText:
    """The candidate that the others agree with most.

    `topic` holds the stems of the headline, `stated` is the text that the page's metadata give. trafilatura is by far the
    slowest, so it runs only when our two candidates disagree or do not fit the headline.
    """
    correct_mislabelled_regions(blocks, heading)
    blocks = before_comments(first_article(blocks, heading), heading)
    blocks.headline_index = next((block.index for block in blocks if block.tag == "h1" and block.text == heading), 0)
    container = find_container(blocks, topic, heading)
    members = article_blocks(blocks, container) if container is not None else []
    scored = paragraph_score_candidate(blocks)
    ours = [block.text for block in members]
    second = [block.text for block in scored]
    counts = [shingles(ours), shingles(second)]
    reference = shingles([stated]) if stated and len(stated) > _MIN_REFERENCE_CHARS else None
    if _is_settled(ours, counts, topic, reference):
        return ChosenText(
            _with_standfirst(blocks, members, ours, heading), blocks, container, "blocks", shingle_f1(*counts)
        )
    third = trafilatura_candidate(root)
    counts.append(shingles(third))
    if _is_whole(members, counts):
        agreement = shingle_f1(*counts[:2])
        return ChosenText(_with_standfirst(blocks, members, ours, heading), blocks, container, "blocks", agreement)
    best: tuple[float, str, Lines] = (0.0, "blocks", [])
    candidates = (("blocks", ours), ("paragraph-scores", second), ("trafilatura", third))
    taken = {"blocks": members, "paragraph-scores": scored, "trafilatura": members}
    weights = [_weight_of_own_lines(texts, heading) for _, texts in candidates]
    for count, weight, (name, texts) in zip(counts, weights, candidates, strict=True):
        # A candidate of only headline and date is not a text, however well it fits the headline.
        if not texts or weight < _MIN_TEXT_WEIGHT <= max(weights):
            continue
        support = sum(shingle_f1(count, other) for other in counts if other is not count and other) / 2
        if reference:
            support += _REFERENCE_WEIGHT * shingle_f1(count, reference)
        support = (0.01 + support) * (1 - _TOPIC_SHARE + _TOPIC_SHARE * _fit(texts, topic, heading))
        if name == "trafilatura":
            support *= _WITHOUT_KINDS
        if support > best[0]:
            best = (support, name, texts)
    texts = _with_standfirst(blocks, taken[best[1]], best[2], heading)
    return ChosenText(texts, blocks, container, best[1], min(1.0, best[0]))


def with_opening_heading(chosen: ChosenText, blocks: Sequence[Block], title: str | None) -> ChosenText:
    """The text of a further page with the heading that opens it. On a first page, such a line is a label."""
    index = next((n for n, block in enumerate(blocks) if chosen.texts and block.text == chosen.texts[0]), 0)
    above = blocks[index - 1] if index else None
    if above is None or above.tag not in HEADINGS or above.tag == "h1" or above.text == title:
        return chosen
    return replace(chosen, texts=[above.text, *chosen.texts], blocks=(above, *chosen.blocks))


def _with_standfirst(blocks: BlockList, members: Sequence[Block], texts: Lines, heading: str | None) -> Lines:
    """The text with its standfirst in front, unless it already contains it. `members`: the blocks of the text."""
    if not texts:
        return []
    head = " ".join(texts[:_COMPARED_LINES])
    standfirst = [block.text for block in find_standfirst(blocks, members, heading)]
    return [text for text in standfirst if text[:_COMPARED_CHARS] not in head] + texts


def _weight_of_own_lines(texts: Lines, heading: str | None) -> float:
    """The weight of the lines without headline, dates and boilerplate."""
    return sum(text_weight(text) for text, stays in zip(texts, kept(texts, heading), strict=True) if stays)


def _is_settled(ours: Lines, counts: Sequence[Shingles], topic: frozenset[str], reference: Shingles | None) -> bool:
    if not counts[0] or not counts[1] or shingle_f1(counts[0], counts[1]) < _MIN_AGREEMENT:
        return False
    if reference and shingle_f1(counts[0], reference) < _MIN_AGREEMENT_WITH_REFERENCE:
        return False
    return overlap(" ".join(ours), topic) >= MIN_TOPIC_OVERLAP


def _is_whole(members: Sequence[Block], counts: Sequence[Shingles]) -> bool:
    """True when ours has all that the other candidates have, once, and the rest of it stands between that or is set like it.

    Magazines put the halves of a text into elements side by side, of which the other two take one.
    """
    ours, *others = counts
    if any((ours & other).total() < max(1, _MIN_CONTAINED_SHARE * other.total()) for other in others):
        return False
    agreed = others[0] | others[1]
    added = [block for block in members if (one := shingles([block.text])) and (one & agreed).total() < one.total() / 2]
    is_once = (
        ours.total() - shingles([block.text for block in added]).total() < (ours & agreed).total() * _MAX_REPETITION
    )
    is_added = set(map(id, added))
    common = [block for block in members if id(block) not in is_added]
    places = {place_of(block) for block in common if block.is_prose}
    weight = sum(block.weight for block in added)
    alike = sum(block.weight for block in added if place_of(block) in places)
    linked = sum(block.link_chars for block in added) / max(1, sum(len(block.text) for block in added))
    is_between = bool(common) and all(common[0].index < block.index < common[-1].index for block in added)
    return is_once and linked < _MAX_LINK_SHARE_OF_HALF and (is_between or alike > _MIN_SHARE_SET_ALIKE * weight)


def _fit(texts: Lines, topic: frozenset[str], heading: str | None) -> float:
    """How much of the headline the text takes up, 0 to 1. A reading that repeats the headline itself has not taken it up."""
    return overlap(" ".join(text for text in texts if text != heading), topic)
