"""Words as a search compares them, and what a user types as an expression of them."""
