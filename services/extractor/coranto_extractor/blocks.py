"""Cuts the tree into blocks of text in reading order and finds the container that holds the article.

One pass gives every other module the same view of the page: what stands where, how much of it is linked, and which
parts of the page (navigation, asides, captions, comments) it stands in.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto_extractor import words
from coranto_extractor.topic import stems

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_COMMENT_NAMES = re.compile(
    r"(?:^|[\s_-])(?:comments?|comment-?list|commentlist|disqus|respond|livefyre|kommentare?|reactions|komentarze)"
    r"(?:$|[\s_-])",
    re.IGNORECASE,
)
_COMMENT_FALSE_FRIENDS = re.compile(r"count|link|button|no-?comment|open|closed", re.IGNORECASE)
_CONSENT_NAMES = re.compile(r"cookie|consent|onetrust|gdpr|didomi|usercentrics|cmp-|paywall-?modal", re.IGNORECASE)
_CAPTION_NAMES = re.compile(
    r"caption|(?:^|[\s_-])(?:image|photo|img)[-_]{1,2}(?:credit|copyright|desc|title|source)"
    r"|legende|bildunterschrift|(?:^|[\s_-])credits?(?:$|[\s_-])",
    re.IGNORECASE,
)
_AUTHOR_BOX_NAMES = re.compile(
    r"author[-_]{0,2}(?:bio|box|info|card|desc|about|profile|description)"
    r"|about[-_]{0,2}(?:the[-_])?author|(?:^|[\s_-])bio(?:$|[\s_-])",
    re.IGNORECASE,
)
# What a player or a form says of its own state; the names of boxes around a text never say it.
_NOTICE_NAMES = re.compile(
    r"(?:player|video|media)[\w-]{0,20}(?:error|fallback|message|unsupported)|(?:error|alert)[-_](?:message|text|box)"
    r"|^(?:error|alert)$",
    re.IGNORECASE,
)
_MAX_FORM_CHARS = 600
_MAX_NOTICE_CHARS = 300
_UNSEEN_NAMES = re.compile(r"visually-?hidden|sr-only|screen-?reader|off-?screen|(?:^|\s)hidden-text", re.IGNORECASE)
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
_SENTENCE_END = re.compile(r"[.!?…。！？](?:[\"'»”’“\)\]]|\s|$)")
_CLAUSE = re.compile("[,;:，、；]")
# A Chinese or Thai character carries what two to three Latin letters do.
_WIDE_WEIGHT = 2.5
PROSE_CHARS = 60
# A closing line so long says something, with a full stop or without.
_UNSTOPPED_WEIGHT = 40
# No heading is so long.
_HEADING_WEIGHT = 200


@dataclass(slots=True)
class Block:
    """A run of text that a browser would set apart, and where it stands."""

    text: str
    element: html.HtmlElement
    tag: str
    link_chars: int
    weight: float
    parts: frozenset[str]
    links: list[tuple[str, str]] = field(default_factory=list)
    place: int = 0
    is_prose: bool = field(init=False)
    """True for text that reads like a paragraph: long enough, mostly not linked, with a sentence in it."""

    @property
    def link_share(self) -> float:
        """Share of the characters that are linked."""
        return min(1.0, self.link_chars / max(1, len(self.text)))

    @property
    def is_set_as_heading(self) -> bool:
        """True for a paragraph, mostly the first, that the page sets as a heading for its looks."""
        return self.tag in HEADINGS - {"h1"} and self.weight > _HEADING_WEIGHT and bool(_SENTENCE_END.search(self.text))

    def __post_init__(self) -> None:
        # Asked for some twenty times a block, so worked out once.
        self.is_prose = (
            self.weight >= PROSE_CHARS
            and self.link_share < 0.5
            and (self.tag not in HEADINGS or self.is_set_as_heading)
            and (self.weight > 150 or bool(_SENTENCE_END.search(self.text) or _CLAUSE.search(self.text)))
        )


class BlockList(list[Block]):
    """A page's blocks in reading order; `spans` tells which of them stand in an element, as first and one past the last."""

    def __init__(self) -> None:
        super().__init__()
        self.spans: dict[html.HtmlElement, tuple[int, int]] = {}


def weight_of(text: str) -> float:
    """Length of a text in Latin letters: characters of scripts without spaces count more."""
    return len(text) + (_WIDE_WEIGHT - 1) * len(_WIDE.findall(text))


def fold(text: str) -> str:
    """The text with white space folded and invisible characters taken out."""
    return _SPACE.sub(" ", text.replace("\u00ad", "").replace("\u200b", "").replace("\ufeff", "")).strip()


def cut(root: html.HtmlElement) -> BlockList:
    """The page's blocks in reading order."""
    body = root.find(".//body")
    cutter = _Cutter()
    cutter.walk(body if body is not None else root, frozenset())
    cutter.end_block()
    cutter.blocks.spans[root] = (0, len(cutter.blocks))
    return cutter.blocks


class _Cutter:
    def __init__(self) -> None:
        self.blocks = BlockList()
        self._texts: list[str] = []
        self._link_chars = 0
        self._links: list[tuple[str, str]] = []
        self._element: html.HtmlElement | None = None
        self._parts: frozenset[str] = frozenset()
        self._link_depth = 0
        self._block_tags = HEADINGS | words.markup_set("block_tags")
        self._skipped_tags = words.markup_set("skipped_tags")
        self._breaks = 0

    def walk(self, element: html.HtmlElement, parts: frozenset[str]) -> None:
        tag = element.tag
        parts = parts | _parts_of(element, tag)
        is_block = tag in self._block_tags
        if is_block:
            self.end_block()
            self._open(element, parts)
        first = len(self.blocks)
        is_link = tag == "a"
        start = len(self._texts)
        if is_link:
            self._link_depth += 1
        self._add(element.text)
        for child in element:
            child_tag = child.tag
            if not isinstance(child_tag, str) or (
                (child_tag in self._skipped_tags or _is_hidden(child)) and not _swallows_page(child)
            ):
                pass
            elif child_tag == "br":
                self._break()
            else:
                self.walk(child, parts)
                if child_tag in self._block_tags:
                    self._open(element, parts)
            self._add(child.tail)
        if is_link:
            self._link_depth -= 1
            href = element.get("href")
            if href:
                self._links.append((href, fold("".join(self._texts[start:]))))
        if is_block:
            self.end_block()
            self.blocks.spans[element] = (first, len(self.blocks))

    def _open(self, element: html.HtmlElement, parts: frozenset[str]) -> None:
        if not self._texts:
            self._element, self._parts = element, parts

    def _add(self, text: str | None) -> None:
        if not text:
            return
        self._texts.append(text)
        stripped = len(text.strip())
        if stripped:
            self._breaks = 0
            if self._link_depth:
                self._link_chars += stripped

    def _break(self) -> None:
        self._breaks += 1
        if self._breaks > 1 or self._ends_sentence():
            element, parts = self._element, self._parts
            self.end_block()
            self._element, self._parts = element, parts
        else:
            self._texts.append(" ")

    def _ends_sentence(self) -> bool:
        tail = "".join(self._texts[-3:]).rstrip()
        return len(tail) > 80 and tail[-1] in '.!?…»”"。'

    def end_block(self) -> None:
        text = fold("".join(self._texts))
        if text and self._element is not None:
            self.blocks.append(
                Block(
                    text,
                    self._element,
                    self._element.tag,
                    self._link_chars,
                    weight_of(text),
                    self._parts,
                    self._links,
                    len(self.blocks),
                )
            )
        self._texts, self._links, self._link_chars, self._breaks = [], [], 0, 0


_PART_TAGS = {
    "nav": "nav", "aside": "aside", "footer": "footer", "header": "header", "figure": "figure", "figcaption": "caption",
    "blockquote": "quote", "pre": "code", "li": "list", "table": "table", "form": "form", "time": "time",
}  # fmt: skip
_PAGE_TAGS = ("h1", "article", "main")
_NO_PARTS: frozenset[str] = frozenset()
_PART_SETS = {tag: frozenset({part}) for tag, part in _PART_TAGS.items()}


def _parts_of(element: html.HtmlElement, tag: str) -> frozenset[str]:
    parts = _PART_SETS.get(tag, _NO_PARTS)
    if tag in ("div", "section", "ol", "ul", "table", "article", "li", "aside"):
        names = f"{element.get('id') or ''} {element.get('class') or ''}"
        if "omment" in names or "isqus" in names or "respond" in names or "reactions" in names or "omentar" in names:
            found = _COMMENT_NAMES.search(names)
            if found and not _COMMENT_FALSE_FRIENDS.search(names):
                return parts | {"comment"}
        if _CONSENT_NAMES.search(names) and tag in ("div", "section", "aside") and len(names) < 200:
            return parts | {"consent"}
        if _AUTHOR_BOX_NAMES.search(names):
            return parts | {"author-box"}
    if _is_notice(element, tag):
        return parts | {"notice"}
    if tag in ("div", "p", "section", "dd", "li"):
        names = element.get("class")
        if names and _CAPTION_NAMES.search(names) and len(names) < 150:
            return parts | {"caption"}
    role = element.get("role")
    if role in ("navigation", "complementary", "contentinfo", "search", "dialog", "menu"):
        return parts | {"nav" if role != "complementary" else "aside"}
    return parts


def _is_notice(element: html.HtmlElement, tag: str) -> bool:
    """True for a form that asks for something, and for what a player or an alert says of its own state."""
    if tag == "form":
        # Whole pages stand in one form on some servers.
        return len(element.text_content()) < _MAX_FORM_CHARS and not any(True for _ in element.iter(*_PAGE_TAGS))
    if element.get("role") in ("alert", "status"):
        return len(element.text_content()) < _MAX_NOTICE_CHARS
    names = element.get("class") if tag in ("div", "p", "span", "section") else None
    return bool(names and _NOTICE_NAMES.search(names) and len(element.text_content()) < _MAX_NOTICE_CHARS)


def _swallows_page(element: html.HtmlElement) -> bool:
    """True for an unclosed button or a curtain that scripts lift, with the whole article inside."""
    return element.tag in ("button", "div", "section", "main", "article", "label", "option", "select") and any(
        True for _ in element.iter(*_PAGE_TAGS)
    )


def _is_hidden(element: html.HtmlElement) -> bool:
    style = element.get("style")
    names = element.get("class")
    if names and _UNSEEN_NAMES.search(names):
        return True
    return (
        bool(style and _HIDDEN_STYLE.search(style))
        or element.get("hidden") is not None
        or element.get("aria-hidden") == "true"
    )


# --- the container ------------------------------------------------------------------------------------------------

_AWAY = frozenset({"nav", "footer", "comment", "caption", "consent", "author-box", "notice"})
# What a paragraph gives to the element n levels above it. Falling off keeps the container tight; the climb widens it.
_SHARES = (1.0, 0.85, 0.6, 0.4, 0.25)
_CLIMB_GAIN = 0.12
_TOPIC_GAIN = 0.5
_BEFORE_HEADLINE = 0.5
_AFTER_NEXT_HEADLINE = 0.4


def find_container(
    blocks: BlockList, topic: frozenset[str] = frozenset(), headline: str | None = None
) -> html.HtmlElement | None:
    """The element that holds the article's paragraphs, or None when the page has no prose. `topic`: stems of the headline."""
    near = _nearness(blocks, headline)
    scores: dict[html.HtmlElement, float] = {}
    prose = [block for block in blocks if block.is_prose and not block.parts & _AWAY]
    if not prose:
        return None
    times = Counter(block.text for block in prose)
    for block in prose:
        # What stands on the page more than once is an appeal or a teaser.
        value = _value(block) * _relevance(block, topic) * near.get(id(block), 1.0) / times[block.text] ** 2
        element = block.element if block.tag not in ("p", "li", "blockquote", "pre") else block.element.getparent()
        for share in _SHARES:
            if element is None:
                break
            scores[element] = scores.get(element, 0.0) + share * value
            element = element.getparent()
    best = max(scores, key=scores.__getitem__)
    return _one_article(_climb(best, blocks, prose), best)


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


def _one_article(container: html.HtmlElement, best: html.HtmlElement) -> html.HtmlElement:
    """The one <article> that the best paragraphs stand in, when the container holds several side by side."""
    own: html.HtmlElement | None = best
    while own is not None and own is not container:
        if own.tag == "article":
            parent = own.getparent()
            others = (
                sum(
                    1
                    for sibling in parent
                    if sibling.tag == "article" and sibling is not own and len(sibling.text_content()) > 400
                )
                if parent is not None
                else 0
            )
            if others:
                return own
        own = own.getparent()
    return container


def _value(block: Block) -> float:
    if "©" in block.text or words.has("legal", block.text):
        return 0.0
    sentences = len(_SENTENCE_END.findall(block.text))
    density = 1.0 - block.link_share
    value = min(block.weight, 1200.0) * density * density * (0.4 + 0.2 * min(sentences, 3))
    if "aside" in block.parts:
        value *= 0.3
    if "list" in block.parts:
        value *= 0.6
    return value


def _climb(best: html.HtmlElement, blocks: BlockList, prose: Sequence[Block]) -> html.HtmlElement:
    """The ancestor that takes in the rest of the article, if one does so without taking in the rest of the page."""
    good_before, bad_before = _running_totals(blocks, prose)

    def total(element: html.HtmlElement) -> tuple[float, float]:
        first, end = blocks.spans.get(element, (0, 0))
        return good_before[end] - good_before[first], bad_before[end] - bad_before[first]

    here = best
    good_here, bad_here = total(here)
    for parent in best.iterancestors():
        if parent.tag == "html":
            break
        good, bad = total(parent)
        gained, lost = good - good_here, bad - bad_here
        # A wrapper that adds little is passed over: the next one may add the other half of the article.
        if gained > _CLIMB_GAIN * good_here:
            if gained <= 3 * lost:
                break
            here, good_here, bad_here = parent, good, bad
    return here


def _running_totals(blocks: BlockList, prose: Sequence[Block]) -> tuple[list[float], list[float]]:
    """Prose and linked text before each place, so that any element's share is one subtraction."""
    chosen = {block.place for block in prose}
    good, bad = [0.0], [0.0]
    for block in blocks:
        is_prose = block.place in chosen
        good.append(good[-1] + (_value(block) if is_prose else 0.0))
        bad.append(bad[-1] + (block.link_chars if not is_prose and not block.parts & _AWAY else 0))
    return good, bad


def within(blocks: BlockList, container: html.HtmlElement) -> Sequence[Block]:
    """The blocks that stand in the container."""
    first, end = blocks.spans.get(container, (0, 0))
    return blocks[first:end]


def article_blocks(blocks: BlockList, container: html.HtmlElement) -> list[Block]:
    """The container's blocks that belong to the text: prose, the headings over it, and lists and quotes between it."""
    chosen = [block for block in within(blocks, container) if not block.parts & _AWAY and "aside" not in block.parts]
    dropped = _link_lists(chosen) | _after_labels(chosen, blocks.spans)
    kept: list[Block] = []
    for block in chosen:
        if id(block) in dropped or (block.link_share > 0.8 and block.weight < 250):
            continue
        kept.append(block)
    kept = kept[: _first_of_teasers(chosen, kept)]
    first = next((n for n, block in enumerate(kept) if block.is_prose), None)
    if first is None:
        return []
    last = max(n for n, block in enumerate(kept) if block.is_prose)
    first, last = _widened(kept, first, last)
    result: list[Block] = []
    for n, block in enumerate(kept):
        is_between = first <= n <= last
        if block.is_prose or (is_between and _belongs(block)) or n in (first, last):
            result.append(block)
    return [block for n, block in enumerate(result) if block.tag not in HEADINGS or _heads_something(result, n)]


_STANDFIRST_NAMES = re.compile(
    r"(?:^|[\s_-])(?:lead|lede|intro|introduction|standfirst|dek|deck|subtitle|sub-?title|subhead\w*|summary|vorspann|chapo|excerpt|anons|announce|preview|description|abstract|sapo|ingress)(?:$|[\s_-])",
    re.IGNORECASE,
)
_STANDFIRST_REACH = 14
_CLOCK_TIME = re.compile(r"\b\d{1,2}[:.]\d{2}\b")


def find_standfirst(blocks: Sequence[Block], chosen: Sequence[Block], headline: str | None) -> list[Block]:
    """The opening between headline and text that pages set outside of the text's container."""
    places = [n for n, block in enumerate(blocks) if headline and block.text == headline]
    if not places or not chosen:
        return []
    members = {id(block) for block in chosen}
    first = next((n for n, block in enumerate(blocks) if id(block) in members), 0)
    start = max((place for place in places if place < first), default=None)
    if start is None or first - start > _STANDFIRST_REACH:
        return []
    opening = " ".join(block.text for block in chosen)
    return [block for block in blocks[start + 1 : first] if _is_standfirst(block, opening)][:2]


def _is_standfirst(block: Block, opening: str) -> bool:
    if block.parts & (_AWAY | {"aside", "list", "figure"}) or block.link_share > 0.3 or not 40 <= block.weight <= 700:
        return False
    has_sentence = _SENTENCE_END.search(block.text) or (block.tag == "p" and "header" in block.parts)
    if block.text[:60] in opening or not has_sentence or len(_CLOCK_TIME.findall(block.text)) > 1:
        return False
    names = f"{block.element.get('class') or ''} {block.element.get('itemprop') or ''}"
    return block.is_prose or bool(_STANDFIRST_NAMES.search(names))


def _widened(kept: Sequence[Block], first: int, last: int) -> tuple[int, int]:
    """The text's first and last place with the short sentences, list items and code beside its paragraphs."""
    while first > 0 and _adjoins(kept[first - 1], kept[first]):
        first -= 1
    while last + 1 < len(kept) and (_adjoins(kept[last + 1], kept[last]) or _continues(kept[last + 1], kept[last])):
        last += 1
    while last > first and not kept[last].is_prose and kept[last].text.endswith(":"):
        # It opens something that is no part of the text.
        last -= 1
    return first, last


def _adjoins(block: Block, neighbour: Block) -> bool:
    if block.link_share > 0.3 or block.weight < 15 or block.tag not in ("p", "li", "pre", "div", "blockquote", "code"):
        return False
    if block.tag == "li":
        is_next = "list" in neighbour.parts and block.element.getparent() is neighbour.element.getparent()
        return is_next or (neighbour.text.endswith(":") and neighbour.place == block.place - 1)
    if block.element.getparent() is not neighbour.element.getparent() and block.element is not neighbour.element:
        return False
    return "code" in block.parts or (
        block.tag != "div" and bool(_SENTENCE_END.search(block.text[-3:]) or block.text.endswith(":"))
    )


def _continues(block: Block, neighbour: Block) -> bool:
    """True for a paragraph like the one before it that only lacks its full stop."""
    return (
        block.tag == "p" == neighbour.tag
        and block.weight >= _UNSTOPPED_WEIGHT
        and not words.one_of("photo").match(block.text)
        and not block.links
        and block.place == neighbour.place + 1
        and block.element.get("class") == neighbour.element.get("class")
        and block.element.getparent() is neighbour.element.getparent()
    )


def _belongs(block: Block) -> bool:
    if "code" in block.parts:
        return True
    if block.tag in HEADINGS or "quote" in block.parts:
        return block.link_share < 0.8
    if block.tag == "p":
        return block.link_share < 0.7
    if "list" in block.parts or "table" in block.parts:
        return block.link_share < 0.5
    return block.link_share < 0.3 and bool(_SENTENCE_END.search(block.text) or block.weight >= 40)


def _heads_something(result: Sequence[Block], n: int) -> bool:
    return n + 1 < len(result) and any(block.is_prose for block in result[n + 1 : n + 4])


def _first_of_teasers(chosen: Sequence[Block], kept: list[Block]) -> int:
    """Place in `kept` where a closing run of teasers begins: a linked line and a short text, three times or more."""
    pairs = 0
    first: Block | None = None
    texts_since = 0
    cut_at: Block | None = None
    for block in reversed(chosen):
        if block.link_share > 0.7 and block.weight > 20 and _leads_away(block):
            if texts_since:
                pairs += 1
                cut_at = first
            texts_since = 0
        elif block.weight > 25:
            texts_since += 1
            first = block
            if texts_since > 2 or block.weight > 500:
                break
    if pairs < 3 or cut_at is None:
        return len(kept)
    place = next((n for n, block in enumerate(kept) if block is cut_at), len(kept))
    before = sum(block.weight for block in kept[:place] if block.is_prose)
    return place if before > 200 else len(kept)


def _leads_away(block: Block) -> bool:
    """False for a link within the page, such as the question of an accordion."""
    return any(not href.startswith(("#", "javascript:")) for href, _ in block.links)


def _after_labels(chosen: Sequence[Block], spans: Mapping[html.HtmlElement, tuple[int, int]]) -> set[int]:
    """Ids of the blocks in boxes headed by a label such as “Read also”: teasers may have prose of their own."""
    total = sum(block.weight for block in chosen if block.is_prose)
    dropped: set[int] = set()
    for block in chosen:
        if block.weight > 60 or not words.whole("read_also").fullmatch(block.text.strip(" :.…»›>▶|-–—").casefold()):
            continue
        element: html.HtmlElement | None = block.element
        for _ in range(3):
            element = element.getparent() if element is not None else None
            if element is None:
                break
            first, end = spans.get(element, (0, 0))
            members = [other for other in chosen if first <= other.place < end]
            if any(other.place < block.place and other.is_prose for other in members):
                break
            weight = sum(other.weight for other in members if other.is_prose)
            if len(members) > 1 and weight < 0.4 * total:
                dropped.update(id(other) for other in members)
                break
    return dropped


def _link_lists(chosen: Sequence[Block]) -> set[int]:
    """Ids of the blocks in lists, tables and boxes that are mostly links."""
    groups: dict[html.HtmlElement, list[Block]] = {}
    for block in chosen:
        element = block.element
        for _ in range(6):
            if element is None:
                break
            if element.tag in ("ul", "ol", "table", "dl", "section", "div"):
                groups.setdefault(element, []).append(block)
            element = element.getparent()
    dropped: set[int] = set()
    for members in groups.values():
        chars = sum(len(block.text) for block in members)
        linked = sum(block.link_chars for block in members)
        prose = sum(block.weight for block in members if block.is_prose)
        if linked > 0.5 * chars and prose < 0.35 * chars and sum(1 for block in members if block.link_chars) > 1:
            dropped.update(id(block) for block in members)
    return dropped
