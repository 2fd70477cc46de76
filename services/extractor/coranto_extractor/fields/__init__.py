"""Title, authors, dates and the other fields, each read where the page gives it."""
