"""The page for people: what the API serves, rendered here, without a script of its own beside htmx."""
