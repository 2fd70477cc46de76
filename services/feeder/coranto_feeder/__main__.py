"""Runs the feeder until it is told to stop: `python -m coranto_feeder`."""

from coranto.worker.command_line import run
from coranto_feeder.app import create

if __name__ == "__main__":
    run(create, "coranto_feeder")
