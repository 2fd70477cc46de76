"""What comes of a page that is not an article. Light: whoever only passes it on needs no library that reads pages."""

from __future__ import annotations

from dataclasses import dataclass

from coranto.records.sections import Content

_SHOWN_CHARS = 100


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
        names = [
            *(person.name for person in self.read.authors),
            *self.read.signed_by,
            *self.read.agencies,
        ]
        said = [
            f"title “{self.read.title[:_SHOWN_CHARS]}”" if self.read.title else None,
            f"by {', '.join(names)[:_SHOWN_CHARS]}" if names else None,
            f"published {self.read.published.text}" if self.read.published else None,
        ]
        return "; ".join([self.evidence, *filter(None, said)])
