"""The registry of feeds and other sources."""
