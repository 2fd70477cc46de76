"""robots.txt: what a file says to one agent, and the files of all sites."""
