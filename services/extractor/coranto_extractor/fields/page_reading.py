"""What is known of a page once its headline and text have been chosen: the one value that the field finders work from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto_extractor.fields.evidence import RejectionLog
from coranto_extractor.fields.titles import Headline
from coranto_extractor.language.text_comparison import stems
from coranto_extractor.page.blocks import Block, BlockList
from coranto_extractor.page.metadata import PageMetadata


@dataclass(frozen=True)
class PageReading:
    """A page, its headline and its text."""

    root: html.HtmlElement
    metadata: PageMetadata
    blocks: BlockList
    headline: Headline | None
    container: html.HtmlElement | None
    """The element that contains the article; None when the page shows no prose."""
    text_blocks: Sequence[Block]
    """The blocks that the text was chosen from."""
    texts: Sequence[str]
    """The lines of the text."""
    near_headline: Sequence[Block]
    """The short blocks around the headline and the beginning of the text, where dates and bylines stand."""
    below_text: Sequence[Block]
    """The blocks below the end of the text that are not in `near_headline`; bylines stand there too."""
    language: str | None
    """The language the page declares, as a BCP 47 tag."""
    fetched_at: datetime | None
    rejections: RejectionLog
    """Collects what the finders saw and did not accept."""

    @property
    def title(self) -> str | None:
        """The headline, without the site's name and other additions."""
        return self.headline.title.value if self.headline else None

    @cached_property
    def article_text(self) -> str:
        """The headline and the text."""
        return " ".join((self.title or "", *self.texts))

    @cached_property
    def article_stems(self) -> frozenset[str]:
        """The stems of the headline and the text, by which tags and descriptions are told from those of the site."""
        return stems(self.article_text)
