"""Addresses on the web: what is taken for one, and what of it is shown."""
