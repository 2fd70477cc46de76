"""The article store as the gateway reads it: on request, and announcement by announcement."""
