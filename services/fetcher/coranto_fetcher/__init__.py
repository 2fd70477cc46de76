"""The fetcher service of Coranto."""
