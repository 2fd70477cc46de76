"""Articles as commands find them: in the store, on their way, and in this process alone."""
