"""Why the classifier may give a record back: the same words in metrics, logs, dead letters and docs."""

REASONS: dict[str, str] = {
    "analysis_deadline": "The models ran longer on the text than the deadline allows; the process was ended.",
    "analysis_process_lost": "The process that held the models ended while it worked on the text.",
    "story_index_unavailable": "Redis did not answer while the story was looked up.",
}
"""Reason and one sentence about it."""

SYSTEMIC = frozenset({"story_index_unavailable", "analysis_process_lost"})
"""Reasons whose cause is not the message: a run of them makes the stage pause."""
