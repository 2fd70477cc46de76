"""What can be seen of a page without parsing it, in time that grows with the page and with nothing else."""
