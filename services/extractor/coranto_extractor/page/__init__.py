"""The page itself: its bytes as one tree, what it states, and its text split into blocks."""
