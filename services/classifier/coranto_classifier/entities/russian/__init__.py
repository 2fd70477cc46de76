"""Russian names: found by a tagger, cut out of the text, and brought into their dictionary form."""
