"""Counts how many articles of each source lack a field. A field that is suddenly missing means that a site changed its pages."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Metric

from coranto.records import Content

WATCHED_FIELDS = ("title", "published", "authors", "section", "tags", "image", "lead", "declared_language")
_MAX_SOURCES = 500
_OTHERS = "others"


class FieldMetrics:
    """Counters of articles read, and of fields missing in them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        # Sources are named by the user, without a limit on their number. Beyond this one they are counted together.
        self._sources: set[str] = set()
        self._articles = Counter(
            "coranto_extractor_articles", "Articles read, by source.", ["source"], registry=self.registry
        )
        self._missing = Counter(
            "coranto_extractor_field_missing",
            "Articles read without this field, by source.",
            ["source", "field"],
            registry=self.registry,
        )

    def collect(self) -> Iterable[Metric]:
        """The counters, for a registry that this object is registered with."""
        return self.registry.collect()

    def count(self, source: str, content: Content) -> None:
        """Count one article."""
        if source not in self._sources:
            if len(self._sources) >= _MAX_SOURCES:
                source = _OTHERS
            self._sources.add(source)
        self._articles.labels(source).inc()
        for name in WATCHED_FIELDS:
            if not getattr(content, name):
                self._missing.labels(source, name).inc()
