"""Where connections go: names resolved in bounded time, addresses guarded, and heads read as browsers read them."""
