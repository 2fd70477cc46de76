"""The page store: every page's bytes, kept once under their SHA-256, compressed."""

from coranto.pages.store import CorruptPageError, FilePageStore, MissingPageError, PageStore, PageTooLargeError

__all__ = ["CorruptPageError", "FilePageStore", "MissingPageError", "PageStore", "PageTooLargeError"]
