"""The sample site's pages as their files describe them: where each one is, how it answers, what it says, what must become of it.

One TOML file per page in `pages/`. The text of an article is written once: it is rendered into the page, and it is what
must come out again.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from coranto.records import Block

_PAGE_BREAK = "\n\n---\n\n"
_KINDS: dict[str, Literal["heading", "quote", "list_item"]] = {"## ": "heading", "> ": "quote", "- ": "list_item"}


class PagePart(BaseModel):
    """Base of what a page's file holds; a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Picture(PagePart):
    """The article's picture."""

    path: str = "/images/photo.jpg"
    caption: str
    credit: str


class ArticleText(PagePart):
    """What the page says, apart from its noise."""

    language: str
    title: str
    lead: str | None = None
    section: str
    authors: tuple[str, ...] = ()
    agency: str | None = None
    published: datetime | None = None
    modified: datetime | None = None
    tags: tuple[str, ...] = ()
    image: Picture | None = None
    correction: str | None = None
    text: str
    """Blocks between empty lines; `## ` begins a heading, `> ` a quotation, `- ` an item of a list.

    A line `---` between blocks ends a page of an article that is spread over several.
    """

    @property
    def parts(self) -> tuple[ArticleText, ...]:
        """The article as its pages show it, one after the other; only the first has picture, lead and correction."""
        first, *others = self.text.split(_PAGE_BREAK)
        bare = {"lead": None, "image": None, "correction": None}
        return (
            self.model_copy(update={"text": first}),
            *(self.model_copy(update={"text": text} | bare) for text in others),
        )

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The text as the extractor should give it."""
        found = []
        for chunk in self.text.replace(_PAGE_BREAK, "\n\n").strip().split("\n\n"):
            folded = " ".join(chunk.split())
            mark = next((mark for mark in _KINDS if folded.startswith(mark)), "")
            found.append(Block(kind=_KINDS.get(mark, "paragraph"), text=folded.removeprefix(mark)))
        return tuple(found)


class Answer(PagePart):
    """How the server answers a request for the page."""

    kind: Literal["page", "redirect", "status", "slow", "endless", "huge", "bomb"] = "page"
    status: int = 200
    to: str | None = None
    """Where a redirect leads: a path on the same host, or a whole address."""
    content_type: str = "text/html"
    charset: str = "utf-8"
    charset_stated_in: Literal["header", "meta", "both"] = "both"
    body: str | None = None
    """File in `bodies/` that is sent as it is, for pages that are no article."""
    headers: dict[str, str] = Field(default_factory=dict)
    fails_first: int = 0
    """Number of requests that are answered with `failure_status` before the page is given."""
    failure_status: int = 503
    retry_after_seconds: int | None = None


class Fate(PagePart):
    """What must become of the page, as a careful editor would say."""

    outcome: Literal["stored", "dropped", "dead", "merged"]
    """`merged`: the address is another spelling of `same_as` and must not make a record of its own."""
    stage: str | None = None
    reasons: tuple[str, ...] = ()
    """Reasons that say the right thing; more than one where a page can be refused on two good grounds."""
    same_as: str | None = None
    topics: tuple[str, ...] = ()
    """IPTC Media Topics of the top level, any of which is right."""
    persons: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    """Sentences of the page that do not belong to the article, beyond the layout's own noise."""
    story_with: str | None = None
    """Another page that carries the same story."""


class Page(PagePart):
    """A page of the sample site."""

    name: str
    host: Literal["site", "wire"] = "site"
    path: str
    listed: Literal["rss", "atom", "sitemap", "wire", "nowhere"] = "nowhere"
    """Where a program that follows the site finds the page."""
    layout: Literal["portal", "herald", "plain", "tables", "amp", "print", "text"] = "plain"
    marks: Literal["json-ld", "json-ld-graph", "microdata", "opengraph", "none"] = "none"
    canonical: str | None = None
    """Path the page declares as canonical, when that is not its own."""
    alternate_amp: str | None = None
    answer: Answer = Answer()
    article: ArticleText | None = None
    article_of: str | None = None
    """Another page that says the same; what this page's own `[article]` gives is different here."""
    corrected: ArticleText | None = None
    """What the page says once it has been read and the feed is polled again."""
    fate: Fate


@cache
def load_pages() -> tuple[Page, ...]:
    """Every page, by name. Raises ValueError that names the file when one does not validate."""
    files = resources.files("coranto_samplesite").joinpath("pages").iterdir()
    described = {
        file.name.removesuffix(".toml"): tomllib.loads(file.read_text(encoding="utf-8"))
        for file in files
        if file.name.endswith(".toml")
    }
    return tuple(_page_from(name, described) for name in sorted(described))


def _page_from(name: str, described: Mapping[str, dict[str, Any]]) -> Page:
    values = {"name": name} | described[name]
    # A page that says the same as another, and a correction, state only what is different.
    if "article_of" in values:
        values["article"] = described[values["article_of"]]["article"] | values.get("article", {})
    if "corrected" in values:
        values["corrected"] = values["article"] | values["corrected"]
    try:
        return Page.model_validate(values)
    except ValueError as error:
        raise ValueError(f"samplesite/pages/{name}.toml: {error}") from error
