"""What is decided about an article: which one a page is of, when it has changed, is withdrawn, and what the ledger says of it."""
