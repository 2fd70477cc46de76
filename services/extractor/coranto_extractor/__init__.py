"""The extractor service of Coranto."""
