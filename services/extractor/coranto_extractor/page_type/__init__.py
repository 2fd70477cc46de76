"""What a page is: an article, or what else, on what evidence, and how sure that is."""
