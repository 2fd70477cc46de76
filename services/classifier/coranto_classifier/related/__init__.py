"""Articles about the same event, across publishers and languages. Optional."""
