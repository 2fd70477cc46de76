"""The article store on PostgreSQL."""
