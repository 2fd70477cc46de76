"""Entities in English text."""
