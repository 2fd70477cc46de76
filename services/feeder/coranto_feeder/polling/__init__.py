"""Polls sources: when, how their documents are fetched and taken in, and what is new in them."""
