"""What requests and answers are made of, and what every request passes before a route sees it."""
