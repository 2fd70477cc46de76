"""Trains the classifier's models from labelled files. Run from a checkout; not part of the installed package."""
