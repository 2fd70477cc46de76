"""When the article was published and last changed."""
