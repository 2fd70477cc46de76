"""Word lists of each language, and what texts are compared by."""
