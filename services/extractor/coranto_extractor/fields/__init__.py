"""The fields of an article: title, authors, dates and so on, each found where the page gives it."""
