"""What a page holds: its bytes as one tree, what it states, and its text cut into blocks."""
