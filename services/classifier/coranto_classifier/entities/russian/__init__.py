"""Entities in Russian text: found by a tagger, trimmed to their boundaries, and put into the nominative."""
