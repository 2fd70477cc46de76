"""Tells a standfirst, the summary that a page shows between headline and text, by the names in its markup."""

from __future__ import annotations

import re

from coranto_extractor.language.phrase_lists import cached_per_languages, class_alternatives
from coranto_extractor.page.blocks import Block


@cached_per_languages
def _standfirst_class() -> re.Pattern[str]:
    return re.compile(
        r"(?:^|[\s_-])(?:lead|lede|intro|introduction|standfirst|dek|deck|subtitle|sub-?title|subhead\w*|summary|excerpt"
        rf"|announce|preview|description|abstract|{class_alternatives('standfirst_class_names')})(?:$|[\s_-])",
        re.IGNORECASE,
    )


def is_marked_as_standfirst(block: Block) -> bool:
    """Whether the names of the block's own element say so."""
    names = f"{block.element.get('class') or ''} {block.element.get('itemprop') or ''}"
    return bool(_standfirst_class().search(names))
