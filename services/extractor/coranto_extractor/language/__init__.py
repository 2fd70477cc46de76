"""Words and date conventions of each language, and comparison of texts in any language."""
