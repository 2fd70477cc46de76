"""Entities in the languages that share one table of word pieces and one kind of tagger."""
