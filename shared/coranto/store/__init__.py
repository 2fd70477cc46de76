"""The article store: articles, revisions and the ledger, behind one interface."""
