"""Runs the fetcher until it is told to stop: `python -m coranto_fetcher`."""

from coranto.worker.command_line import run
from coranto_fetcher.app import create

if __name__ == "__main__":
    run(create, "coranto_fetcher")
