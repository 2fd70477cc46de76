"""robots.txt: what a file says to one agent (`RobotsRules`), and the files of all sites (`cache`)."""

from coranto.http.robots.rules import RobotsRules

__all__ = ["RobotsRules"]
