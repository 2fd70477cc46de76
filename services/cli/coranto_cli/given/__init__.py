"""What a user names on the command line, and what is checked of it before a run."""
