"""The article store on SQLite."""
