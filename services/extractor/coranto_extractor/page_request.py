"""What the reader is told about a page besides its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from coranto.records.sections import Hints

REFUSE_FROM = 0.9
"""The default of `refuse_from`: on two signs that are independent, and never on one."""


@dataclass(frozen=True)
class PageRequest:
    """What is known of a page before it is read."""

    url: str | None = None
    content_type: str | None = None
    charset: str | None = None
    """The charset that the server named."""
    hints: Hints | None = None
    """What the feed said about the article."""
    fetched_at: datetime | None = None
    records_rejections: bool = False
    """Whether the result lists what was seen on the page and not accepted."""
    refuse_from: float = REFUSE_FROM
    """The probability of not being an article from which a page is refused; below it, the record says so in `doubt`."""
    first_page_url: str | None = None
    """Where the article begins, when this is a further page of it. Further pages are never refused as not being articles."""

    @property
    def is_further_page(self) -> bool:
        """True for a page of an article that begins on another one."""
        return bool(self.first_page_url)

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case; empty when unknown."""
        return (self.content_type or "").split(";")[0].strip().lower()
