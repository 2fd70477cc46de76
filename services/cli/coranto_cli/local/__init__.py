"""The pipeline on one machine without Docker: supervisor, reaper and an embedded Redis."""
