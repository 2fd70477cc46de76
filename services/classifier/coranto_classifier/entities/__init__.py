"""The people, organisations and places that a text names."""
