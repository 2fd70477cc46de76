"""Splits a line under a picture into its caption and its photo credit."""

from __future__ import annotations

import re
from collections.abc import Callable

from coranto_extractor.language import phrase_lists
from coranto_extractor.language.phrase_lists import alternatives, cached_per_languages
from coranto_extractor.language.scripts import CAPITALS
from coranto_extractor.page.blocks import normalize_space

# “The bridge is open © Jane Doe”
_COPYRIGHT_SIGN = re.compile(r"\s*[(\[]?\s*(?:©|\(c\)|&copy;)\s*([^)\]]{2,100})[)\]]?\s*\.?$", re.IGNORECASE)
# “The bridge is open. Jane Doe/Agency”
_SENTENCE_THEN_SOURCE = re.compile(r"^(?P<caption>.{3,400}?[.!?»”\"])\s+(?P<credit>[^.!?\n]{2,60}/[^.!?\n]{2,60})$")
# “The bridge is open (Jane Doe / Agency)”
_SOURCE_IN_BRACKETS = re.compile(r"\s*\(([^()\n]{2,60}/[^()\n]{2,60})\)\s*\.?$")
# Every labelled credit except “Photo by …” contains one of these. Looking for them first is cheap.
_CREDIT_CHARACTERS = frozenset(":：©/(")


@cached_per_languages
def _labelled_credit() -> re.Pattern[str]:
    labels = "|".join(re.escape(label) for label in phrase_lists.phrases("photo_labels"))
    by, of = alternatives("credit_by"), alternatives("credit_of")
    # In brackets, after a separator, or at the very end after a sentence: “(Фото: N. N. / Agency)”, “Foto: N. N.”
    return re.compile(
        rf"[\s(\[|–—-]*(?<!\w)(?:{labels})"
        rf"(?:(?:\s(?:{by}|{of}))?\s?[:：©/]|\s{by}(?=\s(?-i:[{CAPITALS}])))"
        r"\s*(?P<credit>[^)\]\n]{2,120})[)\]]?\s*\.?\s*$",
        re.IGNORECASE,
    )


def split_caption(text: str) -> tuple[str | None, str | None]:
    """Caption and credit of a line under a picture; either may be None."""
    text = normalize_space(text)
    for pattern in (_labelled_credit(), _COPYRIGHT_SIGN, _SOURCE_IN_BRACKETS):
        match = pattern.search(text)
        if match:
            credit = match.group(1).strip(" .,;:|/")
            # Some pages write two labels: “Photo: Picture: …”
            credit = _labelled_credit().sub(r"\g<credit>", credit)
            return text[: match.start()].strip(" |–—-(") or None, credit or None
    match = _SENTENCE_THEN_SOURCE.match(text)
    if match:
        return match["caption"], match["credit"].strip()
    return text or None, None


def holds_credit(text: str, get_spaced_text: Callable[[], str]) -> bool:
    """True when the text contains a photo credit.

    `get_spaced_text` returns the same text with spaces between its elements. It is costly, so it is called only when needed.
    """
    if _CREDIT_CHARACTERS.isdisjoint(text):
        return False
    return bool(_COPYRIGHT_SIGN.search(normalize_space(text)) or _labelled_credit().search(get_spaced_text()))
