"""What is kept in Redis from one visit to an article to the next, and while a visit waits for its host."""
