"""Runs the extractor until it is stopped: `python -m coranto_extractor`."""

from coranto.worker.command_line import run
from coranto_extractor.app import create

if __name__ == "__main__":
    run(create, "coranto_extractor")
