"""Alerts: saved searches that tell people of new stories, at once or as a digest."""
