"""What a response means for the fetch: its kind, its headers, a challenge in place of the page, and what to do then."""
