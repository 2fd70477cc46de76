"""Collects the fields of an article and builds the record's content section from them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from coranto.agencies import are_one_agency
from coranto.records.sections import Block as TextBlock
from coranto.records.sections import Content, Provenance
from coranto_extractor.fields.authorship.authors import Byline
from coranto_extractor.fields.corrections import find_correction
from coranto_extractor.fields.evidence import Extracted, RejectionLog
from coranto_extractor.language.text_comparison import count_words

EXTRACTOR_VERSION = version("coranto-extractor")


class ContentBuilder:
    """The content section of one page while it is put together."""

    def __init__(self, rejections: RejectionLog, *, records_rejections: bool) -> None:
        self._rejections = rejections
        self._records_rejections = records_rejections
        self._values: dict[str, Any] = {}
        self._origins: dict[str, Provenance] = {}

    def add(self, name: str, found: Extracted[Any] | None) -> None:
        """Set the field to what was found, with its origin. Without a find, the field stays empty."""
        if found is not None:
            self._values[name] = found.value
            self._origins[name] = found.origin

    def add_byline(self, byline: Extracted[Byline] | None) -> None:
        """Set authors, agencies and other organisations from the byline."""
        if byline is None:
            return
        if byline.value.persons:
            self.add("authors", Extracted(byline.value.persons, byline.source, byline.confidence))
        if byline.value.agencies:
            self.add("agencies", Extracted(byline.value.agencies, byline.source, byline.confidence))
        if byline.value.signed_by:
            self.add("signed_by", Extracted(byline.value.signed_by, byline.source, byline.confidence))

    def add_dateline(self, agency: str | None) -> None:
        """Set the agency of the dateline, in front of those of the byline, unless it is among these by another name."""
        if agency is None:
            return
        others = self._values.get("agencies", ())
        if not others:
            self.add("agencies", Extracted((agency,), "dateline", 0.9))
        elif not any(are_one_agency(agency, other) for other in others):
            self._values["agencies"] = (agency, *others)

    def build(self, texts: Sequence[str], **more: Any) -> Content:
        """The content section. `texts` are the lines of the text, `more` are fields that have no origin."""
        derived = {"paragraphs": (), "correction": find_correction(texts)}
        return Content(
            **(derived | self._values | more),
            word_count=count_words(texts),
            origins=self._origins,
            notes=tuple(self._rejections.notes) if self._records_rejections else (),
            extractor_version=EXTRACTOR_VERSION,
        )


def text_blocks(texts: Sequence[str]) -> tuple[TextBlock, ...]:
    """Lines of plain text as the record's paragraphs."""
    return tuple(TextBlock(text=text) for text in texts)
