"""What the fetcher reads from the page itself, in a process of its own: its next page, and the rights it states."""
