"""Responses read as browsers read them: head, body in chunks, packings undone within bounds, and headers that say something."""
