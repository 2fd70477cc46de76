"""What the decision whether a page is an article is made from: measurements of the page, and what it says about itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from urllib.parse import urlsplit

from coranto_extractor.fields.page_reading import PageReading
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.phrase_lists import cached_per_languages, class_alternatives
from coranto_extractor.language.sentences import ends_with_sentence
from coranto_extractor.page.blocks import Block, text_weight
from coranto_extractor.page.metadata import PageMetadata

ARTICLE_TYPES = frozenset({
    "Article", "NewsArticle", "ReportageNewsArticle", "AnalysisNewsArticle", "OpinionNewsArticle",
    "BackgroundNewsArticle", "BlogPosting", "LiveBlogPosting", "Report", "TechArticle", "ScholarlyArticle",
    "AdvertiserContentArticle", "ReviewNewsArticle", "Recipe", "Review", "ClaimReview",
})  # fmt: skip
PRODUCT_TYPES = frozenset(
    {"Product", "ProductGroup", "Offer", "AggregateOffer", "IndividualProduct", "ProductModel", "Vehicle"}
)
# Sources whose date may be that of one of the things a page lists.
_SOURCES_OF_LISTED_DATES = frozenset({"time-element", "script", "title"})
_SOURCES_OF_STATED_DATES = frozenset({"json-ld", "opengraph", "meta", "microdata"})
_MAX_PRICE_BLOCK_CHARS = 80
_END_CHARS = 40
_BREAKING_OFF = re.compile(r"(?:…|\.{3})[\])]?(?:\s[^.!?…]{0,30})?$")
_MIN_TEASER_LINK_SHARE = 0.6
_MIN_TEASER_CHARS = 30
_CURRENCY_SIGNS = "$€£¥₽₺₴₹₩₫₪฿"
# The date of a teaser may be one of its lines. A list may have a line of introduction.
_MAX_LINES_OF_TEASER = 3
_MAX_OTHER_LINES_OF_LIST = 1


@cached_per_languages
def _price() -> re.Pattern[str]:
    currencies = class_alternatives("currencies")
    return re.compile(rf"[{_CURRENCY_SIGNS}]\s?\d|\d[\d.,]*\s?(?:[{_CURRENCY_SIGNS}]|EUR|USD|(?i:{currencies}))")


@dataclass(frozen=True)
class PageSummary:
    """What the decision needs to know about a page."""

    reading: PageReading
    date_source: str | None
    """Where the date of publication comes from; None when there is none."""
    has_author: bool
    has_video: bool
    is_last_resort: bool = False
    """Whether the text is one that only a reading found which would rather take too much than nothing."""

    @property
    def page(self) -> PageMetadata:
        """What the page states about itself."""
        return self.reading.metadata

    @property
    def blocks(self) -> Sequence[Block]:
        """All blocks of the page."""
        return self.reading.blocks

    @property
    def texts(self) -> Sequence[str]:
        """The lines of the text."""
        return self.reading.texts

    @property
    def title(self) -> str | None:
        """The headline."""
        return self.reading.title

    @property
    def has_date(self) -> bool:
        """True when a date of publication was found anywhere."""
        return self.date_source is not None

    @property
    def has_own_date(self) -> bool:
        """True when the date is certainly that of this page, and not of one of the things it lists."""
        return self.date_source is not None and self.date_source not in _SOURCES_OF_LISTED_DATES

    @property
    def has_stated_date(self) -> bool:
        """True when the page's metadata state the date."""
        return self.date_source in _SOURCES_OF_STATED_DATES

    @property
    def is_unsigned(self) -> bool:
        """True when the page gives neither a date nor an author."""
        return not (self.has_date or self.has_author)

    @property
    def og_type(self) -> str:
        """What Open Graph says the page is, in lower case; empty when it says nothing."""
        return (self.page.first("og:type") or "").lower()


@dataclass(frozen=True)
class PageMetrics:
    """Measurements of a page: how much of it is text, links and teasers."""

    text_weight: float
    longest: float
    """Weight of the longest paragraph."""
    page_weight: float
    link_weight: float
    teasers: int
    """Linked headings anywhere on the page."""
    teasers_between: int
    """Linked headings between the paragraphs of the text."""
    dated_teasers: int
    """Linked headings with a date and a few lines of the text behind each, when those are all the lines of the text. 0 for a page
    with a date of its own."""
    paragraphs: int
    linked_lines: int
    """Lines of the text that are links, and no sentences."""
    linked_share: float
    """The share of the text that they are."""
    excerpts: int
    """Paragraphs that break off in dots, with or without a link behind them."""
    prices: int
    path: str
    """Path and query of the page's URL; empty when the URL is unknown."""
    types: frozenset[str]
    """The JSON-LD types on the page."""
    is_stated_article: bool
    """Whether the page's metadata say that it is an article."""

    @property
    def text_share(self) -> float:
        """The share of the page that is the text."""
        return self.text_weight / max(1.0, self.page_weight)

    @property
    def link_share(self) -> float:
        """The share of the page that is links."""
        return self.link_weight / max(1.0, self.page_weight)


def measure(summary: PageSummary) -> PageMetrics:
    """The measurements of one page."""
    weights = [text_weight(text) for text in summary.texts]
    blocks = summary.blocks
    types = frozenset(summary.page.types())
    lines = set(summary.texts)
    # Articles whose paragraphs are links have been seen; theirs are sentences.
    linked = [
        block for block in blocks if block.text in lines and _is_linked(block) and not ends_with_sentence(block.text)
    ]
    return PageMetrics(
        text_weight=sum(weights),
        longest=max(weights, default=0.0),
        page_weight=sum(block.weight for block in blocks),
        link_weight=sum(block.link_chars * block.weight / max(1, len(block.text)) for block in blocks),
        teasers=sum(1 for block in blocks if block.tag in ("h2", "h3", "h4") and _is_linked(block)),
        teasers_between=_teasers_between(blocks, summary.texts),
        # Only asked about pages without a date of their own, and it takes a walk through the whole page.
        dated_teasers=0 if summary.has_own_date else _dated_teasers(summary, lines),
        paragraphs=len(weights),
        linked_lines=len(linked),
        linked_share=sum(block.weight for block in linked) / max(1.0, sum(weights)),
        excerpts=sum(1 for text in summary.texts if _BREAKING_OFF.search(text[-_END_CHARS:])),
        prices=sum(1 for block in blocks if len(block.text) < _MAX_PRICE_BLOCK_CHARS and _price().search(block.text)),
        path=_path(summary.page),
        types=types,
        is_stated_article=_is_stated_article(summary, types),
    )


def match(key: str, text: str) -> str | None:
    """The first phrase under the key in the text, as written there."""
    found = phrase_lists.any_phrase(key).search(text)
    return found.group(0) if found else None


def article_types(types: frozenset[str]) -> frozenset[str]:
    """Those of the JSON-LD types that are types of articles."""
    # A customer's review of a product does not make the page an article.
    return ARTICLE_TYPES & (types - {"Review"} if types & PRODUCT_TYPES else types)


def _is_stated_article(summary: PageSummary, types: frozenset[str]) -> bool:
    return bool(article_types(types)) or (summary.og_type in ("article", "news", "blog") and summary.has_own_date)


def _is_linked(block: Block) -> bool:
    return block.link_share > _MIN_TEASER_LINK_SHARE


def _is_teaser(block: Block) -> bool:
    return _is_linked(block) and (block.tag in ("h1", "h2", "h3", "h4") or len(block.text) > _MIN_TEASER_CHARS)


def _teasers_between(blocks: Sequence[Block], texts: Sequence[str]) -> int:
    """Linked headings between the paragraphs of the text: an article has hardly any, a list has one for each."""
    lines = set(texts)
    indexes = [n for n, block in enumerate(blocks) if block.text in lines]
    if not indexes:
        return 0
    return sum(
        1 for block in blocks[indexes[0] : indexes[-1]] if _is_teaser(block) and not block.regions & {"aside", "nav"}
    )


def _dated_teasers(summary: PageSummary, lines: AbstractSet[str]) -> int:
    """Linked headings with a time element and a line or a few of the text behind each; 0 when the text has other lines, too."""
    headings = {block.element for block in summary.blocks if block.tag in ("h2", "h3", "h4") and _is_linked(block)}
    with_text = {block.element for block in summary.blocks if block.text in lines}
    # What stands before the first heading belongs to none.
    times, texts = [0], [0]
    for element in summary.reading.root.iter() if headings else ():
        if element in headings:
            times.append(0)
            texts.append(0)
        times[-1] += element.tag == "time" and element.get("datetime") is not None
        texts[-1] += element in with_text
    behind = zip(times[1:], texts[1:], strict=True)
    dated = [count for time_count, count in behind if time_count and 0 < count <= _MAX_LINES_OF_TEASER]
    return len(dated) if sum(texts) - sum(dated) <= _MAX_OTHER_LINES_OF_LIST else 0


def _path(page: PageMetadata) -> str:
    try:
        url = urlsplit(page.url or "")
    except ValueError:
        return ""
    return (url.path or "/") + (f"?{url.query}" if url.query else "") if url.netloc else ""
