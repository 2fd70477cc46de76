"""Why the classifier may give a record back: the same words in metrics, logs, dead letters and docs."""

REASONS: dict[str, str] = {
    "analysis_deadline": "The analysis of the text took longer than allowed; the worker process was ended and replaced.",
    "analysis_process_lost": "The worker process died or ran out of memory while it analysed the text, twice.",
    "story_index_unavailable": "Redis did not answer while the story was looked up.",
}
"""Each reason and one sentence about it."""

SYSTEMIC = frozenset({"story_index_unavailable"})
"""Reasons whose cause is not the message: a run of one of them stops the reading of further messages for a while."""
