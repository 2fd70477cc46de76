"""Finds the element that contains the article, by the value of the paragraphs in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto_extractor.language import phrase_lists
from coranto_extractor.language.sentences import count_sentences
from coranto_extractor.language.text_comparison import stems
from coranto_extractor.page.blocks import HEADINGS, Block, BlockList
from coranto_extractor.page.regions import BOILERPLATE_REGIONS, is_shorter, sidebar_names

# The share of a paragraph's value that the element n levels above it gets. It falls, so that the best element is a small
# one, which is widened afterwards.
_SHARES_OF_ANCESTORS = (1.0, 0.85, 0.6, 0.4, 0.25)
# An ancestor replaces the container when it adds at least this share of prose, and so many times the links it adds.
_MIN_GAIN = 0.12
_MIN_GAIN_PER_LINK_CHAR = 3
# Factors of a paragraph's value: per stem it shares with the headline (up to a number), in an aside, in a list.
_GAIN_PER_SHARED_STEM = 0.5
_MAX_SHARED_STEMS = 3
_MIN_RELEVANT_WEIGHT = 100
_ASIDE_FACTOR = 0.3
_LIST_FACTOR = 0.6
_BEFORE_HEADLINE_FACTOR = 0.5
_AFTER_NEXT_HEADLINE_FACTOR = 0.4
# A paragraph counts at most this weight, and more the more sentences it has, up to a number.
_MAX_PARAGRAPH_WEIGHT = 1200.0
_MAX_SENTENCES = 3
# A shorter article element is a teaser. Of more elements than this, the others are not examined.
_MIN_ARTICLE_CHARS = 400
_MAX_ARTICLE_ELEMENTS = 200
_MIN_PARAGRAPHS = 3
# A text is cut into at most so many elements side by side; if their paragraphs are few, into at least so many steps.
_MAX_SLICES = 40
_MIN_STEPS = 4
# What is above the headline is left out where the prose below it weighs so many times more.
_MIN_BELOW_TO_ABOVE = 2.0
# Regions that never contain the headline of an article.
_REGIONS_WITHOUT_HEADLINE = frozenset({"comment", "consent", "notice", "author-box", "window"})
_MAX_LABEL_WEIGHT = 50
_MAX_LABEL_LINK_SHARE = 0.5
_NOT_LETTERS = re.compile(r"[\W\d_]+")


def first_article(blocks: BlockList, headline: str | None) -> BlockList:
    """The blocks up to the next article, on pages that scroll endlessly: it begins with a headline styled like the first."""
    start = next((n for n, block in enumerate(blocks) if block.tag == "h1" and block.text == headline), None)
    style = _style(blocks[start]) if start is not None else ()
    if start is None or not any(style):
        return blocks
    prose: list[int] = []
    for n in range(start + 1, len(blocks)):
        block = blocks[n]
        if block.tag == "h1" and block.text != headline and _style(block) == style:
            is_followed = sum(one.is_prose for one in blocks[n:]) >= _MIN_PARAGRAPHS
            is_next = (
                len(prose) >= _MIN_PARAGRAPHS and is_followed and _end_of_common_element(blocks, start, prose[-1]) <= n
            )
            return _up_to(blocks, n) if is_next else blocks
        if block.is_prose:
            prose.append(n)
    return blocks


def correct_mislabelled_regions(blocks: BlockList, headline: str | None) -> None:
    """Remove comments, notices and the like from the regions of blocks where the headline is inside too: the names mislead."""
    heading = next(
        (block for block in blocks if block.text == headline and block.regions & _REGIONS_WITHOUT_HEADLINE), None
    )
    misleading = heading.regions & _REGIONS_WITHOUT_HEADLINE if heading is not None else frozenset()
    if heading is None or any(block.text == headline and not block.regions & misleading for block in blocks):
        return
    for n in range(heading.index - 1, -1, -1):
        if not blocks[n].regions & misleading:
            break
        blocks[n].regions -= misleading
    for block in blocks[heading.index :]:
        if block.is_prose and not block.regions & misleading:
            return
        block.regions -= misleading


def before_comments(blocks: BlockList, headline: str | None) -> BlockList:
    """The blocks up to the readers' comments below the text, which begin with a label such as “12 comments”."""
    weight = 0.0
    last: Block | None = None
    start = next((n for n, block in enumerate(blocks) if block.text == headline and block.tag in ("h1", "h2")), 0)
    for n in range(start, len(blocks)):
        block = blocks[n]
        if block.is_prose and not block.regions & BOILERPLATE_REGIONS:
            weight += block.weight
            last = block
        elif (
            weight > _MIN_ARTICLE_CHARS
            and block.weight <= _MAX_LABEL_WEIGHT
            and _labels_comments(block)
            and last is not None
            and not _text_continues(blocks, n, last)
        ):
            return _up_to(blocks, n)
    return blocks


def _labels_comments(block: Block) -> bool:
    text = _NOT_LETTERS.sub(" ", block.text).strip().casefold()
    # “Discussion” may head a part of the text; “12 responses” never does.
    keys = ("comment_labels", "comment_counts") if any(map(str.isdigit, block.text)) else ("comment_labels",)
    return (block.tag in HEADINGS or block.link_share < _MAX_LABEL_LINK_SHARE) and any(
        phrase_lists.exact_phrase(key).fullmatch(text) for key in keys
    )


def _text_continues(blocks: BlockList, index: int, last: Block) -> bool:
    """True when paragraphs from this index on are set like those above it: the label is that of a button among them."""
    parent = last.element.getparent()
    return any(
        block.is_prose and block.element.getparent() is parent and block.tag == last.tag for block in blocks[index:]
    )


def _end_of_common_element(blocks: BlockList, one: int, other: int) -> int:
    """The end of the smallest element that contains both blocks. The items of a list share one with the next headings."""
    element = blocks[one].element
    while element is not None:
        first, end = blocks.ranges.get(element, (one, one + 1))
        if first <= other < end:
            return end
        element = element.getparent()
    return len(blocks)


def _style(heading: Block) -> tuple[str, str]:
    parent = heading.element.getparent()
    return heading.element.get("class") or "", (parent.get("class") or "") if parent is not None else ""


def _up_to(blocks: BlockList, end: int) -> BlockList:
    rest = BlockList()
    rest.extend(blocks[:end])
    rest.headline_index = blocks.headline_index
    rest.ranges = {element: (first, min(last, end)) for element, (first, last) in blocks.ranges.items() if first < end}
    return rest


def find_container(
    blocks: BlockList, topic: frozenset[str] = frozenset(), headline: str | None = None
) -> html.HtmlElement | None:
    """The element that contains the article's paragraphs; None when the page has no prose. `topic`: stems of the headline."""
    factors = _factors_by_position(blocks, headline)
    scores: dict[html.HtmlElement, float] = {}
    prose = [block for block in blocks if block.is_prose and not block.regions & BOILERPLATE_REGIONS]
    if not prose:
        return None
    times = Counter(block.text for block in prose)
    values = _values(prose)
    for block in prose:
        # What is on the page more than once is an appeal or a teaser.
        value = values[block.index] * _relevance(block, topic) * factors.get(id(block), 1.0) / times[block.text] ** 2
        element = block.element if block.tag not in ("p", "li", "blockquote", "pre") else block.element.getparent()
        for share in _SHARES_OF_ANCESTORS:
            if element is None:
                break
            scores[element] = scores.get(element, 0.0) + share * value
            element = element.getparent()
    best = max(scores, key=scores.__getitem__)
    return _single_article(_widen(best, blocks, values), best)


def _misleading_class_names(prose: Sequence[Block]) -> set[str]:
    """Names of sidebar boxes that contain most of the page's prose, and so are not sidebars."""
    weights: Counter[str] = Counter()
    for block in prose:
        for name in sidebar_names(block.regions):
            weights[name] += int(block.weight)
    half = sum(block.weight for block in prose) / 2
    return {name for name, weight in weights.items() if weight > half}


def _factors_by_position(blocks: Sequence[Block], headline: str | None) -> dict[int, float]:
    """Factors, by their ids, for the blocks that are not between the headline and the next h1."""
    indexes = [n for n, block in enumerate(blocks) if block.tag in ("h1", "h2") and block.text == headline]
    if not indexes:
        return {}
    first = indexes[0]
    after = next(
        (
            n
            for n in range(first + 1, len(blocks))
            if blocks[n].tag == "h1" and blocks[n].text != headline and blocks[first].tag == "h1"
        ),
        len(blocks),
    )
    prose_between = sum(1 for block in blocks[first:after] if block.is_prose)
    result = {id(block): _BEFORE_HEADLINE_FACTOR for block in blocks[:first]}
    if prose_between >= 2:
        result.update((id(block), _AFTER_NEXT_HEADLINE_FACTOR) for block in blocks[after:])
    return result


def _relevance(block: Block, topic: frozenset[str]) -> float:
    if block.weight <= _MIN_RELEVANT_WEIGHT:
        return 1.0
    return 1.0 + _GAIN_PER_SHARED_STEM * min(_MAX_SHARED_STEMS, len(topic & stems(block.text)))


def _single_article(container: html.HtmlElement, best: html.HtmlElement) -> html.HtmlElement:
    """The article element that contains the best paragraphs, when the container has several such elements."""
    long_ones = {
        article: set(article.iterancestors("article"))
        for article in islice(container.iter("article"), _MAX_ARTICLE_ELEMENTS)
        if not is_shorter(article, _MIN_ARTICLE_CHARS)
    }
    own: html.HtmlElement | None = best
    while own is not None and own is not container:
        if own.tag == "article":
            around = set(own.iterancestors("article"))
            if any(other is not own and other not in around and own not in outer for other, outer in long_ones.items()):
                return own
        own = own.getparent()
    return container


def _values(prose: Sequence[Block]) -> dict[int, float]:
    """The value of each paragraph, by its index."""
    misleading = _misleading_class_names(prose)
    return {
        block.index: _value(block) * (1.0 if misleading.issuperset(sidebar_names(block.regions)) else _ASIDE_FACTOR)
        for block in prose
    }


def _value(block: Block) -> float:
    if "©" in block.text or phrase_lists.contains("legal", block.text):
        return 0.0
    unlinked = 1.0 - block.link_share
    sentences = min(count_sentences(block.text), _MAX_SENTENCES)
    value = min(block.weight, _MAX_PARAGRAPH_WEIGHT) * unlinked * unlinked * (0.4 + 0.2 * sentences)
    if "aside" in block.regions:
        value *= _ASIDE_FACTOR
    if "list" in block.regions:
        value *= _LIST_FACTOR
    return value


def _widen(best: html.HtmlElement, blocks: BlockList, values: Mapping[int, float]) -> html.HtmlElement:
    """The ancestor that adds the rest of the article, if there is one that does not add the rest of the page as well."""
    good_before, bad_before = _running_totals(blocks, values)

    def total(element: html.HtmlElement) -> tuple[float, float]:
        first, end = blocks.ranges.get(element, (0, 0))
        return good_before[end] - good_before[first], bad_before[end] - bad_before[first]

    here = best
    below = best
    good_here, bad_here = total(here)
    for parent in best.iterancestors():
        if parent.tag == "html":
            break
        good, bad = total(parent)
        gained, lost = good - good_here, bad - bad_here
        # A wrapper that adds little is skipped: the next one may add the other half of the article.
        if gained > _MIN_GAIN * good_here:
            if gained <= _MIN_GAIN_PER_LINK_CHAR * lost and not _is_slice(below, parent, blocks):
                break
            here, good_here, bad_here = parent, good, bad
        below = parent
    return here


def _is_slice(element: html.HtmlElement, parent: html.HtmlElement, blocks: BlockList) -> bool:
    """True when the text is cut into similar elements with boxes between them, and this element is one of those."""
    if element.tag not in ("div", "section"):
        return False
    alike = [other for other in parent if other.tag == element.tag and other.get("class") == element.get("class")]
    if not 1 < len(alike) <= _MAX_SLICES:
        return False
    slices = [blocks[slice(*blocks.ranges.get(other, (0, 0)))] for other in alike]
    if any(
        block.tag in ("h1", "h2") and not sidebar_names(block.regions) for blocks_in in slices for block in blocks_in
    ):
        return False
    if all(sum(block.is_prose for block in blocks_in) >= _MIN_PARAGRAPHS - 1 for blocks_in in slices):
        return True
    # The steps of a guide are shorter, but unlike teasers they have no links.
    return len(alike) >= _MIN_STEPS and not any(block.link_chars for blocks_in in slices for block in blocks_in)


def _running_totals(blocks: BlockList, values: Mapping[int, float]) -> tuple[list[float], list[float]]:
    """Prose and linked text before each index, so that the amounts in any element are one subtraction."""
    good, bad = [0.0], [0.0]
    for block in blocks:
        is_prose = block.index in values
        good.append(good[-1] + values.get(block.index, 0.0))
        bad.append(bad[-1] + (block.link_chars if not is_prose and not block.regions & BOILERPLATE_REGIONS else 0))
    return good, bad


def within(blocks: BlockList, container: html.HtmlElement) -> Sequence[Block]:
    """The blocks in the container, without those above the headline when there is far more prose below it."""
    first, end = blocks.ranges.get(container, (0, 0))
    headline = blocks.headline_index
    if first < headline < end:
        above, below = _prose_weight(blocks[first:headline]), _prose_weight(blocks[headline:end])
        if below > _MIN_BELOW_TO_ABOVE * above:
            first = headline
    return blocks[first:end]


def _prose_weight(blocks: Sequence[Block]) -> float:
    return sum(block.weight for block in blocks if block.is_prose and not block.regions & BOILERPLATE_REGIONS)
