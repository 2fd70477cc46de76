"""What `coranto run` does on a system that is up: one job, from what is submitted to what came of it."""
