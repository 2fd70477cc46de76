"""Finds paragraphs that are not part of the text because they name the author above it or introduce the author below it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from coranto_extractor.fields.authorship.author_names import bare_name, has_two_parts
from coranto_extractor.language.text_comparison import alphanumeric_key
from coranto_extractor.page.blocks import text_weight

# Among so many last paragraphs, and never among so many first ones, may be an introduction of an author.
_LAST_PARAGRAPHS = 4
_FIRST_PARAGRAPHS = 4
_MAX_BIO_WEIGHT = 700
# At the end of the text, so many characters may stand before the name: the office, or words such as “our”.
_MAX_CHARS_BEFORE_NAME = 40


def article_indexes(texts: Sequence[str], authors: Iterable[str]) -> list[int]:
    """The indexes of the paragraphs without those that name or introduce an author, and without what follows a bio."""
    names = [name for name in authors if has_two_parts(name)]
    # A first line that only names the author is the byline.
    keys = {alphanumeric_key(name) for name in names}
    first = next((n for n, text in enumerate(texts) if alphanumeric_key(bare_name(text)) not in keys), 0)
    kept = texts[first:]
    bios = [n for n, text in enumerate(kept) if _introduces(text, names)]
    if len(bios) == 1 and bios[0] >= _FIRST_PARAGRAPHS:
        above, below = kept[: bios[0]], kept[bios[0] + 1 :]
        if sum(map(text_weight, below)) < sum(map(text_weight, above)):
            return list(range(first, first + bios[0]))
    last_paragraphs = max(_FIRST_PARAGRAPHS, len(kept) - _LAST_PARAGRAPHS)
    return [
        first + n
        for n, text in enumerate(kept)
        if n < last_paragraphs or not (n in bios or _introduces(text, names, _MAX_CHARS_BEFORE_NAME))
    ]


def _introduces(text: str, names: Sequence[str], max_chars_before_name: int = 0) -> bool:
    """True for “Jane Doe writes about bridges”: a text gives its author's full name only in an introduction.

    In an interview, “Jane Doe: And what comes next?” is a question.
    """
    return text_weight(text) <= _MAX_BIO_WEIGHT and any(
        name in text[: len(name) + max_chars_before_name] and not text.startswith(f"{name}:") for name in names
    )
