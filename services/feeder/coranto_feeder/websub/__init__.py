"""Feeds whose hubs tell when they change, so that they are polled at once (WebSub, W3C Recommendation of 2018)."""
