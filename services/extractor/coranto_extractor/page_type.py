"""Decides whether a page is an article, and says what it is instead and on what evidence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from coranto.records.sections import Content
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.date_parsing import isoformat_local
from coranto_extractor.language.text_comparison import overlap, stems, tokens
from coranto_extractor.page.blocks import Block, text_weight
from coranto_extractor.page.metadata import PageMetadata

_ARTICLE_TYPES = frozenset({
    "Article", "NewsArticle", "ReportageNewsArticle", "AnalysisNewsArticle", "OpinionNewsArticle",
    "BackgroundNewsArticle", "BlogPosting", "LiveBlogPosting", "Report", "TechArticle", "ScholarlyArticle",
    "AdvertiserContentArticle", "ReviewNewsArticle", "Recipe", "Review", "ClaimReview",
})  # fmt: skip
_PRODUCT_TYPES = frozenset(
    {"Product", "ProductGroup", "Offer", "AggregateOffer", "IndividualProduct", "ProductModel", "Vehicle"}
)
_LIST_TYPES = frozenset(
    {"CollectionPage", "ItemList", "OfferCatalog", "SearchResultsPage", "ProfilePage", "Blog", "DataCatalog"}
)
_VIDEO_TYPES = frozenset({"VideoObject", "ImageGallery", "MediaGallery", "Movie", "TVEpisode"})
_PRICE = re.compile(r"(?:[$€£¥₽]\s?\d[\d.,]*|\d[\d.,]*\s?(?:[$€£¥₽]|руб|EUR|USD|zł|kr\b))")
# Addresses of lists by a folder of theirs, wherever it stands: “/podcasts/category/science/rankings”.
_LIST_FOLDER = re.compile(
    r"/(?:categor(?:y|ies)|tags?|topics?|authors?|directory|directories|rankings?|listings?)(?:/|$)", re.IGNORECASE
)
_PRODUCT_FOLDER = re.compile(
    r"/(?:products?|produkte?|producto|produit|prodotto|produto|product-page)/[^/]+/?$", re.IGNORECASE
)
_PAGED = re.compile(r"(?:^|/)(?:page|seite|pagina)/?\d+/?$|[?&](?:page|p|start|offset)=\d+")
_SEARCH_ADDRESS = re.compile(r"[?&](?:q|query|s|search|text|keywords?)=|/search/?(?:\?|$)", re.IGNORECASE)
_LIST_ADDRESS = re.compile(
    r"/(?:category|categories|tag|tags|topic|topics|author|authors|archive|archives|section|rubric|collections?|shop|store|products?)/[^/]+/?$",
    re.IGNORECASE,
)
# Things that sites of their own kind name behind their own prefix: “exampleshop:item”.
_LISTED_THINGS = frozenset({"item", "product", "listing", "venue", "place", "app", "playlist", "album", "song", "user"})
_DATES_IN_LISTS = frozenset({"time-element", "script", "title"})
_MIN_TEXT_WEIGHT = 90.0
# A page at the front of a site that has so large a share of text may be all the site has to say.
_TEXT_PAGE = 0.4
_MANY_TEASERS = 5
# Prices for each paragraph; a guide to what to buy has fewer, and longer paragraphs.
_MANY_PRICES = 0.4
_PRICED_TEXT = 1500.0
_LONG_LIST = 15
# A teaser tells its story in a sentence or three.
_TEASER_WEIGHT = 500.0
# A list of teasers or goods rarely has so much text of its own; articles with prices in them do.
_MUCH_TEXT = 4000.0
# A text so short among so much else, which nobody signed or dated, introduces what the page lists.
_SCANT_SHARE = 0.15
_SCANT_TEXT = 2000.0
_LABEL_WORDS = 3
_TAKEN_UP = 0.3
_SHOWN_CHARS = 100


@dataclass(frozen=True)
class NotAnArticle:
    """Why a page is no article: a reason of the closed list, and what was seen."""

    reason: str
    evidence: str
    read: Content | None = None
    """What the page says of itself all the same, without its text; None when it was not read so far."""

    @property
    def detail(self) -> str:
        """The evidence, and for who reviews refusals the title, the names and the day that were read."""
        if self.read is None:
            return self.evidence
        names = [*(person.name for person in self.read.authors), *self.read.agencies]
        said = [
            f"title “{self.read.title[:_SHOWN_CHARS]}”" if self.read.title else None,
            f"by {', '.join(names)[:_SHOWN_CHARS]}" if names else None,
            f"published {isoformat_local(self.read.published)}" if self.read.published else None,
        ]
        return "; ".join([self.evidence, *filter(None, said)])


@dataclass(frozen=True)
class PageSummary:
    """What was read of a page so far, as far as the judgement needs it."""

    page: PageMetadata
    blocks: Sequence[Block]
    texts: Sequence[str]
    title: str | None
    date_source: str | None
    """Where the date of publication comes from; None when there is none."""
    has_author: bool
    has_video: bool

    @property
    def has_date(self) -> bool:
        """True when a date of publication was found anywhere."""
        return self.date_source is not None

    @property
    def has_own_date(self) -> bool:
        """True when the date is surely that of this page, and not of one of the things it lists."""
        return self.date_source is not None and self.date_source not in _DATES_IN_LISTS


@dataclass(frozen=True)
class PageMetrics:
    """Measures of a page: how much of it is text, links and teasers."""

    text_weight: float
    longest: float
    sentences: int
    page_weight: float
    link_weight: float
    teasers: int
    teasers_between: int
    paragraphs: int
    prices: int
    path: str
    types: frozenset[str]

    @property
    def text_share(self) -> float:
        """Share of the page's words that are the text."""
        return self.text_weight / max(1.0, self.page_weight)

    @property
    def link_share(self) -> float:
        """Share of the page's words that are links."""
        return self.link_weight / max(1.0, self.page_weight)


def measure(reading: PageSummary) -> PageMetrics:
    """The page's measures."""
    weights = [text_weight(text) for text in reading.texts]
    blocks = reading.blocks
    return PageMetrics(
        text_weight=sum(weights),
        longest=max(weights, default=0.0),
        sentences=sum(len(re.findall(r"[.!?。！？](?:\s|$)", text)) for text in reading.texts),
        page_weight=sum(block.weight for block in blocks),
        link_weight=sum(block.link_chars * block.weight / max(1, len(block.text)) for block in blocks),
        teasers=sum(1 for block in blocks if block.tag in ("h2", "h3", "h4") and block.link_share > 0.6),
        teasers_between=_teasers_between(blocks, reading.texts),
        paragraphs=len(weights),
        prices=sum(1 for block in blocks if len(block.text) < 80 and _PRICE.search(block.text)),
        path=_path(reading.page),
        types=frozenset(reading.page.types()),
    )


def _is_teaser(block: Block) -> bool:
    return block.link_share > 0.6 and (block.tag in ("h1", "h2", "h3", "h4") or len(block.text) > 30)


def _teasers_between(blocks: Sequence[Block], texts: Sequence[str]) -> int:
    """Linked headings between the text's paragraphs: an article has hardly any, a list one for each."""
    members = set(texts)
    places = [n for n, block in enumerate(blocks) if block.text in members]
    if not places:
        return 0
    return sum(
        1 for block in blocks[places[0] : places[-1]] if _is_teaser(block) and not block.regions & {"aside", "nav"}
    )


def _path(page: PageMetadata) -> str:
    try:
        parts = urlsplit(page.url or "")
    except ValueError:
        return ""
    return parts.path + (f"?{parts.query}" if parts.query else "") if parts.netloc else ""


def classify_page(reading: PageSummary) -> NotAnArticle | None:
    """The reason not to take the page for an article, or None when it is one."""
    shape = measure(reading)
    for judge in (_is_challenge, _error, _home, _search, _no_text, _product, _index, _video):
        refusal = judge(reading, shape)
        if refusal:
            return refusal
    return None


def _short_page_text(reading: PageSummary) -> str:
    return " ".join(block.text for block in reading.blocks[:60])[:3000]


def _found(kind: str, text: str) -> str | None:
    match = phrase_lists.any_phrase(kind).search(text)
    return match.group(0) if match else None


def _is_challenge(reading: PageSummary, shape: PageMetrics) -> NotAnArticle | None:
    if shape.text_weight > 1200:
        return None
    title = f"{reading.page.page_title or ''} {reading.title or ''}"
    phrase = _found("bot_challenge", title)
    if not phrase and shape.page_weight < 1500:
        phrase = _found("bot_challenge", _short_page_text(reading))
    if phrase:
        return NotAnArticle("challenge_wall", f"“{phrase}”")
    phrase = _found("consent", title) or (
        _found("consent", " ".join(reading.texts)) if shape.text_weight < 600 else None
    )
    if phrase and not _is_stated_article(shape, reading):
        return NotAnArticle("consent_wall", f"“{phrase}”")
    if shape.text_weight < 250:
        phrase = _found("paywall", _short_page_text(reading)) or (
            _found("login", title) if shape.page_weight < 3000 else None
        )
        if phrase:
            return NotAnArticle("paywall_stub", f"“{phrase}”, {shape.text_weight:.0f} characters of text")
    return None


# Below this a text may be an error page's own words.
_BRIEF_TEXT_WEIGHT = 400
# Share of the title that says "not found"; the site's name may stand beside it.
_ERROR_SHARE = 0.3


def _error(reading: PageSummary, shape: PageMetrics) -> NotAnArticle | None:
    if shape.text_weight > 1500 or _is_stated_article(shape, reading):
        return None
    phrase = None
    if phrase_lists.exact_phrase("error_title").fullmatch((reading.title or "").casefold().strip(" .!")):
        return NotAnArticle("error_page", f"title “{reading.title}”")
    for title in (reading.title or "", reading.page.page_title or ""):
        found = [match.group(0) for match in phrase_lists.any_phrase("not_found").finditer(title)]
        # News is made of things that were not found too: over a text, the words must be what the title is about.
        if found and (shape.text_weight < _BRIEF_TEXT_WEIGHT or sum(map(len, found)) >= len(title) * _ERROR_SHARE):
            phrase = found[0]
            break
    if not phrase and shape.text_weight < 300:
        heads = " ".join(block.text for block in reading.blocks if block.tag in ("h1", "h2") and len(block.text) < 80)
        phrase = _found("not_found", heads)
    return NotAnArticle("error_page", f"“{phrase}”") if phrase else None


def _no_text(reading: PageSummary, shape: PageMetrics) -> NotAnArticle | None:
    if shape.text_weight >= _MIN_TEXT_WEIGHT:
        return None
    if reading.has_video and shape.page_weight < 4000:
        return NotAnArticle("video_or_gallery", f"a video and {shape.text_weight:.0f} characters of text")
    if shape.link_share > 0.5 and shape.page_weight > 600:
        return NotAnArticle("index_page", f"{shape.link_share:.0%} of the words are links")
    return NotAnArticle("too_short", f"{shape.text_weight:.0f} characters of text")


def _is_stated_article(shape: PageMetrics, reading: PageSummary) -> bool:
    # A customer's review of a product makes no article of its page.
    types = shape.types - {"Review"} if shape.types & _PRODUCT_TYPES else shape.types
    return bool(types & _ARTICLE_TYPES) or (
        (reading.page.first("og:type") or "").lower() in ("article", "news", "blog") and reading.has_date
    )


def _product(reading: PageSummary, shape: PageMetrics) -> NotAnArticle | None:
    # Shops on systems made for blogs call their products articles.
    if _PRODUCT_FOLDER.search(shape.path.partition("?")[0]) and not shape.types & _ARTICLE_TYPES:
        cart = _cart(reading)
        if "Product" in shape.types or (cart and shape.prices):
            return NotAnArticle(
                "product_page", f"address {shape.path[:80]} and " + (f"“{cart}”" if cart else "type Product")
            )
    if _is_stated_article(shape, reading):
        return None
    kind = (reading.page.first("og:type") or "").lower()
    if "product" in kind or reading.page.first("product:price:amount", "og:price:amount"):
        return NotAnArticle("product_page", f"og:type {kind or 'with a price'}")
    if ":" in kind and kind.rpartition(":")[2] in _LISTED_THINGS:
        return NotAnArticle("product_page", f"og:type {kind}")
    typed = shape.types & _PRODUCT_TYPES
    if typed & {"Product", "ProductGroup", "IndividualProduct"}:
        return NotAnArticle("product_page", f"JSON-LD type {min(typed)}")
    cart = _cart(reading)
    if shape.prices >= 8 and cart and shape.text_weight < _MUCH_TEXT and not reading.has_date:
        return NotAnArticle("product_list", f"{shape.prices} prices and “{cart}”")
    is_priced = shape.prices >= _MANY_PRICES * shape.paragraphs and shape.longest < _PRICED_TEXT
    if shape.prices >= 10 and is_priced and not reading.has_date and not reading.has_author:
        return NotAnArticle("product_list", f"{shape.prices} prices beside {shape.paragraphs} paragraphs")
    if reading.page.itemprops.get("price") and cart:
        return NotAnArticle("product_page", f"a price and “{cart}”")
    return None


def _cart(reading: PageSummary) -> str | None:
    return _found("shop", " ".join(block.text for block in reading.blocks if len(block.text) < 40)[:8000])


def _search(reading: PageSummary, shape: PageMetrics) -> NotAnArticle | None:
    if _is_stated_article(shape, reading):
        return None
    if "SearchResultsPage" in shape.types:
        return NotAnArticle("search_result", "JSON-LD type SearchResultsPage")
    phrase = _found("search", (reading.title or reading.page.page_title or "")[:80])
    if phrase and (_SEARCH_ADDRESS.search(shape.path) or shape.teasers > 4):
        return NotAnArticle("search_result", f"“{phrase}”")
    return None


def _home(reading: PageSummary, shape: PageMetrics) -> NotAnArticle | None:
    is_front = re.fullmatch(r"/(?:index\.\w+|[a-z]{2}(?:-[a-z]{2})?/?|home/?)?", shape.path)
    # An address without a path is that of a page whose address is not known.
    if not shape.path or not is_front or (shape.text_share >= _TEXT_PAGE and shape.teasers_between < _MANY_TEASERS):
        return None
    kind = (reading.page.first("og:type") or "website").lower()
    holds_articles = bool(shape.types & _ARTICLE_TYPES) and kind != "website"
    if holds_articles or (kind == "article" and reading.has_date):
        return None
    return NotAnArticle("home_page", f"address {shape.path}, {shape.text_share:.0%} of the words are text")


def _index(reading: PageSummary, shape: PageMetrics) -> NotAnArticle | None:
    if _is_stated_article(shape, reading):
        return None
    typed = shape.types & _LIST_TYPES
    if typed and not reading.has_own_date and (shape.text_share < 0.35 or _is_teaser_list(shape, 0.3)):
        return NotAnArticle("index_page", f"JSON-LD type {min(typed)}")
    if _is_teaser_list(shape, 0.6) and shape.paragraphs >= _LONG_LIST and not reading.has_own_date:
        return NotAnArticle(
            "index_page", f"{shape.teasers_between} linked headings between {shape.paragraphs} paragraphs"
        )
    is_plain_list = (
        not reading.has_date
        and shape.text_weight < _MUCH_TEXT
        and shape.text_weight < 350 * shape.paragraphs
        and shape.longest < _TEASER_WEIGHT
    )
    if is_plain_list and shape.teasers_between >= 4 and shape.teasers_between > 0.5 * shape.paragraphs:
        return NotAnArticle(
            "index_page", f"{shape.teasers_between} linked headings between {shape.paragraphs} paragraphs"
        )
    if not reading.has_date and not reading.has_author:
        # Works of reference have such folders too, but their paragraphs are long and their headings no links.
        is_listing = shape.longest < _TEASER_WEIGHT or shape.teasers_between > shape.paragraphs
        if is_listing and _LIST_FOLDER.search(shape.path.partition("?")[0]):
            return NotAnArticle("index_page", f"address {shape.path[:80]}, no date and no author")
        if (
            _share_but_for_comments(reading, shape) < _SCANT_SHARE
            and shape.text_weight < _SCANT_TEXT
            and not _tells_its_title(reading)
        ):
            return NotAnArticle("index_page", f"{shape.text_share:.0%} of the words are text, no date and no author")
    if shape.link_share > 0.6 and shape.text_share < 0.15 and not reading.has_date and shape.text_weight < 1200:
        return NotAnArticle("index_page", f"{shape.link_share:.0%} of the words are links")
    if (
        (_LIST_ADDRESS.search(shape.path) or _PAGED.search(shape.path))
        and shape.text_share < 0.3
        and not reading.has_author
    ):
        return NotAnArticle("index_page", f"address {shape.path[:80]}")
    return None


def _share_but_for_comments(reading: PageSummary, shape: PageMetrics) -> float:
    comments = sum(block.weight for block in reading.blocks if "comment" in block.regions)
    return shape.text_weight / max(1.0, shape.page_weight - comments)


def _tells_its_title(reading: PageSummary) -> bool:
    """True when the title says more than a label does, and the text takes it up."""
    title = reading.title or ""
    return len(tokens(title)) > _LABEL_WORDS and overlap(" ".join(reading.texts), stems(title)) >= _TAKEN_UP


def _is_teaser_list(shape: PageMetrics, share: float) -> bool:
    return shape.teasers_between >= max(_MANY_TEASERS, share * shape.paragraphs) and shape.longest < _TEASER_WEIGHT


def _video(reading: PageSummary, shape: PageMetrics) -> NotAnArticle | None:
    kind = (reading.page.first("og:type") or "").lower()
    if kind.startswith("video") and not (reading.has_date or reading.has_author or _is_stated_article(shape, reading)):
        return NotAnArticle("video_or_gallery", f"og:type {kind}, no date and no author")
    if (
        (kind.startswith("video") or shape.types & _VIDEO_TYPES)
        and not shape.types & _ARTICLE_TYPES
        and shape.text_weight < 400
        and shape.sentences < 4
    ):
        return NotAnArticle(
            "video_or_gallery", f"{kind or min(shape.types & _VIDEO_TYPES)}, {shape.text_weight:.0f} characters of text"
        )
    return None
