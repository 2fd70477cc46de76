"""Reads the language that the page declares. Which language the text is really in is the classifier's business."""

from __future__ import annotations

import re

from coranto_extractor.fields.evidence import Extracted
from coranto_extractor.page.metadata import PageMetadata, strings

_TAG = re.compile(r"^([a-zA-Z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_]([A-Za-z]{2}|\d{3}))?(?:[-_.].*)?$")


def language_tag(label: str | None) -> str | None:
    """The label as a BCP 47 tag; None when it is not one."""
    match = _TAG.match((label or "").strip())
    if not match:
        return None
    language, script, region = match.groups()
    subtags = [language.lower()]
    if script:
        subtags.append(script.title())
    if region:
        subtags.append(region.upper())
    return "-".join(subtags)


def find_declared_language(page: PageMetadata) -> Extracted[str] | None:
    """The language the page declares, as a BCP 47 tag."""
    stated = strings(page.article.get("inLanguage"))
    for label, source in (
        (page.declared_language, "html-lang"),
        (stated[0] if stated else None, "json-ld"),
        (page.first("content-language", "language", "dc.language", "inlanguage"), "meta"),
        (page.first("og:locale"), "opengraph"),
    ):
        tag = language_tag(label)
        if tag:
            return Extracted(tag, source, 0.8)
    return None
