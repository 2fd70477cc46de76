"""Looking into a running pipeline: for the command line and the gateway; nothing here writes to a terminal."""
