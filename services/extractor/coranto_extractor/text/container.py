"""Finds the element that holds the article, by the value of the paragraphs in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto_extractor.language import phrase_lists
from coranto_extractor.language.text_comparison import stems
from coranto_extractor.page.blocks import HEADINGS, SENTENCE_END, Block, BlockList
from coranto_extractor.page.regions import BOILERPLATE_REGIONS, is_shorter, sidebar_names

# What a paragraph gives to the element n levels above it. Falling off keeps the container tight; the climb widens it.
_SHARES = (1.0, 0.85, 0.6, 0.4, 0.25)
_CLIMB_GAIN = 0.12
_TOPIC_GAIN = 0.5
_ASIDE_SHARE = 0.3
_MIN_ARTICLE_CHARS = 400
_MAX_ARTICLES = 200
_MIN_PARAGRAPHS = 3
_MAX_PARTS = 40
_MIN_STEPS = 4
_BEFORE_HEADLINE = 0.5
_AFTER_NEXT_HEADLINE = 0.4
_SAID_BELOW = 2.0
# Parts that hold no headline of an article.
_NEVER_AROUND = frozenset({"comment", "consent", "notice", "author-box"})
_MAX_LABEL_WEIGHT = 50
_LINKED = 0.5
_NO_LABEL = re.compile(r"[\W\d_]+")


def first_article(blocks: BlockList, headline: str | None) -> BlockList:
    """The blocks up to where a second headline, set like the first, opens another article: pages that scroll on and on."""
    start = next((n for n, block in enumerate(blocks) if block.tag == "h1" and block.text == headline), None)
    style = _style(blocks[start]) if start is not None else ()
    if start is None or not any(style):
        return blocks
    prose: list[int] = []
    for n in range(start + 1, len(blocks)):
        block = blocks[n]
        if block.tag == "h1" and block.text != headline and _style(block) == style:
            is_followed = sum(one.is_prose for one in blocks[n:]) >= _MIN_PARAGRAPHS
            is_next = len(prose) >= _MIN_PARAGRAPHS and is_followed and _end_of_common(blocks, start, prose[-1]) <= n
            return _until(blocks, n) if is_next else blocks
        if block.is_prose:
            prose.append(n)
    return blocks


def correct_mislabelled_regions(blocks: BlockList, headline: str | None) -> None:
    """Take comments, notices and such for parts of the text where the headline stands in them too: their names lie."""
    heading = next((block for block in blocks if block.text == headline and block.regions & _NEVER_AROUND), None)
    lying = heading.regions & _NEVER_AROUND if heading is not None else frozenset()
    if heading is None or any(block.text == headline and not block.regions & lying for block in blocks):
        return
    for n in range(heading.place - 1, -1, -1):
        if not blocks[n].regions & lying:
            break
        blocks[n].regions -= lying
    for block in blocks[heading.place :]:
        if block.is_prose and not block.regions & lying:
            return
        block.regions -= lying


def before_comments(blocks: BlockList, headline: str | None) -> BlockList:
    """The blocks up to where a label such as “12 comments” opens what readers say below the text."""
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
            and not _goes_on(blocks, n, last)
        ):
            return _until(blocks, n)
    return blocks


def _labels_comments(block: Block) -> bool:
    text = _NO_LABEL.sub(" ", block.text).strip().casefold()
    # “Discussion” is a part of many texts, “12 responses” is not.
    kinds = ("comment_labels", "comment_counts") if any(map(str.isdigit, block.text)) else ("comment_labels",)
    return (block.tag in HEADINGS or block.link_share < _LINKED) and any(
        phrase_lists.exact_phrase(kind).fullmatch(text) for kind in kinds
    )


def _goes_on(blocks: BlockList, place: int, last: Block) -> bool:
    """True when paragraphs stand below the place as those above it do: the label is that of a button among them."""
    home = last.element.getparent()
    return any(
        block.is_prose and block.element.getparent() is home and block.tag == last.tag for block in blocks[place:]
    )


def _end_of_common(blocks: BlockList, one: int, other: int) -> int:
    """Where the smallest element ends that holds both blocks; a list's items stand in one with their next headings."""
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


def _until(blocks: BlockList, end: int) -> BlockList:
    rest = BlockList()
    rest.extend(blocks[:end])
    rest.headline = blocks.headline
    rest.ranges = {element: (first, min(last, end)) for element, (first, last) in blocks.ranges.items() if first < end}
    return rest


def find_container(
    blocks: BlockList, topic: frozenset[str] = frozenset(), headline: str | None = None
) -> html.HtmlElement | None:
    """The element that holds the article's paragraphs, or None when the page has no prose. `topic`: stems of the headline."""
    near = _nearness(blocks, headline)
    scores: dict[html.HtmlElement, float] = {}
    prose = [block for block in blocks if block.is_prose and not block.regions & BOILERPLATE_REGIONS]
    if not prose:
        return None
    times = Counter(block.text for block in prose)
    values = _values(prose)
    for block in prose:
        # What stands on the page more than once is an appeal or a teaser.
        value = values[block.place] * _relevance(block, topic) * near.get(id(block), 1.0) / times[block.text] ** 2
        element = block.element if block.tag not in ("p", "li", "blockquote", "pre") else block.element.getparent()
        for share in _SHARES:
            if element is None:
                break
            scores[element] = scores.get(element, 0.0) + share * value
            element = element.getparent()
    best = max(scores, key=scores.__getitem__)
    return _single_article(_widen(best, blocks, values), best)


def _misleading_class_names(prose: Sequence[Block]) -> set[str]:
    """Names of boxes beside the text that hold most of the page's paragraphs."""
    weights: Counter[str] = Counter()
    for block in prose:
        for name in sidebar_names(block.regions):
            weights[name] += int(block.weight)
    half = sum(block.weight for block in prose) / 2
    return {name for name, weight in weights.items() if weight > half}


def _nearness(blocks: Sequence[Block], headline: str | None) -> dict[int, float]:
    """A factor for the blocks that do not stand between the headline and the next first-rank heading."""
    places = [n for n, block in enumerate(blocks) if block.tag in ("h1", "h2") and block.text == headline]
    if not places:
        return {}
    first = places[0]
    after = next(
        (
            n
            for n in range(first + 1, len(blocks))
            if blocks[n].tag == "h1" and blocks[n].text != headline and blocks[first].tag == "h1"
        ),
        len(blocks),
    )
    prose_between = sum(1 for block in blocks[first:after] if block.is_prose)
    result = {id(block): _BEFORE_HEADLINE for block in blocks[:first]}
    if prose_between >= 2:
        result.update((id(block), _AFTER_NEXT_HEADLINE) for block in blocks[after:])
    return result


def _relevance(block: Block, topic: frozenset[str]) -> float:
    return 1.0 + _TOPIC_GAIN * min(3, len(topic & stems(block.text))) if block.weight > 100 else 1.0


def _single_article(container: html.HtmlElement, best: html.HtmlElement) -> html.HtmlElement:
    """The one <article> that the best paragraphs stand in, when the container holds several."""
    long_ones = {
        article: set(article.iterancestors("article"))
        for article in islice(container.iter("article"), _MAX_ARTICLES)
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
    """What each paragraph counts for, by its place."""
    lying = _misleading_class_names(prose)
    return {
        block.place: _value(block) * (1.0 if lying.issuperset(sidebar_names(block.regions)) else _ASIDE_SHARE)
        for block in prose
    }


def _value(block: Block) -> float:
    if "©" in block.text or phrase_lists.contains("legal", block.text):
        return 0.0
    sentences = len(SENTENCE_END.findall(block.text))
    density = 1.0 - block.link_share
    value = min(block.weight, 1200.0) * density * density * (0.4 + 0.2 * min(sentences, 3))
    if "aside" in block.regions:
        value *= _ASIDE_SHARE
    if "list" in block.regions:
        value *= 0.6
    return value


def _widen(best: html.HtmlElement, blocks: BlockList, values: Mapping[int, float]) -> html.HtmlElement:
    """The ancestor that takes in the rest of the article, if one does so without taking in the rest of the page."""
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
        # A wrapper that adds little is passed over: the next one may add the other half of the article.
        if gained > _CLIMB_GAIN * good_here:
            if gained <= 3 * lost and not _is_cut_in_two(below, parent, blocks):
                break
            here, good_here, bad_here = parent, good, bad
        below = parent
    return here


def _is_cut_in_two(part: html.HtmlElement, parent: html.HtmlElement, blocks: BlockList) -> bool:
    """True when boxes stand between the parts of one text: elements side by side, set alike, of paragraphs alone."""
    if part.tag not in ("div", "section"):
        return False
    alike = [other for other in parent if other.tag == part.tag and other.get("class") == part.get("class")]
    if not 1 < len(alike) <= _MAX_PARTS:
        return False
    members = [blocks[slice(*blocks.ranges.get(element, (0, 0)))] for element in alike]
    if any(block.tag in ("h1", "h2") for blocks_in in members for block in blocks_in):
        return False
    if all(sum(block.is_prose for block in blocks_in) >= _MIN_PARAGRAPHS - 1 for blocks_in in members):
        return True
    # The steps of a guide are shorter, but unlike teasers they lead nowhere.
    return len(alike) >= _MIN_STEPS and not any(block.link_chars for blocks_in in members for block in blocks_in)


def _running_totals(blocks: BlockList, values: Mapping[int, float]) -> tuple[list[float], list[float]]:
    """Prose and linked text before each place, so that any element's share is one subtraction."""
    good, bad = [0.0], [0.0]
    for block in blocks:
        is_prose = block.place in values
        good.append(good[-1] + values.get(block.place, 0.0))
        bad.append(bad[-1] + (block.link_chars if not is_prose and not block.regions & BOILERPLATE_REGIONS else 0))
    return good, bad


def within(blocks: BlockList, container: html.HtmlElement) -> Sequence[Block]:
    """The blocks that stand in the container, without those above the headline where it says far more below it."""
    first, end = blocks.ranges.get(container, (0, 0))
    if first < blocks.headline < end and _weight_of_prose(
        blocks[blocks.headline : end]
    ) > _SAID_BELOW * _weight_of_prose(blocks[first : blocks.headline]):
        first = blocks.headline
    return blocks[first:end]


def _weight_of_prose(blocks: Sequence[Block]) -> float:
    return sum(block.weight for block in blocks if block.is_prose and not block.regions & BOILERPLATE_REGIONS)
