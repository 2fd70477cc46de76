"""Which labelled sources the shipped models may learn from, on what terms, and how heavily each counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """A labelled source: its terms, and the weight of its texts in training; 0 keeps it for evaluation only."""

    name: str
    terms: str
    weight: float = 1.0


SOURCES = {
    source.name: source
    for source in (
        Source("lenta-headlines", "no terms stated; headlines (c) Lenta.ru"),
        Source("lenta-weak", "as lenta-headlines; topics by a word list", 0.6),
        Source("lenta-hand", "as lenta-headlines; topics set by hand", 3.0),
        Source("lenta-texts", "no terms stated; texts (c) Lenta.ru"),
        Source("ria", "MIT (repository); texts (c) RIA Novosti"),
        Source("telegram-contest", "Apache-2.0 (repository)", 2.0),
        Source("bsnlp", "shared-task data, CC BY-SA 4.0", 0.3),
        Source("huffpost", "CC BY 4.0 at the origin", 0.8),
        Source("sib-200", "CC BY-SA 4.0", 0.7),
        Source("turkish-headlines", "no terms stated"),
        Source("wikipedia-current-events", "CC BY-SA 4.0 (3.0 before June 2023)"),
        Source("huffpost-balanced", "CC BY 4.0 stated by the compiler; headlines (c) HuffPost", 0.6),
        Source("us-federal-titles", "public domain"),
        # Of two topics each: what looks like Hausa or Japanese would be health or politics, whatever it is about.
        Source("voa-hausa", "texts public domain; two topics: not trained on", 0.0),
        Source("wikinews-ja", "CC BY 2.5, set CC BY-SA 4.0; two topics: not trained on", 0.0),
        Source("kremlin.ru", "CC BY 4.0"),
        Source("own", "written for this project, Apache-2.0", 2.0),
        Source("ag-news-test", "non-commercial research: evaluation only", 0.0),
        Source("bbc", "research use: evaluation only", 0.0),
        Source("masakhanews", "CC BY-NC 4.0: evaluation only", 0.0),
    )
}
"""Sources by name. A user's own source that is not listed has weight 1."""

_OVER_REPRESENTED = frozenset({"14000000", "10000000", "08000000", "07000000"})
# The balanced set has the same number of headlines for each category, unlike news.


def weight_of(source: str, topic: str) -> float:
    """Weight of a text of this source and topic in training."""
    weight = SOURCES[source].weight if source in SOURCES else 1.0
    return weight / 2 if source == "huffpost-balanced" and topic in _OVER_REPRESENTED else weight
