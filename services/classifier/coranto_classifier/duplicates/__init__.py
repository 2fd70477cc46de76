"""Near-duplicate stories: copies, excerpts and updates of an article."""
