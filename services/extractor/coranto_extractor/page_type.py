"""Decides whether a page is an article. If not, says what it is instead, and on what evidence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from coranto.records.sections import Content
from coranto_extractor.fields.page_reading import PageReading
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.date_parsing import isoformat_local
from coranto_extractor.language.phrase_lists import cached_per_languages, class_alternatives
from coranto_extractor.language.sentences import count_sentences
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
# A folder of lists anywhere in the URL: “/podcasts/category/science/rankings”.
_LIST_FOLDER = re.compile(
    r"/(?:categor(?:y|ies)|tags?|topics?|authors?|directory|directories|rankings?|listings?)(?:/|$)", re.IGNORECASE
)
_SEARCH_URL = re.compile(r"[?&](?:q|query|s|search|text|keywords?)=|/search/?(?:\?|$)", re.IGNORECASE)
_FRONT_PAGE_PATH = re.compile(r"/(?:index\.\w+|[a-z]{2}(?:-[a-z]{2})?/?|home/?)?")
# Sites of other kinds name their things with a prefix: “exampleshop:item”.
_LISTED_THINGS = frozenset({"item", "product", "listing", "venue", "place", "app", "playlist", "album", "song", "user"})
# Sources whose date may be that of one of the things a page lists.
_SOURCES_OF_LISTED_DATES = frozenset({"time-element", "script", "title"})

# Weights are lengths in Latin letters, shares are parts of the weight of the whole page.
# A page with less text than this is refused.
MIN_TEXT_WEIGHT = 90.0
# Challenges, consent walls, log-in forms and error pages have no more text than this, or no more on the whole page.
_MAX_CHALLENGE_TEXT_WEIGHT = 1200
_MAX_CHALLENGE_PAGE_WEIGHT = 1500
_MAX_CONSENT_TEXT_WEIGHT = 600
_MAX_PAYWALL_TEXT_WEIGHT = 250
_MAX_LOGIN_PAGE_WEIGHT = 3000
_MAX_ERROR_TEXT_WEIGHT = 1500
# Up to this weight, the text may be an error page's own words; up to the second, its headings are searched as well.
_BRIEF_TEXT_WEIGHT = 400
_MAX_ERROR_HEADINGS_TEXT_WEIGHT = 300
# In the title of an error page, “not found” takes up this share; the site's name may be the rest.
_MIN_ERROR_SHARE_OF_TITLE = 0.3
_MAX_VIDEO_PAGE_WEIGHT = 4000
_MAX_VIDEO_TEXT_WEIGHT = 400
_MAX_VIDEO_SENTENCES = 4
# A front page with at least this share of text may be everything the site has.
_MIN_TEXT_SHARE_OF_FRONT_PAGE = 0.4
_MANY_TEASERS = 5
_MAX_TEASERS_OF_SEARCH = 4
# A teaser has at most three sentences. Texts with only shorter paragraphs are lists, when other signs agree.
_MAX_TEASER_WEIGHT = 500.0
_MEAN_TEASER_WEIGHT = 350
_MIN_TEASERS_OF_PLAIN_LIST = 4
_TEASERS_PER_PARAGRAPH_OF_PLAIN_LIST = 0.5
# How many linked headings per paragraph make a list: of a page whose type says list, and of others with many paragraphs.
_TEASERS_PER_PARAGRAPH_OF_TYPED_LIST = 0.3
_TEASERS_PER_PARAGRAPH_OF_LONG_LIST = 0.6
_MIN_PARAGRAPHS_OF_LONG_LIST = 15
# Lists of teasers or goods rarely have more text of their own; articles with prices in them do.
_MAX_LIST_TEXT_WEIGHT = 4000.0
# Prices for each paragraph of a list of goods. A buyer's guide has fewer prices and longer paragraphs.
_PRICES_PER_PARAGRAPH = 0.4
_MAX_GOODS_PARAGRAPH_WEIGHT = 1500.0
_MIN_PRICES = 10
_MIN_PRICES_WITH_CART = 8
_MAX_PRICE_BLOCK_CHARS = 80
# A text without date and author that is so small a share of the page and so short introduces what the page lists, unless
# the title says more than a label does, and the text contains so many of its stems.
_INTRODUCTION_SHARE = 0.15
_MAX_INTRODUCTION_WEIGHT = 2000.0
_MAX_LABEL_WORDS = 3
_MIN_TITLE_OVERLAP = 0.3
# Text and link shares of lists with other signs.
_MAX_TEXT_SHARE_OF_TYPED_LIST = 0.35
_MAX_TEXT_SHARE_OF_LIST_URL = 0.3
_MIN_LINK_SHARE_OF_LIST = 0.6
_MAX_TEXT_SHARE_OF_LINK_LIST = 0.15
_MAX_LINK_LIST_TEXT_WEIGHT = 1200
_MIN_LINK_SHARE_WITHOUT_TEXT = 0.5
_MIN_PAGE_WEIGHT_WITHOUT_TEXT = 600
_MIN_LETTER_SHARE = 0.3
_MIN_TEASER_LINK_SHARE = 0.6
_MIN_TEASER_CHARS = 30
_SHOWN_CHARS = 100
_SHOWN_URL_CHARS = 80


@cached_per_languages
def _price() -> re.Pattern[str]:
    currencies = class_alternatives("currencies")
    return re.compile(rf"(?:[$€£¥₽]\s?\d[\d.,]*|\d[\d.,]*\s?(?:[$€£¥₽]|EUR|USD|{currencies}))")


@cached_per_languages
def _product_folder() -> re.Pattern[str]:
    folders = class_alternatives("product_url_folders")
    return re.compile(rf"/(?:products?|product-page|{folders})/[^/]+/?$", re.IGNORECASE)


@cached_per_languages
def _list_url() -> re.Pattern[str]:
    folders = class_alternatives("section_url_folders")
    return re.compile(
        "/(?:category|categories|tag|tags|topic|topics|author|authors|archive|archives|section|collections?|shop|store"
        rf"|products?|{folders})/[^/]+/?$",
        re.IGNORECASE,
    )


@cached_per_languages
def _numbered_page_url() -> re.Pattern[str]:
    words = class_alternatives("page_url_words")
    return re.compile(rf"(?:^|/)(?:page|{words})/?\d+/?$|[?&](?:page|p|start|offset)=\d+")


@dataclass(frozen=True)
class NotAnArticle:
    """Why a page is not an article: a reason from the closed list, and the evidence."""

    reason: str
    evidence: str
    read: Content | None = None
    """What was read of the page nevertheless, without its text; None when it was refused before that."""

    @property
    def detail(self) -> str:
        """The evidence, with title, names and day for people who review refused pages."""
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
    """What the decision needs to know about a page."""

    reading: PageReading
    date_source: str | None
    """Where the date of publication comes from; None when there is none."""
    has_author: bool
    has_video: bool

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


@dataclass(frozen=True)
class PageMetrics:
    """Measurements of a page: how much of it is text, links and teasers."""

    text_weight: float
    longest: float
    """Weight of the longest paragraph."""
    sentences: int
    page_weight: float
    link_weight: float
    teasers: int
    """Linked headings anywhere on the page."""
    teasers_between: int
    """Linked headings between the paragraphs of the text."""
    paragraphs: int
    prices: int
    path: str
    """Path and query of the page's URL; empty when the URL is unknown."""
    types: frozenset[str]
    """The JSON-LD types on the page."""

    @property
    def text_share(self) -> float:
        """The share of the page that is the text."""
        return self.text_weight / max(1.0, self.page_weight)

    @property
    def link_share(self) -> float:
        """The share of the page that is links."""
        return self.link_weight / max(1.0, self.page_weight)


def classify_page(summary: PageSummary) -> NotAnArticle | None:
    """Why the page is not an article; None when it is one. The first check that fails decides."""
    metrics = _measure(summary)
    for check in (
        _check_walls,
        _check_error_page,
        _check_front_page,
        _check_search_results,
        _check_length,
        _check_product,
        _check_index,
        _check_video,
        _check_letters,
    ):
        result = check(summary, metrics)
        if result:
            return result
    return None


def _measure(summary: PageSummary) -> PageMetrics:
    weights = [text_weight(text) for text in summary.texts]
    blocks = summary.blocks
    return PageMetrics(
        text_weight=sum(weights),
        longest=max(weights, default=0.0),
        sentences=sum(map(count_sentences, summary.texts)),
        page_weight=sum(block.weight for block in blocks),
        link_weight=sum(block.link_chars * block.weight / max(1, len(block.text)) for block in blocks),
        teasers=sum(1 for block in blocks if block.tag in ("h2", "h3", "h4") and _is_linked(block)),
        teasers_between=_teasers_between(blocks, summary.texts),
        paragraphs=len(weights),
        prices=sum(1 for block in blocks if len(block.text) < _MAX_PRICE_BLOCK_CHARS and _price().search(block.text)),
        path=_path(summary.page),
        types=frozenset(summary.page.types()),
    )


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


def _path(page: PageMetadata) -> str:
    try:
        url = urlsplit(page.url or "")
    except ValueError:
        return ""
    return url.path + (f"?{url.query}" if url.query else "") if url.netloc else ""


def _page_beginning(summary: PageSummary) -> str:
    return " ".join(block.text for block in summary.blocks[:60])[:3000]


def _match(key: str, text: str) -> str | None:
    """The first phrase under the key in the text, as written there."""
    match = phrase_lists.any_phrase(key).search(text)
    return match.group(0) if match else None


def _check_walls(summary: PageSummary, metrics: PageMetrics) -> NotAnArticle | None:
    if metrics.text_weight > _MAX_CHALLENGE_TEXT_WEIGHT:
        return None
    title = f"{summary.page.page_title or ''} {summary.title or ''}"
    phrase = _match("bot_challenge", title)
    if not phrase and metrics.page_weight < _MAX_CHALLENGE_PAGE_WEIGHT:
        phrase = _match("bot_challenge", _page_beginning(summary))
    if phrase:
        return NotAnArticle("challenge_wall", f"“{phrase}”")
    phrase = _match("consent", title)
    if not phrase and metrics.text_weight < _MAX_CONSENT_TEXT_WEIGHT:
        phrase = _match("consent", " ".join(summary.texts))
    if phrase and not _is_stated_article(summary, metrics):
        return NotAnArticle("consent_wall", f"“{phrase}”")
    if metrics.text_weight < _MAX_PAYWALL_TEXT_WEIGHT:
        phrase = _match("paywall", _page_beginning(summary))
        if not phrase and metrics.page_weight < _MAX_LOGIN_PAGE_WEIGHT:
            phrase = _match("login", title)
        if phrase:
            return NotAnArticle("paywall_stub", f"“{phrase}”, {metrics.text_weight:.0f} characters of text")
    return None


def _check_error_page(summary: PageSummary, metrics: PageMetrics) -> NotAnArticle | None:
    if metrics.text_weight > _MAX_ERROR_TEXT_WEIGHT or _is_stated_article(summary, metrics):
        return None
    phrase = None
    if phrase_lists.exact_phrase("error_title").fullmatch((summary.title or "").casefold().strip(" .!")):
        return NotAnArticle("error_page", f"title “{summary.title}”")
    for title in (summary.title or "", summary.page.page_title or ""):
        found = [match.group(0) for match in phrase_lists.any_phrase("not_found").finditer(title)]
        # News is about things that were not found, too: above a longer text, the words must be what the title is about.
        is_about_it = sum(map(len, found)) >= len(title) * _MIN_ERROR_SHARE_OF_TITLE
        if found and (metrics.text_weight < _BRIEF_TEXT_WEIGHT or is_about_it):
            phrase = found[0]
            break
    if not phrase and metrics.text_weight < _MAX_ERROR_HEADINGS_TEXT_WEIGHT:
        headings = [block.text for block in summary.blocks if block.tag in ("h1", "h2") and len(block.text) < 80]
        phrase = _match("not_found", " ".join(headings))
    return NotAnArticle("error_page", f"“{phrase}”") if phrase else None


def _check_length(summary: PageSummary, metrics: PageMetrics) -> NotAnArticle | None:
    if metrics.text_weight >= MIN_TEXT_WEIGHT:
        return None
    if summary.has_video and metrics.page_weight < _MAX_VIDEO_PAGE_WEIGHT:
        return NotAnArticle("video_or_gallery", f"a video and {metrics.text_weight:.0f} characters of text")
    if metrics.link_share > _MIN_LINK_SHARE_WITHOUT_TEXT and metrics.page_weight > _MIN_PAGE_WEIGHT_WITHOUT_TEXT:
        return NotAnArticle("index_page", f"{metrics.link_share:.0%} of the words are links")
    return NotAnArticle("too_short", f"{metrics.text_weight:.0f} characters of text")


def _is_stated_article(summary: PageSummary, metrics: PageMetrics) -> bool:
    """True when the page's metadata say that it is an article."""
    # A customer's review of a product does not make the page an article.
    types = metrics.types - {"Review"} if metrics.types & _PRODUCT_TYPES else metrics.types
    return bool(types & _ARTICLE_TYPES) or (_og_type(summary) in ("article", "news", "blog") and summary.has_date)


def _og_type(summary: PageSummary) -> str:
    return (summary.page.first("og:type") or "").lower()


def _check_product(summary: PageSummary, metrics: PageMetrics) -> NotAnArticle | None:
    # Shops that run on blog software call their products articles.
    if _product_folder().search(metrics.path.partition("?")[0]) and not metrics.types & _ARTICLE_TYPES:
        cart = _cart(summary)
        if "Product" in metrics.types or (cart and metrics.prices):
            seen = f"“{cart}”" if cart else "type Product"
            return NotAnArticle("product_page", f"address {metrics.path[:_SHOWN_URL_CHARS]} and {seen}")
    if _is_stated_article(summary, metrics):
        return None
    kind = _og_type(summary)
    if "product" in kind or summary.page.first("product:price:amount", "og:price:amount"):
        return NotAnArticle("product_page", f"og:type {kind or 'with a price'}")
    if ":" in kind and kind.rpartition(":")[2] in _LISTED_THINGS:
        return NotAnArticle("product_page", f"og:type {kind}")
    product_types = metrics.types & _PRODUCT_TYPES
    if product_types & {"Product", "ProductGroup", "IndividualProduct"}:
        return NotAnArticle("product_page", f"JSON-LD type {min(product_types)}")
    cart = _cart(summary)
    is_short = metrics.text_weight < _MAX_LIST_TEXT_WEIGHT
    if metrics.prices >= _MIN_PRICES_WITH_CART and cart and is_short and not summary.has_date:
        return NotAnArticle("product_list", f"{metrics.prices} prices and “{cart}”")
    lists_goods = (
        metrics.prices >= _PRICES_PER_PARAGRAPH * metrics.paragraphs and metrics.longest < _MAX_GOODS_PARAGRAPH_WEIGHT
    )
    if metrics.prices >= _MIN_PRICES and lists_goods and not summary.has_date and not summary.has_author:
        return NotAnArticle("product_list", f"{metrics.prices} prices beside {metrics.paragraphs} paragraphs")
    if summary.page.itemprops.get("price") and cart:
        return NotAnArticle("product_page", f"a price and “{cart}”")
    return None


def _cart(summary: PageSummary) -> str | None:
    """What a shop says beside a product, such as “add to cart”, in one of the page's short blocks."""
    return _match("shop", " ".join(block.text for block in summary.blocks if len(block.text) < 40)[:8000])


def _check_search_results(summary: PageSummary, metrics: PageMetrics) -> NotAnArticle | None:
    if _is_stated_article(summary, metrics):
        return None
    if "SearchResultsPage" in metrics.types:
        return NotAnArticle("search_result", "JSON-LD type SearchResultsPage")
    phrase = _match("search", (summary.title or summary.page.page_title or "")[:80])
    if phrase and (_SEARCH_URL.search(metrics.path) or metrics.teasers > _MAX_TEASERS_OF_SEARCH):
        return NotAnArticle("search_result", f"“{phrase}”")
    return None


def _check_front_page(summary: PageSummary, metrics: PageMetrics) -> NotAnArticle | None:
    # The path is empty when the page's URL is not known.
    if not metrics.path or not _FRONT_PAGE_PATH.fullmatch(metrics.path):
        return None
    if metrics.text_share >= _MIN_TEXT_SHARE_OF_FRONT_PAGE and metrics.teasers_between < _MANY_TEASERS:
        return None
    kind = _og_type(summary) or "website"
    holds_articles = bool(metrics.types & _ARTICLE_TYPES) and kind != "website"
    if holds_articles or (kind == "article" and summary.has_date):
        return None
    return NotAnArticle("home_page", f"address {metrics.path}, {metrics.text_share:.0%} of the words are text")


def _check_index(summary: PageSummary, metrics: PageMetrics) -> NotAnArticle | None:
    if _is_stated_article(summary, metrics):
        return None
    return (
        _check_typed_list(summary, metrics)
        or _check_teasers(summary, metrics)
        or _check_introduction(summary, metrics)
        or _check_links(summary, metrics)
    )


def _check_typed_list(summary: PageSummary, metrics: PageMetrics) -> NotAnArticle | None:
    """An index page by its JSON-LD type, when its text agrees."""
    list_types = metrics.types & _LIST_TYPES
    if not list_types or summary.has_own_date:
        return None
    if metrics.text_share < _MAX_TEXT_SHARE_OF_TYPED_LIST or _is_teaser_list(
        metrics, _TEASERS_PER_PARAGRAPH_OF_TYPED_LIST
    ):
        return NotAnArticle("index_page", f"JSON-LD type {min(list_types)}")
    return None


def _check_teasers(summary: PageSummary, metrics: PageMetrics) -> NotAnArticle | None:
    """An index page by linked headings between short paragraphs."""
    is_long_list = (
        _is_teaser_list(metrics, _TEASERS_PER_PARAGRAPH_OF_LONG_LIST)
        and metrics.paragraphs >= _MIN_PARAGRAPHS_OF_LONG_LIST
        and not summary.has_own_date
    )
    is_plain_list = (
        not summary.has_date
        and metrics.text_weight < _MAX_LIST_TEXT_WEIGHT
        and metrics.text_weight < _MEAN_TEASER_WEIGHT * metrics.paragraphs
        and metrics.longest < _MAX_TEASER_WEIGHT
        and metrics.teasers_between >= _MIN_TEASERS_OF_PLAIN_LIST
        and metrics.teasers_between > _TEASERS_PER_PARAGRAPH_OF_PLAIN_LIST * metrics.paragraphs
    )
    if is_long_list or is_plain_list:
        evidence = f"{metrics.teasers_between} linked headings between {metrics.paragraphs} paragraphs"
        return NotAnArticle("index_page", evidence)
    return None


def _check_introduction(summary: PageSummary, metrics: PageMetrics) -> NotAnArticle | None:
    """An index page whose text has no date and no author and only introduces what the page lists."""
    if summary.has_date or summary.has_author:
        return None
    # Reference works have such folders too, but their paragraphs are long and their headings are not links.
    is_listing = metrics.longest < _MAX_TEASER_WEIGHT or metrics.teasers_between > metrics.paragraphs
    if is_listing and _LIST_FOLDER.search(metrics.path.partition("?")[0]):
        return NotAnArticle("index_page", f"address {metrics.path[:_SHOWN_URL_CHARS]}, no date and no author")
    if (
        _text_share_without_comments(summary, metrics) < _INTRODUCTION_SHARE
        and metrics.text_weight < _MAX_INTRODUCTION_WEIGHT
        and not _text_fits_title(summary)
    ):
        return NotAnArticle("index_page", f"{metrics.text_share:.0%} of the words are text, no date and no author")
    return None


def _check_links(summary: PageSummary, metrics: PageMetrics) -> NotAnArticle | None:
    """An index page by its share of links, or by its URL and its share of text."""
    if (
        metrics.link_share > _MIN_LINK_SHARE_OF_LIST
        and metrics.text_share < _MAX_TEXT_SHARE_OF_LINK_LIST
        and not summary.has_date
        and metrics.text_weight < _MAX_LINK_LIST_TEXT_WEIGHT
    ):
        return NotAnArticle("index_page", f"{metrics.link_share:.0%} of the words are links")
    is_list_url = _list_url().search(metrics.path) or _numbered_page_url().search(metrics.path)
    if is_list_url and metrics.text_share < _MAX_TEXT_SHARE_OF_LIST_URL and not summary.has_author:
        return NotAnArticle("index_page", f"address {metrics.path[:_SHOWN_URL_CHARS]}")
    return None


def _text_share_without_comments(summary: PageSummary, metrics: PageMetrics) -> float:
    comments = sum(block.weight for block in summary.blocks if "comment" in block.regions)
    return metrics.text_weight / max(1.0, metrics.page_weight - comments)


def _text_fits_title(summary: PageSummary) -> bool:
    """True when the title says more than a label does, and the text repeats its words."""
    title = summary.title or ""
    is_label = len(tokens(title)) <= _MAX_LABEL_WORDS
    return not is_label and overlap(" ".join(summary.texts), stems(title)) >= _MIN_TITLE_OVERLAP


def _is_teaser_list(metrics: PageMetrics, teasers_per_paragraph: float) -> bool:
    has_many_teasers = metrics.teasers_between >= max(_MANY_TEASERS, teasers_per_paragraph * metrics.paragraphs)
    return has_many_teasers and metrics.longest < _MAX_TEASER_WEIGHT


def _check_video(summary: PageSummary, metrics: PageMetrics) -> NotAnArticle | None:
    kind = _og_type(summary)
    is_unsigned = not (summary.has_date or summary.has_author or _is_stated_article(summary, metrics))
    if kind.startswith("video") and is_unsigned:
        return NotAnArticle("video_or_gallery", f"og:type {kind}, no date and no author")
    video_types = metrics.types & _VIDEO_TYPES
    if (
        (kind.startswith("video") or video_types)
        and not metrics.types & _ARTICLE_TYPES
        and metrics.text_weight < _MAX_VIDEO_TEXT_WEIGHT
        and metrics.sentences < _MAX_VIDEO_SENTENCES
    ):
        evidence = f"{kind or min(video_types)}, {metrics.text_weight:.0f} characters of text"
        return NotAnArticle("video_or_gallery", evidence)
    return None


def _check_letters(summary: PageSummary, _: PageMetrics) -> NotAnArticle | None:
    text = " ".join(summary.texts)
    letters = sum(map(str.isalpha, text))
    if text and letters < _MIN_LETTER_SHARE * len(text):
        return NotAnArticle("no_language", f"{letters} letters in {len(text)} characters")
    return None
